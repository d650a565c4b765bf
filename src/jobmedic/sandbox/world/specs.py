"""Job settings as the API's own JSON, made from a plan; and reading them: compute, time-outs, parameters."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from jobmedic.sandbox.scenario.plan import ClusterPlan, JobPlan, TaskPlan
from jobmedic.sandbox.world.state import Behaviour, Json

SPARK_VERSION = "16.4.x-scala2.12"
CLUSTER_KEY = "main"
UNCROWDED = 1000
"""The most concurrent runs that a job can ask for."""
ENVIRONMENT_KEY = "default"
_REFERENCE = re.compile(r"\{\{\s*job\.parameters\.(?:\[)?([A-Za-z0-9_.-]+)(?:\])?\s*\}\}")


def settings_of(plan: JobPlan) -> Json:
    settings: Json = {
        "name": plan.name,
        "tags": dict(plan.tags),
        "email_notifications": {"on_failure": list(plan.failure_emails)} if plan.failure_emails else {},
        "webhook_notifications": {},
        "timeout_seconds": 0,
        "max_concurrent_runs": plan.max_concurrent_runs or UNCROWDED,
        "tasks": [_task(t, plan) for t in plan.tasks],
        "format": "MULTI_TASK",
    }
    if plan.parameters:
        settings["parameters"] = [{"name": k, "default": v} for k, v in plan.parameters.items()]
    if plan.cluster is None:
        settings["environments"] = [
            {"environment_key": ENVIRONMENT_KEY, "spec": {"environment_version": "4", "dependencies": []}}
        ]
    elif plan.cluster.shared:
        settings["job_clusters"] = [{"job_cluster_key": CLUSTER_KEY, "new_cluster": _cluster(plan.cluster)}]
    if plan.run_as:
        settings["run_as"] = {"user_name": plan.run_as}
    return settings


def behaviours_of(plan: JobPlan) -> dict[str, Behaviour]:
    return {t.key: Behaviour(t.minutes, t.outcome) for t in plan.tasks}


def _cluster(plan: ClusterPlan) -> Json:
    scale: Json = (
        {"autoscale": {"min_workers": plan.workers, "max_workers": plan.max_workers}}
        if plan.max_workers
        else {"num_workers": plan.workers}
    )
    return {"spark_version": SPARK_VERSION, "node_type_id": plan.node, **scale}


def _task(task: TaskPlan, job: JobPlan) -> Json:
    spec: Json = {
        "task_key": task.key,
        "depends_on": [_dependency(n) for n in sorted(task.needs)],
        "run_if": task.run_if,
        "timeout_seconds": int((task.timeout_minutes or 0) * 60),
        "email_notifications": {},
        **_KINDS[task.type](task, job),
    }
    if task.retries is not None:
        spec["max_retries"] = task.retries
        spec["min_retry_interval_millis"] = int(task.retry_wait_seconds * 1000)
        spec["retry_on_timeout"] = task.retry_on_timeout
    if task.type in {"condition", "sql"}:
        return spec
    if job.cluster is None:
        spec["environment_key"] = ENVIRONMENT_KEY
    elif job.cluster.shared:
        spec["job_cluster_key"] = CLUSTER_KEY
    else:
        spec["new_cluster"] = _cluster(job.cluster)
    return spec


def _dependency(need: str) -> Json:
    key, _, outcome = need.partition("=")
    return {"task_key": key, "outcome": outcome} if outcome else {"task_key": key}


def _notebook(task: TaskPlan, job: JobPlan) -> Json:
    path = f"/Workspace/Jobs/{job.name.replace(' ', '_')}/{task.key}"
    return {"notebook_task": {"notebook_path": path, "base_parameters": dict(task.parameters), "source": "WORKSPACE"}}


def _file(task: TaskPlan, job: JobPlan) -> Json:
    path = f"/Workspace/Jobs/{job.name.replace(' ', '_')}/{task.key}.py"
    return {"spark_python_task": {"python_file": path, "parameters": _flags(task.parameters)}}


def _wheel(task: TaskPlan, job: JobPlan) -> Json:
    package = re.sub(r"[^a-z0-9_]", "_", job.name.lower())
    wheel = {"package_name": package, "entry_point": task.key, "named_parameters": dict(task.parameters)}
    return {
        "python_wheel_task": wheel,
        "libraries": [{"whl": f"/Volumes/main/jobs/wheels/{package}-1.0-py3-none-any.whl"}],
    }


def _jar(task: TaskPlan, job: JobPlan) -> Json:
    name = "".join(part.title() for part in re.split(r"[^A-Za-z0-9]", job.name))
    return {"spark_jar_task": {"main_class_name": f"com.example.jobs.{name}", "parameters": _flags(task.parameters)}}


def _sql(task: TaskPlan, job: JobPlan) -> Json:
    path = f"/Workspace/Jobs/{job.name}/{task.key}.sql"
    return {
        "sql_task": {"file": {"path": path}, "warehouse_id": "a1b2c3d4e5f60718", "parameters": dict(task.parameters)}
    }


def _for_each(task: TaskPlan, job: JobPlan) -> Json:
    inputs = json.dumps([str(n) for n in range(task.inputs)])
    inner = {"task_key": f"{task.key}_iteration", **_notebook(task, job)}
    inner["notebook_task"]["base_parameters"]["input"] = "{{input}}"
    return {"for_each_task": {"inputs": inputs, "concurrency": 2, "task": inner}}


def _condition(task: TaskPlan, _job: JobPlan) -> Json:
    return {"condition_task": {"op": "EQUAL_TO", "left": task.outcome, "right": "true"}}


_KINDS: Mapping[str, Callable[[TaskPlan, JobPlan], Json]] = {
    "notebook": _notebook,
    "spark_python": _file,
    "python_wheel": _wheel,
    "jar": _jar,
    "sql": _sql,
    "for_each": _for_each,
    "condition": _condition,
}


def _flags(parameters: Mapping[str, str]) -> list[str]:
    return [f"--{name}={value}" for name, value in parameters.items()]


def cluster_of(spec: Json, settings: Json) -> Json | None:
    """The cluster that a task runs on; None for serverless and for clusters that exist elsewhere."""
    if spec.get("new_cluster"):
        return dict(spec["new_cluster"])
    key = spec.get("job_cluster_key")
    for cluster in settings.get("job_clusters") or []:
        if key and cluster.get("job_cluster_key") == key:
            return dict(cluster["new_cluster"])
    return None


def defaults_of(settings: Json) -> dict[str, str]:
    return {p["name"]: p.get("default", "") for p in settings.get("parameters") or []}


def own_params(spec: Json, job_params: Mapping[str, str]) -> dict[str, str]:
    """A task's own parameters with references to job parameters resolved, flags (`--name=value`) read as pairs.

    A reference that nothing resolves stays as it is, as it does on the platform.
    """

    def resolved(text: str) -> str:
        return _REFERENCE.sub(lambda m: job_params.get(m[1], m[0]), text)

    return {name: resolved(str(value)) for name, value in _pairs(spec).items()}


def _pairs(spec: Json) -> dict[str, Any]:
    inner = (spec.get("for_each_task") or {}).get("task")
    if inner:
        return _pairs(inner)
    for kind, field in (("notebook_task", "base_parameters"), ("python_wheel_task", "named_parameters")):
        if spec.get(kind, {}).get(field):
            return dict(spec[kind][field])
    sql = (spec.get("sql_task") or {}).get("parameters")
    if sql:
        return dict(sql)
    for kind in ("spark_python_task", "spark_jar_task", "python_wheel_task"):
        if flags := spec.get(kind, {}).get("parameters"):
            return _from_flags([str(flag) for flag in flags])
    return {}


def _from_flags(flags: list[str]) -> dict[str, str]:
    """`--a=1 --b 2 c=3` as a mapping."""
    found: dict[str, str] = {}
    name = ""
    for flag in flags:
        key, equals, value = flag.partition("=")
        if equals:
            found[key.lstrip("-")] = value
        elif flag.startswith("--"):
            name = flag.lstrip("-")
        elif name:
            found[name], name = flag, ""
    return found


def identity_of(spec: Json) -> str | None:
    """What code a task runs, so that a one-time submit can be told to run a failed task again."""
    inner = (spec.get("for_each_task") or {}).get("task") or spec
    for kind, fields in (
        ("notebook_task", ("notebook_path",)),
        ("spark_python_task", ("python_file",)),
        ("python_wheel_task", ("package_name", "entry_point")),
        ("spark_jar_task", ("main_class_name",)),
    ):
        if inner.get(kind):
            return ":".join(str(inner[kind].get(f)) for f in fields)
    path = ((inner.get("sql_task") or {}).get("file") or {}).get("path")
    return str(path) if path else None
