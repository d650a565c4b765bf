"""Which runs to look at, their failures into the ledger, and what became of earlier actions."""
