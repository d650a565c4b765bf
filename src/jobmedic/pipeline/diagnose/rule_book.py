"""The rule catalogue as a frame, for what compares rules with verdicts."""

from pyspark.sql import DataFrame

from jobmedic.knowledge.catalogue import Catalogue, Rule
from jobmedic.knowledge.policy import Policy
from jobmedic.knowledge.words import Action
from jobmedic.ports.ledger import Ledger


def rules_frame(ledger: Ledger, catalogue: Catalogue, policy: Policy) -> DataFrame:
    """(rule, category, action, confidence) as they stand today; the policy's word on an action beats the rule's."""
    rows = [
        {"rule": r.id, "category": r.category, "action": _action(r, policy), "confidence": r.confidence}
        for r in catalogue.rules
    ]
    return ledger.frame("diagnoses", rows).select("rule", "category", "action", "confidence")


def _action(rule: Rule, policy: Policy) -> Action:
    named = policy.rules.get(rule.id)
    return (named.action if named else None) or policy.categories[rule.category].action or rule.action
