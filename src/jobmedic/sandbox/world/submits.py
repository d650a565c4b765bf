"""The rules of `runs/submit`, and which failed run a one-time run runs again."""

import re
from collections.abc import Mapping

from jobmedic.sandbox.world.specs import identity_of
from jobmedic.sandbox.world.state import Hit, Json, Refusal, Run

_NUMBER = re.compile(r"[0-9]{10,}")
_TASK_KINDS = re.compile(r".+_task$")


def check_submit(body: Json) -> None:
    tasks = body.get("tasks") or []
    if not tasks:
        raise Refusal("At least one task must be specified.")
    keys = [t.get("task_key") for t in tasks]
    if len(set(keys)) != len(keys) or not all(keys):
        raise Refusal("Task keys must be given and must be unique within a run.")
    for task in tasks:
        _check_task(task, set(keys), body)


def _check_task(task: Json, keys: set[str], body: Json) -> None:
    key = task["task_key"]
    missing = [d["task_key"] for d in task.get("depends_on") or [] if d["task_key"] not in keys]
    if missing:
        raise Refusal(f"Task {key} depends on {', '.join(missing)}, which is not a task of this run.")
    if task.get("job_cluster_key"):
        raise Refusal(f"Task {key}: job_cluster_key can't be used in a one-time run; give it a new_cluster.")
    if not any(_TASK_KINDS.match(field) for field in task):
        raise Refusal(f"Task {key} does not say what to run.")
    environments = {e.get("environment_key") for e in body.get("environments") or []}
    if task.get("environment_key") and task["environment_key"] not in environments:
        raise Refusal(f"Task {key}: the environment {task['environment_key']} is not defined in environments.")


def link_origin(run: Run, runs: Mapping[int, Run]) -> None:
    """Lets a one-time run share the trouble of the failed run that it names, or whose code it runs."""
    named = [int(n) for n in _NUMBER.findall(run.name) if int(n) in runs]
    candidates = [runs[n] for n in named] or sorted(filter(_sick, runs.values()), key=lambda r: -r.started)
    identities = {key: identity_of(spec) for key, spec in run.specs().items()}
    for origin in candidates:
        shared = _shared(origin, identities)
        if shared or named:
            run.origin, run.hits = origin.run_id, shared
            run.behaviours = {**origin.behaviours, **run.behaviours}
            return


def _sick(run: Run) -> bool:
    return any(hit.failures and hit.cured_at is None for hit in run.hits.values())


def _shared(origin: Run, identities: Mapping[str, str | None]) -> dict[str, Hit]:
    """Trouble of the origin by the new run's task keys; same code, since keys may have been renamed."""
    found: dict[str, Hit] = {}
    for key, hit in origin.hits.items():
        if key not in origin.specs():
            continue
        identity = identity_of(origin.specs()[key])
        for new_key, new_identity in identities.items():
            if identity is not None and identity == new_identity:
                found[new_key] = hit
    return found
