"""Which errors are somebody's to mend, and with which exit code each ends."""

import sys

BAD_USE = 2
FAILED = 1

# By module, so that nothing is imported that the failed command had not imported itself.
_BAD_USE = (
    ("jobmedic.settings.errors", "SettingsError"),
    ("jobmedic.knowledge.policy", "PolicyError"),
    ("jobmedic.knowledge.catalogue", "CatalogueError"),
    ("jobmedic.pipeline.feedback.record", "FeedbackError"),
    ("jobmedic.sandbox.scenario.loader", "ScenarioError"),
    ("jobmedic.edges.delta_ledger.place", "PlaceError"),
)
_FAILED = (
    ("jobmedic.pipeline.triage", "PassError"),
    ("jobmedic.pipeline.tune.examples", "TuneRefused"),
    ("jobmedic.ports.ledger", "LedgerError"),
    ("jobmedic.ports.workspace", "WorkspaceError"),
    ("jobmedic.ports.model", "ModelError"),
    ("jobmedic.ports.notices", "NoticeError"),
    ("jobmedic.edges.spark", "SparkError"),
)


def explained(error: Exception) -> tuple[str, int] | None:
    """Message and exit code; None for an error that is jobmedic's own and wants its trace."""
    for known, code in ((_BAD_USE, BAD_USE), (_FAILED, FAILED)):
        for module, name in known:
            kind = getattr(sys.modules.get(module), name, None)
            if isinstance(kind, type) and isinstance(error, kind):
                return str(error), code
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}", FAILED
    return None
