"""The rules of `runs/repair`."""

from collections.abc import Iterable, Mapping

from jobmedic.sandbox.world.progress import Progress
from jobmedic.sandbox.world.runif import bad
from jobmedic.sandbox.world.specs import defaults_of
from jobmedic.sandbox.world.state import Job, Json, Refusal, Repair, Run


def repair(progress: Progress, run: Run, job: Job, body: Json, *, by: str, repair_id: int, now: int) -> int:
    """Starts a repair under the job's *current* settings, with only the parameters that were sent; returns its id."""
    keys = _keys(run, job, body)
    if not run.repairs:
        run.first_state, run.first_ended = run.state, run.ended
    params = {**defaults_of(job.settings), **{k: str(v) for k, v in (body.get("job_parameters") or {}).items()}}
    run.settings, run.behaviours, run.params = _current(run, job), job.behaviours, params
    made = Repair(repair_id, by, now, params)
    run.repairs.append(made)
    made.attempts = [a.run_id for a in progress.begin(run, keys, repair_id)]
    return repair_id


def _current(run: Run, job: Job) -> Json:
    """The job's settings of now for the tasks that the run has; tasks that came later are not part of it."""
    now = {t["task_key"]: t for t in job.settings.get("tasks", [])}
    return {**job.settings, "tasks": [now.get(key, spec) for key, spec in run.specs().items()]}


def check_repair(run: Run, body: Json) -> None:
    """What can be told from the run alone."""
    if run.run_type != "JOB_RUN":
        raise Refusal(f"Run {run.run_id} is a one-time run; only runs of jobs can be repaired.")
    if not run.state.terminal:
        raise Refusal(f"Run {run.run_id} is still in progress and can't be repaired.", code="INVALID_STATE")
    if not run.attempts:
        raise Refusal(f"Run {run.run_id} was skipped; it has no tasks to repair.", code="INVALID_STATE")
    if body.get("rerun_tasks") and body.get("rerun_all_failed_tasks"):
        raise Refusal("Only one of rerun_tasks or rerun_all_failed_tasks can be specified.")
    sent = body.get("latest_repair_id")
    if run.repairs and sent is None:
        # Wording: github.com/databricks/databricks-sdk-py issue 157
        raise Refusal("The latest repair ID needs to be provided in order to create a new repair")
    if sent is not None and (not run.repairs or int(sent) != run.repairs[-1].repair_id):
        raise Refusal(f"The provided repair ID {sent} is not the latest repair of run {run.run_id}.")


def _keys(run: Run, job: Job, body: Json) -> list[str]:
    specs = {t["task_key"]: t for t in job.settings.get("tasks", [])}
    asked = set(body.get("rerun_tasks") or ())
    if body.get("rerun_all_failed_tasks"):
        asked = {k for k in run.specs() if bad(run.latest(k).state.result) or _kept(run.latest(k).state.result)}
    if not asked:
        raise Refusal("There are no tasks to rerun: name them in rerun_tasks or set rerun_all_failed_tasks.")
    if unknown := sorted(k for k in asked if k not in specs or k not in run.specs()):
        raise Refusal(f"Task keys {', '.join(unknown)} do not exist in run {run.run_id} and in its job's settings.")
    if body.get("rerun_dependent_tasks"):
        asked |= _dependents(specs.values(), asked)
    return [key for key in specs if key in asked]


def _kept(result: str | None) -> bool:
    return result in {"UPSTREAM_FAILED", "UPSTREAM_CANCELED", "CANCELED"}


def _dependents(specs: Iterable[Mapping[str, object]], roots: set[str]) -> set[str]:
    found = set(roots)
    grown = True
    while grown:
        grown = False
        for spec in specs:
            key, needs = str(spec["task_key"]), spec.get("depends_on") or []
            assert isinstance(needs, list)
            if key not in found and any(d["task_key"] in found for d in needs):
                found.add(key)
                grown = True
    return found - roots
