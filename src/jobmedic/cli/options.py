"""Options that several commands share, and the settings that they make."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from jobmedic.settings import Settings

Tables = Annotated[
    str | None,
    typer.Option(
        "--tables",
        metavar="WHERE",
        help="catalog.schema, or a folder for local Delta tables. Default: JOBMEDIC_TABLES.",
    ),
]
ModeOption = Annotated[
    str | None,
    typer.Option("--mode", metavar="shadow|act", help="shadow decides and records; act acts. Default: JOBMEDIC_MODE."),
]
Since = Annotated[str | None, typer.Option("--since", metavar="24h", help="How far back to look: 90s, 15m, 24h, 7d.")]
PolicyOption = Annotated[
    Path | None, typer.Option("--policy", metavar="FILE", help="Policy file. Default: JOBMEDIC_POLICY.")
]
Source = Annotated[
    str | None,
    typer.Option(
        "--source", metavar="api|system-tables", help="Where failed runs are found. Default: JOBMEDIC_SOURCE."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def settings_of(
    *,
    tables: str | None = None,
    mode: str | None = None,
    since: str | None = None,
    policy: Path | None = None,
    source: str | None = None,
) -> "Settings":
    """Flags beat the environment, which beats `.env`. Also turns the log on. Raises SettingsError."""
    from jobmedic.cli.screen import log_to_stderr
    from jobmedic.settings import Settings

    given: dict[str, Any] = {
        "jobmedic_tables": tables,
        "jobmedic_mode": mode,
        "jobmedic_since": since,
        "jobmedic_policy": str(policy) if policy else None,
        "jobmedic_source": source,
    }
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    log_to_stderr(settings.log_level)
    return settings
