"""`jobmedic learn`: how often it was right, and what follows."""

from pathlib import Path
from typing import Annotated

import typer

from jobmedic.cli.options import Json, PolicyOption, Tables, settings_of

Pictures = Annotated[
    Path | None,
    typer.Option("--pictures", metavar="FOLDER", help="Keep the pictures here too; they go to MLflow in any case."),
]


def learn(tables: Tables = None, policy: PolicyOption = None, pictures: Pictures = None, as_json: Json = False) -> int:
    """Score decisions against outcomes and feedback, log to MLflow, and print recommendations."""
    from dataclasses import asdict

    from jobmedic.cli.screen import print_json
    from jobmedic.face import Jobmedic

    with Jobmedic(settings_of(tables=tables, policy=policy)) as medic:
        report = medic.learn(pictures)
    if as_json:
        print_json(asdict(report))
    else:
        typer.echo("\n".join(report.lines()))
    return 0
