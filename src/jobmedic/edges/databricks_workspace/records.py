"""The Jobs API's JSON turned into records, raw spellings kept. Nothing here calls anything."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jobmedic.edges.texts import message
from jobmedic.ports.workspace import Job, Repair, Run, RunSummary, TaskAttempt

Json = Mapping[str, Any]

MAIN_TASK = "main"
"""Task key shown for a run without tasks."""

# `status.termination_details.code` (API 2.2) in the older words of `state.result_state`, where a server gives only it.
_RESULT_OF_CODE = {
    "SUCCESS": "SUCCESS",
    "SUCCESS_WITH_FAILURES": "SUCCESS_WITH_FAILURES",
    "CANCELED": "CANCELED",
    "USER_CANCELED": "CANCELED",
    "SKIPPED": "SKIPPED",
    "MAX_CONCURRENT_RUNS_EXCEEDED": "MAXIMUM_CONCURRENT_RUNS_REACHED",
}


def summary(raw: Json, seen_at: datetime) -> RunSummary:
    """`seen_at` stands in for the start of a run that shows none."""
    life_cycle, result = _states(raw)
    ended = instant(raw.get("end_time"))
    return RunSummary(
        run_id=int(raw["run_id"]),
        job_id=number(raw.get("job_id")),
        started_at=instant(raw.get("start_time")) or ended or seen_at,
        ended_at=ended,
        life_cycle_state=life_cycle,
        result_state=result,
    )


def run(raw: Json) -> Run:
    life_cycle, result = _states(raw)
    code, kind, said = _termination(raw)
    tasks = _dicts(raw.get("tasks"))
    return Run(
        run_id=int(raw["run_id"]),
        job_id=number(raw.get("job_id")),
        run_name=text(raw.get("run_name")),
        run_type=text(raw.get("run_type")),
        creator=text(raw.get("creator_user_name")),
        life_cycle_state=life_cycle,
        result_state=result,
        termination_code=code,
        termination_type=kind,
        termination_message=said,
        state_message=_state_message(raw),
        started_at=instant(raw.get("start_time")),
        ended_at=instant(raw.get("end_time")),
        run_page_url=text(raw.get("run_page_url")),
        attempts=tuple(_attempt(task) for task in tasks) or (_whole_run(raw),),
        repairs=_repairs(raw),
        job_parameters=_run_parameters(raw),
        original_attempt_run_id=number(raw.get("original_attempt_run_id")),
        raw=raw,
        trigger=text(raw.get("trigger")),
    )


def job(raw: Json) -> Job:
    settings = _dict(raw.get("settings"))
    run_as = _dict(settings.get("run_as"))
    return Job(
        job_id=int(raw["job_id"]),
        name=text(settings.get("name")),
        creator=text(raw.get("creator_user_name")),
        run_as=text(raw.get("run_as_user_name") or run_as.get("user_name") or run_as.get("service_principal_name")),
        tags={str(key): str(value) for key, value in _dict(settings.get("tags")).items()},
        parameters={
            str(one["name"]): str(one.get("default", ""))
            for one in _dicts(settings.get("parameters"))
            if one.get("name")
        },
        failure_emails=tuple(map(str, _dict(settings.get("email_notifications")).get("on_failure") or ())),
        max_retries=_native_retries(settings),
        raw=settings,
    )


def failed_iterations(raw: Json) -> list[int]:
    """Run ids of a for-each task run's failed iterations, those out of native retries first, then the newest."""
    failed = [
        one for one in _dicts(raw.get("iterations")) if _states(one)[1] in {"FAILED", "TIMEDOUT", "INTERNAL_ERROR"}
    ]
    return [int(one["run_id"]) for one in sorted(failed, key=_order, reverse=True) if number(one.get("run_id"))]


def iteration_messages(raw: Json) -> list[str]:
    """The platform's own sample of the commonest errors of a for-each task run."""
    found = []
    for task in (raw, *_dicts(raw.get("tasks"))):
        stats = _dict(_dict(task.get("for_each_task")).get("stats"))
        found += [
            str(one["error_message"]) for one in _dicts(stats.get("error_message_stats")) if one.get("error_message")
        ]
    return found


def instant(value: Any) -> datetime | None:
    """Epoch milliseconds; 0, nothing, and what is no time at all are None."""
    milliseconds = number(value)
    if not milliseconds or milliseconds < 0:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def number(value: Any) -> int | None:
    """Ids are 64-bit and some servers spell them as strings; 0 is how the API says none."""
    try:
        return int(value) or None
    except (TypeError, ValueError):
        return None


def text(value: Any) -> str | None:
    return str(value) if value not in (None, "") else None


def _attempt(raw: Json) -> TaskAttempt:
    life_cycle, result = _states(raw)
    code, kind, said = _termination(raw)
    return TaskAttempt(
        task_run_id=int(raw["run_id"]),
        task_key=str(raw.get("task_key") or MAIN_TASK),
        task_type=_task_type(raw),
        attempt_number=_count(raw.get("attempt_number")),
        life_cycle_state=life_cycle,
        result_state=result,
        termination_code=code,
        termination_type=kind,
        termination_message=said,
        state_message=_state_message(raw),
        started_at=instant(raw.get("start_time")),
        ended_at=instant(raw.get("end_time")),
        execution_seconds=_execution_seconds(raw),
        max_retries=_max_retries(raw),
        depends_on=tuple(str(one["task_key"]) for one in _dicts(raw.get("depends_on")) if one.get("task_key")),
        run_page_url=text(raw.get("run_page_url")),
    )


def _whole_run(raw: Json) -> TaskAttempt:
    """Runs of single-task format show their task under `task`, without a key; its dependencies and retries are the run's."""
    return _attempt({**_dict(raw.get("task")), **raw, "task_key": MAIN_TASK})


def _states(raw: Json) -> tuple[str, str | None]:
    state, status = _dict(raw.get("state")), _dict(raw.get("status"))
    life_cycle = text(state.get("life_cycle_state")) or text(status.get("state")) or "unknown"
    result = text(state.get("result_state"))
    code = text(_dict(status.get("termination_details")).get("code"))
    if result is None and code is not None and not state:
        result = _RESULT_OF_CODE.get(code, "FAILED")
    return life_cycle, result


def _termination(raw: Json) -> tuple[str | None, str | None, str | None]:
    details = _dict(_dict(raw.get("status")).get("termination_details"))
    return text(details.get("code")), text(details.get("type")), message(details.get("message"))


def _state_message(raw: Json) -> str | None:
    return message(_dict(raw.get("state")).get("state_message"))


def _execution_seconds(raw: Json) -> float:
    """Runs with several tasks and some task types show no `execution_duration`: then end less start, waiting left out."""
    if duration := number(raw.get("execution_duration")):
        return duration / 1000
    started, ended = number(raw.get("start_time")), number(raw.get("end_time"))
    if not started or not ended:
        return 0.0
    waiting = sum(number(raw.get(name)) or 0 for name in ("queue_duration", "setup_duration", "cleanup_duration"))
    return max(0, ended - started - waiting) / 1000


def _task_type(raw: Json) -> str:
    """`notebook_task: {…}` is `notebook`; types that are yet to come keep their own name."""
    types = [key.removesuffix("_task") for key, value in raw.items() if key.endswith("_task") and value]
    return types[0] if types else "unknown"


def _max_retries(task: Json) -> int | None:
    """A for-each task keeps its native retries on the task that it repeats."""
    value = task.get("max_retries")
    if value is None:
        value = _dict(_dict(task.get("for_each_task")).get("task")).get("max_retries")
    return int(value) if isinstance(value, int) else None


def _native_retries(settings: Json) -> dict[str, int]:
    found = {str(task.get("task_key") or MAIN_TASK): _max_retries(task) for task in _dicts(settings.get("tasks"))}
    if not found:
        found = {MAIN_TASK: _max_retries(settings)}
    return {key: value for key, value in found.items() if value is not None}


def _repairs(raw: Json) -> tuple[Repair, ...]:
    entries = [
        one for one in _dicts(raw.get("repair_history")) if one.get("type") == "REPAIR" and number(one.get("id"))
    ]
    return tuple(_repair(one) for one in sorted(entries, key=lambda one: number(one.get("start_time")) or 0))


def _repair(raw: Json) -> Repair:
    life_cycle, result = _states(raw)
    return Repair(
        repair_id=int(raw["id"]),
        started_at=instant(raw.get("start_time")),
        ended_at=instant(raw.get("end_time")),
        life_cycle_state=None if life_cycle == "unknown" else life_cycle,
        result_state=result,
        task_run_ids=tuple(int(one) for one in raw.get("task_run_ids") or ()),
    )


def _run_parameters(raw: Json) -> dict[str, str]:
    found = {}
    for one in _dicts(raw.get("job_parameters")):
        value = one.get("value") if one.get("value") is not None else one.get("default")
        if one.get("name") and value is not None:
            found[str(one["name"])] = str(value)
    return found


def _order(raw: Json) -> tuple[int, int]:
    return _count(raw.get("attempt_number")), number(raw.get("start_time")) or 0


def _count(value: Any) -> int:
    return number(value) or 0


def _dict(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}


def _dicts(value: Any) -> list[Json]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
