"""The vocabulary: every closed set of words that tables, rules, policy and messages share.

All are string enumerations, so a member is the very string that stands in the tables.
"""

from enum import StrEnum


class Category(StrEnum):
    """Root cause of a failure, as an experienced on-call engineer would name it."""

    TIMEOUT = "timeout"
    RESOURCE = "resource"
    PERMISSION = "permission"
    SYNTAX = "syntax"
    NETWORK = "network"
    DATA_NOT_FOUND = "data_not_found"
    DATA_QUALITY = "data_quality"
    DEPENDENCY = "dependency"
    CONFIGURATION = "configuration"
    CONCURRENCY = "concurrency"
    INFRASTRUCTURE = "infrastructure"
    QUOTA = "quota"
    USER_CODE = "user_code"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class Action(StrEnum):
    """The five actions, from the least to the most cautious."""

    IGNORE = "ignore"
    RETRY = "retry"
    RETRY_WITH_NEW_PARAMS = "retry_with_new_params"
    SEND_EMAIL = "send_email"
    ESCALATE = "escalate"

    @property
    def caution(self) -> int:
        """Position in the order of caution; the decision of a run is the maximum over its failures."""
        return list(Action).index(self)


class Source(StrEnum):
    """Where a diagnosis comes from."""

    RULE = "rule"
    KNOWN = "known"
    MODEL = "model"
    HUMAN = "human"


class Mode(StrEnum):
    """`shadow` decides and records and touches nothing; `act` acts."""

    SHADOW = "shadow"
    ACT = "act"


class DecisionStatus(StrEnum):
    """What is to happen with a decision next."""

    READY = "ready"  # to be applied by this pass
    DEFERRED = "deferred"  # waits for `not_before`
    HELD = "held"  # follows the canary of its storm
    SHADOW = "shadow"  # recorded only: shadow mode, or the job is switched off
    DONE = "done"  # applied, refused, failed or superseded: the actions table says which


class ActionStatus(StrEnum):
    INTENDED = "intended"
    APPLIED = "applied"
    REFUSED = "refused"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class Outcome(StrEnum):
    RECOVERED = "recovered"
    FAILED_SAME = "failed_same"
    FAILED_OTHER = "failed_other"
    CANCELLED = "cancelled"
    PENDING = "pending"


class Verdict(StrEnum):
    CORRECT = "correct"
    WRONG = "wrong"
    WITHDRAWN = "withdrawn"  # takes the same person's earlier verdict on the decision back


class IncidentStatus(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"


class Compute(StrEnum):
    """A remedy that only changed compute brings; never part of a repair, which takes no compute."""

    MORE_WORKERS = "more_workers"
    LARGER_NODE = "larger_node"
    LONGER_TIMEOUT = "longer_timeout"
