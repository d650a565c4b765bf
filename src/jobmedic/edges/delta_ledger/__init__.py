"""The ledger as Delta tables: where they live, how they are made and brought up to date, read, written and kept small."""
