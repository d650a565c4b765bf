"""`jobmedic triage` and `jobmedic watch`: passes over a workspace."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobmedic.cli.options import Json, ModeOption, PolicyOption, Since, Source, Tables, settings_of

if TYPE_CHECKING:
    from jobmedic.face import Jobmedic

RunId = Annotated[int | None, typer.Option("--run-id", help="Only this run, at once.", min=1)]
Every = Annotated[
    float, typer.Option("--every", metavar="SECONDS", help="Seconds from the end of a pass to the next.", min=1)
]

SHOWN = 20


def triage(
    run_id: RunId = None,
    mode: ModeOption = None,
    since: Since = None,
    tables: Tables = None,
    policy: PolicyOption = None,
    source: Source = None,
    as_json: Json = False,
) -> int:
    """One pass: read the failed runs, diagnose, decide, and act where the mode is act."""
    from jobmedic.cli.screen import print_json, stages
    from jobmedic.face import Jobmedic

    settings = settings_of(tables=tables, mode=mode, since=since, policy=policy, source=source)
    with Jobmedic(settings) as medic, stages(quiet=as_json) as on_stage:
        if run_id is not None:
            processed = medic.process_run(run_id, on_stage=on_stage)
            print_json(
                {"run_id": run_id, "decision": processed.decision, "pass": processed.report.as_dict()}
            ) if as_json else typer.echo(str(processed))
            return 0
        report = medic.triage(look_back=since is not None, on_stage=on_stage).as_dict()
        _show(medic, report, as_json=as_json)
    return 0


def watch(
    every: Every = 60,
    mode: ModeOption = None,
    since: Since = None,
    tables: Tables = None,
    policy: PolicyOption = None,
    source: Source = None,
    as_json: Json = False,
) -> int:
    """Passes until stopped. A pass that fails is reported, and the next one is made all the same."""
    from jobmedic.cli.screen import stages
    from jobmedic.face import Jobmedic
    from jobmedic.pipeline.triage import PassError

    settings = settings_of(tables=tables, mode=mode, since=since, policy=policy, source=source)
    with Jobmedic(settings) as medic:
        look_back = since is not None
        while True:
            try:
                with stages(quiet=True) as on_stage:
                    _show(medic, medic.triage(look_back=look_back, on_stage=on_stage).as_dict(), as_json=as_json)
            except PassError as error:
                typer.echo(f"jobmedic: {error}", err=True)
            look_back = False
            medic.equipment.clock.sleep(every)


def _show(medic: "Jobmedic", report: dict[str, Any], *, as_json: bool) -> None:
    from jobmedic.cli.screen import pass_lines, print_json

    if as_json:
        print_json(report)
        return
    for line in pass_lines(report):
        typer.echo(line)
    for line in _decided(medic, report["pass_id"]):
        typer.echo(line)


def _decided(medic: "Jobmedic", pass_id: str) -> list[str]:
    """The decisions of the pass, twenty at most."""
    from pyspark.sql import functions as F

    columns = ("job_name", "run_id", "category", "action", "status", "reason")
    made = medic.table("decisions").where(F.col("pass_id") == pass_id)
    rows = made.orderBy("action", "job_name", "run_id").select(*columns).limit(SHOWN + 1).collect()
    lines = [
        f"  {row['action']:<22} {row['status']:<9} {row['job_name'] or ''} (run {row['run_id']}): {row['reason']}"
        for row in rows[:SHOWN]
    ]
    return lines + (["  … `v_decisions` has them all"] if len(rows) > SHOWN else [])
