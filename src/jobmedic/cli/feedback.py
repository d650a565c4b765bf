"""`jobmedic feedback`: what people think of decisions."""

from pathlib import Path
from typing import Annotated

import typer

from jobmedic.cli.options import Json, Tables, settings_of

DecisionId = Annotated[
    str | None,
    typer.Argument(metavar="ID", help="Decision id, as mails and `v_decisions` show it; its beginning suffices."),
]
VerdictOption = Annotated[
    str | None,
    typer.Option("--verdict", metavar="correct|wrong|withdrawn", help="withdrawn takes your earlier verdict back."),
]
CategoryOption = Annotated[str | None, typer.Option("--category", help="The right category, if the verdict is wrong.")]
ActionOption = Annotated[str | None, typer.Option("--action", help="The right action, if the verdict is wrong.")]
Comment = Annotated[str | None, typer.Option("--comment", help="Why, in your words.")]
By = Annotated[str | None, typer.Option("--by", help="Who judges. Default: the login name.")]
Import = Annotated[
    Path | None,
    typer.Option(
        "--import",
        metavar="FILE",
        help="CSV with decision_id, verdict, correct_category, correct_action, comment, given_by, given_at.",
    ),
]


def feedback(
    decision_id: DecisionId = None,
    verdict: VerdictOption = None,
    category: CategoryOption = None,
    action: ActionOption = None,
    comment: Comment = None,
    by: By = None,
    import_file: Import = None,
    tables: Tables = None,
    as_json: Json = False,
) -> int:
    """Record a person's verdict on a decision, or import many from a CSV file."""
    if import_file is not None:
        if decision_id is not None or verdict is not None:
            raise typer.BadParameter("give either --import or a decision with its verdict")
        return _import(import_file, by or _login(), tables, as_json=as_json)
    if decision_id is None or verdict is None:
        raise typer.BadParameter("give a decision id and --verdict, or --import FILE")
    from jobmedic.cli.screen import print_json
    from jobmedic.face import Jobmedic

    with Jobmedic(settings_of(tables=tables)) as medic:
        given_by = by or _login()
        said = medic.feedback(
            decision_id, verdict, given_by=given_by, category=category, action=action, comment=comment
        )
    if as_json:
        print_json({name: getattr(said, name) for name in said.__dataclass_fields__})
    else:
        typer.echo(
            f"recorded: {said.given_by} says {said.verdict} of decision {said.decision_id[:12]}; it counts from the next pass on"
        )
    return 0


def _import(path: Path, by: str, tables: str | None, *, as_json: bool) -> int:
    from jobmedic.cli.screen import print_json
    from jobmedic.face import Jobmedic

    with Jobmedic(settings_of(tables=tables)) as medic:
        report = medic.import_feedback(path, given_by=by)
    for line in report.broken:
        typer.echo(f"jobmedic: {path}:{line.line}: {line.reason}; the line is left out", err=True)
    if as_json:
        print_json({"recorded": report.recorded, "duplicates": report.duplicates, "broken": len(report.broken)})
    else:
        typer.echo(
            f"{report.recorded} verdicts recorded, {report.duplicates} known already, {len(report.broken)} lines left out"
        )
    return 1 if report.broken else 0


def _login() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
