"""A one-time submit that runs the failed part of a run again on changed compute, which no repair can bring.

Pure: from what the run and the job show to the body of `runs/submit`. What cannot be changed is refused, with the reason.
"""

import copy
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobmedic.knowledge.nodes import next_larger
from jobmedic.knowledge.policy import ComputePolicy
from jobmedic.knowledge.words import Compute
from jobmedic.ports.workspace import Job, Run

# Fields of `SubmitTask` in the Jobs API 2.2; a run's task shows many more, which belong to that run alone.
TASK_FIELDS = (
    "description",
    "run_if",
    "existing_cluster_id",
    "new_cluster",
    "environment_key",
    "compute",
    "libraries",
    "timeout_seconds",
    "email_notifications",
    "notification_settings",
    "webhook_notifications",
    "health",
    "disable_auto_optimization",
)
RUN_FIELDS = (
    "git_source",
    "environments",
    "timeout_seconds",
    "email_notifications",
    "notification_settings",
    "webhook_notifications",
    "budget_policy_id",
    "queue",
)
NAME_CHARACTERS = 4096
_PARAMETER = re.compile(r"\{\{\s*job\.parameters\.([A-Za-z0-9_.-]+)\s*\}\}")


class NotPossibleError(Exception):
    """Why this run cannot be started again with the change asked for."""


@dataclass(frozen=True, slots=True)
class Change:
    compute: Compute | None
    """None starts the tasks again as they were, which is all that a one-time run can have."""
    params: Mapping[str, str]


def submit_body(
    run: Run, job: Job | None, task_keys: Sequence[str], change: Change, policy: ComputePolicy
) -> dict[str, Any]:
    """Raises NotPossibleError."""
    settings: Mapping[str, Any] = job.raw if job else run.raw
    specs = _newest_specs(run)
    chosen = _with_dependents(specs, task_keys)
    clusters = {
        one.get("job_cluster_key"): one.get("new_cluster")
        for one in (*_list(settings, "job_clusters"), *_list(run.raw, "job_clusters"))
    }
    params = {**run.job_parameters, **change.params}
    tasks = [_task(specs[key], chosen, clusters, params) for key in sorted(chosen)]
    body = {name: copy.deepcopy(settings[name]) for name in RUN_FIELDS if settings.get(name)}
    body |= {"run_name": _name(run, job), "tasks": tasks}
    if job is not None and (principal := _run_as(job)):
        body["run_as"] = principal
    if change.compute is not None:
        _change(body, set(task_keys), change.compute, policy)
    return body


def possible(run: Run, job: Job | None, task_key: str, policy: ComputePolicy) -> list[str]:
    """The compute remedies that this task's own specification allows."""
    found = []
    for compute in Compute:
        try:
            submit_body(run, job, (task_key,), Change(compute, {}), policy)
        except NotPossibleError:
            continue
        found.append(compute.value)
    return found


def _newest_specs(run: Run) -> dict[str, dict[str, Any]]:
    newest: dict[str, dict[str, Any]] = {}
    for task in sorted(
        _list(run.raw, "tasks"), key=lambda one: (one.get("attempt_number") or 0, one.get("start_time") or 0)
    ):
        if task.get("task_key"):
            newest[str(task["task_key"])] = task
    return newest


def _with_dependents(specs: Mapping[str, Mapping[str, Any]], task_keys: Sequence[str]) -> set[str]:
    chosen = {key for key in task_keys if key in specs}
    if not chosen:
        raise NotPossibleError("the run does not show the tasks that failed, so they cannot be started again")
    while True:
        more = {key for key, task in specs.items() if key not in chosen and chosen & set(_depends_on(task))}
        if not more:
            return chosen
        chosen |= more


def _depends_on(task: Mapping[str, Any]) -> list[str]:
    return [str(one.get("task_key")) for one in _list(task, "depends_on")]


def _task(
    spec: Mapping[str, Any], chosen: set[str], clusters: Mapping[Any, Any], params: Mapping[str, str]
) -> dict[str, Any]:
    kinds = [name for name, value in spec.items() if name.endswith("_task") and value]
    task = {name: copy.deepcopy(spec[name]) for name in (*TASK_FIELDS, *kinds) if spec.get(name) is not None}
    task["task_key"] = spec["task_key"]
    kept = [one for one in _list(spec, "depends_on") if one.get("task_key") in chosen]
    if kept:
        task["depends_on"] = copy.deepcopy(kept)
    if key := spec.get("job_cluster_key"):
        if not clusters.get(key):
            raise NotPossibleError(
                f"task {spec['task_key']} runs on the job cluster {key}, which the run does not show"
            )
        task["new_cluster"] = copy.deepcopy(clusters[key])
    if "new_cluster" in task:
        task.pop("existing_cluster_id", None)  # a run shows the cluster that was made for it
    return {name: _filled(value, params) for name, value in _with_parameters(task, params).items()}


def _with_parameters(task: dict[str, Any], params: Mapping[str, str]) -> dict[str, Any]:
    """A one-time run has no job parameters: they go where the platform would have pushed them, and beat the task's own.

    Source: "Configure and edit tasks", Databricks documentation: job parameters are passed to tasks that take key-value
    parameters and win over task parameters of the same name.
    """
    if not params:
        return task
    for kind, where in (
        ("notebook_task", "base_parameters"),
        ("sql_task", "parameters"),
        ("run_job_task", "job_parameters"),
    ):
        if kind in task:
            task[kind][where] = {**(task[kind].get(where) or {}), **params}
    wheel = task.get("python_wheel_task")
    if wheel is not None and not wheel.get("parameters"):
        wheel["named_parameters"] = {**(wheel.get("named_parameters") or {}), **params}
    return task


def _filled(value: Any, params: Mapping[str, str]) -> Any:
    """`{{job.parameters.x}}` means nothing in a one-time run, so its value is written in its place."""
    if isinstance(value, str):
        return _PARAMETER.sub(lambda found: params.get(found[1], found[0]), value)
    if isinstance(value, Mapping):
        return {key: _filled(inner, params) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, params) for inner in value]
    return value


def _change(body: dict[str, Any], failed: set[str], compute: Compute, policy: ComputePolicy) -> None:
    tasks = [task for task in body["tasks"] if task["task_key"] in failed]
    if compute is Compute.LONGER_TIMEOUT:
        _lengthen(body, tasks, policy)
        return
    for task in tasks:
        clusters = list(_clusters(task))
        if not clusters:
            raise NotPossibleError(
                f"task {task['task_key']} runs on serverless or all-purpose compute, whose size is not the job's to change"
            )
        for cluster in clusters:
            _enlarge(cluster, compute, policy, str(task["task_key"]))


def _clusters(task: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if task.get("new_cluster"):
        yield task["new_cluster"]
    inner = (task.get("for_each_task") or {}).get("task")
    if isinstance(inner, dict):
        yield from _clusters(inner)


def _enlarge(cluster: dict[str, Any], compute: Compute, policy: ComputePolicy, task_key: str) -> None:
    if compute is Compute.LARGER_NODE:
        node = str(cluster.get("node_type_id") or "")
        larger = policy.larger_node.get(node) or next_larger(node)
        if larger is None:
            raise NotPossibleError(
                f"no node type larger than {node or 'that of its pool'} is known for task {task_key}; name one in the policy's compute.larger_node"
            )
        cluster["node_type_id"] = larger
        if cluster.get("driver_node_type_id") == node:
            cluster["driver_node_type_id"] = larger
        return
    scale = cluster.get("autoscale")
    present = int((scale or cluster).get("max_workers" if scale else "num_workers") or 0)
    wanted = min(math.ceil(present * policy.worker_factor), policy.max_workers)
    if wanted <= present:
        raise NotPossibleError(
            f"task {task_key} has {present} workers, and the policy allows no more than {policy.max_workers}"
            if present
            else f"task {task_key} runs on a single node, which takes no workers"
        )
    if scale:
        scale["max_workers"] = wanted
    else:
        cluster["num_workers"] = wanted


def _lengthen(body: dict[str, Any], tasks: Sequence[dict[str, Any]], policy: ComputePolicy) -> None:
    most = int(policy.max_timeout_hours * 3600)
    limited = [one for one in (body, *tasks) if one.get("timeout_seconds")]
    if not limited:
        raise NotPossibleError("neither the job nor its failed tasks have a time limit that could be lengthened")
    for one in limited:
        present = int(one["timeout_seconds"])
        if present >= most:
            raise NotPossibleError(
                f"the time limit is {present} seconds already, and the policy allows no more than {most}"
            )
        one["timeout_seconds"] = min(int(present * policy.timeout_factor), most)


def _name(run: Run, job: Job | None) -> str:
    what = (job.name if job else None) or run.run_name or "run"
    return f"jobmedic: {what} (again for run {run.run_id})"[:NAME_CHARACTERS]


def _run_as(job: Job) -> dict[str, str] | None:
    """The identity that the job runs as: its tasks must not gain or lose rights by running again."""
    if not job.run_as:
        return None
    return {"user_name" if "@" in job.run_as else "service_principal_name": job.run_as}


def _list(raw: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    return [one for one in raw.get(name) or () if isinstance(one, dict)]
