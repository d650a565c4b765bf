"""What a failed task run says of itself, also where it says it in another place."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from jobmedic.edges.databricks_workspace import records
from jobmedic.edges.databricks_workspace.calls import Calls
from jobmedic.edges.databricks_workspace.fields import number
from jobmedic.edges.texts import ERROR_HEAD, TRACE_HEAD, kept, size
from jobmedic.ports.workspace import RunGone, TaskOutput, WorkspaceError

GET_OUTPUT = "/api/2.2/jobs/runs/get-output"
GET_RUN = "/api/2.2/jobs/runs/get"

# An error begins with what failed; a trace ends with the deepest cause.

_LOG_LINES = 60
_LOG_CHARACTERS = 16_000
_DEPTH = 3
_ITERATIONS_ASKED = 3


def read_output(calls: Calls, task_run_id: int, max_bytes: int) -> TaskOutput:
    """Raises RunGone. A for-each task shows its iteration's error, a run-job task that of the run it started."""
    raw = _output(calls, task_run_id, _DEPTH)
    error, trace = raw.get("error"), raw.get("error_trace")
    if not _said(raw):
        trace = _last_lines(raw.get("logs"))
    return TaskOutput(
        error=kept(error, max_bytes, head=ERROR_HEAD),
        error_trace=kept(trace, max_bytes, head=TRACE_HEAD),
        error_bytes=size(error),
    )


def _output(calls: Calls, task_run_id: int, depth: int) -> Mapping[str, Any]:
    try:
        raw: Mapping[str, Any] = calls.get(GET_OUTPUT, {"run_id": task_run_id})
    except RunGone:
        raise
    except WorkspaceError as error:
        # 400 is the answer for a run that has runs below it: a for-each task, or a whole run with several tasks.
        below = _below(calls, task_run_id, depth) if error.status == HTTPStatus.BAD_REQUEST and depth else {}
        if not _said(below):
            raise
        return below
    if _said(raw) or not depth:
        return raw
    child = number((raw.get("run_job_output") or {}).get("run_id"))
    below = _failed_task_output(calls, child, depth) if child else _below(calls, task_run_id, depth, raw)
    return below if _said(below) else raw


def _below(calls: Calls, run_id: int, depth: int, output: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """Output of a failed iteration, else the platform's own sample of the iterations' errors."""
    if output is not None and not _repeats(output):
        return {}
    whole = calls.get(GET_RUN, {"run_id": run_id})
    for iteration in records.failed_iterations(whole)[:_ITERATIONS_ASKED]:
        found = _quietly(calls, iteration, depth - 1)
        if _said(found):
            return found
    sample = records.iteration_messages(whole)
    return {"error": sample[0]} if sample else {}


def _repeats(output: Mapping[str, Any]) -> bool:
    metadata = output.get("metadata") or {}
    tasks = [metadata, metadata.get("task") or {}, *(metadata.get("tasks") or [])]
    return bool(metadata.get("iterations")) or any("for_each_task" in task for task in tasks)


def _failed_task_output(calls: Calls, run_id: int, depth: int) -> Mapping[str, Any]:
    try:
        child = records.run(calls.get(GET_RUN, {"run_id": run_id}))
    except WorkspaceError:
        return {}
    failed = [one for one in child.attempts if one.result_state in {"FAILED", "TIMEDOUT", "INTERNAL_ERROR"}]
    for attempt in sorted(failed, key=lambda one: one.attempt_number, reverse=True)[:_ITERATIONS_ASKED]:
        found = _quietly(calls, attempt.task_run_id, depth - 1)
        if _said(found):
            return found
    return {}


def _quietly(calls: Calls, run_id: int, depth: int) -> Mapping[str, Any]:
    """A run below that cannot be read leaves the text of its parent standing."""
    try:
        return _output(calls, run_id, depth)
    except WorkspaceError:
        return {}


def _said(raw: Mapping[str, Any]) -> bool:
    return any(isinstance(raw.get(name), str) and raw[name].strip() for name in ("error", "error_trace"))


def _last_lines(logs: Any) -> str | None:
    """Logs are stored only where there is no error: a JAR or wheel that died often says why in its last lines alone."""
    if not isinstance(logs, str):
        return None
    return "\n".join(logs[-_LOG_CHARACTERS:].rstrip().splitlines()[-_LOG_LINES:])
