"""`jobmedic report`: the HTML report over the tables."""

from pathlib import Path
from typing import Annotated

import typer

from jobmedic.cli.options import Json, Since, Tables, settings_of

Output = Annotated[Path, typer.Option("--output", metavar="FILE", help="Where the report goes.")]


def report(
    output: Output = Path(".jobmedic/report.html"), since: Since = None, tables: Tables = None, as_json: Json = False
) -> int:
    """Write one HTML file with what happened: no network needed to read it."""
    from jobmedic.cli.screen import print_json
    from jobmedic.face import Jobmedic

    settings = settings_of(tables=tables, since=since)
    with Jobmedic(settings) as medic:
        figures = medic.report(output, since=settings.jobmedic_since if since else None)
    if as_json:
        print_json({"report": str(output), **figures.totals})
    else:
        typer.echo(f"{output}: {figures.totals['decisions']} decisions, {figures.totals['recovered']} runs recovered")
    return 0
