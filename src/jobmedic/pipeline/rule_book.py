"""The rule catalogue as a frame, for what compares rules with verdicts."""

from pyspark.sql import DataFrame

from jobmedic.knowledge.catalogue import Catalogue
from jobmedic.ports.ledger import Ledger


def rules_frame(ledger: Ledger, catalogue: Catalogue) -> DataFrame:
    """The catalogue as (rule, category, action, confidence)."""
    rows = [
        {"rule": r.id, "category": r.category, "action": r.action, "confidence": r.confidence} for r in catalogue.rules
    ]
    return ledger.frame("diagnoses", rows).select("rule", "category", "action", "confidence")
