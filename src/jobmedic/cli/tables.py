"""`jobmedic tables`: the ledger's own upkeep."""

from typing import Annotated

import typer

from jobmedic.cli.options import Json, Tables, settings_of

app = typer.Typer(help="Make, upgrade and maintain the tables.", no_args_is_help=True)

Analysts = Annotated[
    str | None,
    typer.Option(
        "--analysts",
        metavar="GROUP",
        help="Group that may read everything, on Databricks. Default: JOBMEDIC_ANALYSTS_GROUP.",
    ),
]


@app.command("upgrade")
def upgrade(tables: Tables = None, analysts: Analysts = None, as_json: Json = False) -> int:
    """Bring schema, tables, views and volume to this version; a second time it changes nothing."""
    from jobmedic.cli.screen import print_json
    from jobmedic.edges.delta_ledger.upgrade import upgrade as upgrade_tables
    from jobmedic.wiring import opened

    with opened(settings_of(tables=tables)) as equipment:
        group = analysts or equipment.settings.jobmedic_analysts_group
        report = upgrade_tables(equipment.bare_ledger, now=equipment.clock.now(), analysts=group)
    if as_json:
        print_json(
            {"place": report.place, "before": report.before, "version": report.version, "changes": report.changes}
        )
        return 0
    typer.echo(
        f"tables in {report.place}: version {report.version}"
        + (f", {len(report.changes)} changes" if report.changes else ", nothing to change")
    )
    for change in report.changes:
        typer.echo(f"  {change}")
    return 0
