"""`jobmedic check`: proves each connection and shows the effective settings, secrets masked."""

from typing import Annotated

import typer

from jobmedic.cli.options import Json, PolicyOption, Tables, settings_of

SendTo = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="ADDRESS",
        help="Where the test message goes. Default: the on-call, else EMAIL_DEFAULT_RECIPIENT, else EMAIL_SENDER.",
    ),
]


def check(tables: Tables = None, policy: PolicyOption = None, to: SendTo = None, as_json: Json = False) -> int:
    """Prove the connections to workspace, model, mail, tables and MLflow; the exit code is 1 when one that is set up fails."""
    from jobmedic.checks import check_all
    from jobmedic.cli.screen import print_json
    from jobmedic.wiring import opened

    with opened(settings_of(tables=tables, policy=policy)) as equipment:
        found = check_all(equipment, mail_to=to)
        effective = equipment.settings.effective()
    if as_json:
        print_json(
            {
                "checks": [{"name": one.name, "state": one.state, "told": one.told} for one in found],
                "settings": effective,
            }
        )
        return 1 if any(one.failed for one in found) else 0
    for one in found:
        typer.echo(f"{one.state:<7} {one.name:<10} {one.told}")
    typer.echo("\nsettings")
    for name, value in effective.items():
        typer.echo(f"  {name:<32} {value}")
    return 1 if any(one.failed for one in found) else 0
