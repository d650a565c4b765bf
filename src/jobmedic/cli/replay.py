"""`jobmedic replay`: what another policy would have decided."""

from pathlib import Path
from typing import Annotated

import typer

from jobmedic.cli.options import Json, Since, Tables, settings_of

OtherPolicy = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        help="The other policy. Default: the one in force, to see what other rules or bars change.",
    ),
]
Rules = Annotated[Path | None, typer.Option("--rules", metavar="FOLDER", help="Another rule catalogue.")]
Bar = Annotated[
    float | None, typer.Option("--confidence", help="One confidence bar for all categories but unknown.", min=0, max=1)
]


def replay(
    policy: OtherPolicy = None,
    rules: Rules = None,
    confidence: Bar = None,
    since: Since = None,
    tables: Tables = None,
    as_json: Json = False,
) -> int:
    """Decide all stored failures again under another policy, and show what would change. Acts on nothing."""
    from dataclasses import asdict

    from jobmedic.cli.screen import print_json
    from jobmedic.face import Jobmedic

    if policy is None and rules is None and confidence is None:
        raise typer.BadParameter("give --policy, --rules or --confidence: something has to differ")
    settings = settings_of(tables=tables, since=since)
    with Jobmedic(settings) as medic:
        report = medic.replay(
            policy=policy, rules=rules, confidence=confidence, since=settings.jobmedic_since if since else None
        )
    if as_json:
        print_json(asdict(report))
    else:
        typer.echo("\n".join(report.lines()))
    return 0
