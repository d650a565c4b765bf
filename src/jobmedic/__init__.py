"""First aid for failed Databricks job runs.

`with Jobmedic(Settings()) as medic: medic.triage()` is one pass over the workspace that the settings name.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobmedic.face import Jobmedic
    from jobmedic.settings import Settings

__all__ = ["Jobmedic", "Settings"]


def __getattr__(name: str) -> Any:
    # Spark, MLflow and the SDK are imported by what needs them: `import jobmedic` and `jobmedic --help` stay quick.
    if name == "Jobmedic":
        from jobmedic.face import Jobmedic

        return Jobmedic
    if name == "Settings":
        from jobmedic.settings import Settings

        return Settings
    raise AttributeError(f"module jobmedic has no attribute {name}")
