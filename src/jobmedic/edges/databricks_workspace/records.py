"""The Jobs API's JSON turned into records, raw spellings kept. Nothing here calls anything."""

from datetime import datetime

from jobmedic.edges.databricks_workspace.fields import Json, count, instant, mapping, mappings, number, states, text
from jobmedic.edges.databricks_workspace.repair_history import repairs
from jobmedic.edges.texts import message
from jobmedic.ports.workspace import Job, Run, RunSummary, TaskAttempt

MAIN_TASK = "main"
"""Task key shown for a run without tasks."""


def summary(raw: Json, seen_at: datetime) -> RunSummary:
    """`seen_at` stands in for the start of a run that shows none."""
    life_cycle, result = states(raw)
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
    life_cycle, result = states(raw)
    code, kind, said = _termination(raw)
    tasks = mappings(raw.get("tasks"))
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
        repairs=repairs(raw),
        job_parameters=_run_parameters(raw),
        original_attempt_run_id=number(raw.get("original_attempt_run_id")),
        raw=raw,
        trigger=text(raw.get("trigger")),
    )


def job(raw: Json) -> Job:
    settings = mapping(raw.get("settings"))
    run_as = mapping(settings.get("run_as"))
    return Job(
        job_id=int(raw["job_id"]),
        name=text(settings.get("name")),
        creator=text(raw.get("creator_user_name")),
        run_as=text(raw.get("run_as_user_name") or run_as.get("user_name") or run_as.get("service_principal_name")),
        tags={str(key): str(value) for key, value in mapping(settings.get("tags")).items()},
        parameters={
            str(one["name"]): str(one.get("default", ""))
            for one in mappings(settings.get("parameters"))
            if one.get("name")
        },
        failure_emails=tuple(map(str, mapping(settings.get("email_notifications")).get("on_failure") or ())),
        max_retries=_native_retries(settings),
        raw=settings,
    )


def failed_iterations(raw: Json) -> list[int]:
    """Run ids of a for-each task run's failed iterations, those out of native retries first, then the newest."""
    failed = [
        one for one in mappings(raw.get("iterations")) if states(one)[1] in {"FAILED", "TIMEDOUT", "INTERNAL_ERROR"}
    ]
    return [int(one["run_id"]) for one in sorted(failed, key=_order, reverse=True) if number(one.get("run_id"))]


def iteration_messages(raw: Json) -> list[str]:
    """The platform's own sample of the commonest errors of a for-each task run."""
    found = []
    for task in (raw, *mappings(raw.get("tasks"))):
        stats = mapping(mapping(task.get("for_each_task")).get("stats"))
        found += [
            str(one["error_message"]) for one in mappings(stats.get("error_message_stats")) if one.get("error_message")
        ]
    return found


def _attempt(raw: Json) -> TaskAttempt:
    life_cycle, result = states(raw)
    code, kind, said = _termination(raw)
    return TaskAttempt(
        task_run_id=int(raw["run_id"]),
        task_key=str(raw.get("task_key") or MAIN_TASK),
        task_type=_task_type(raw),
        attempt_number=count(raw.get("attempt_number")),
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
        depends_on=tuple(str(one["task_key"]) for one in mappings(raw.get("depends_on")) if one.get("task_key")),
        run_page_url=text(raw.get("run_page_url")),
    )


def _whole_run(raw: Json) -> TaskAttempt:
    """Runs of single-task format show their task under `task`, without a key; its dependencies and retries are the run's."""
    return _attempt({**mapping(raw.get("task")), **raw, "task_key": MAIN_TASK})


def _termination(raw: Json) -> tuple[str | None, str | None, str | None]:
    details = mapping(mapping(raw.get("status")).get("termination_details"))
    return text(details.get("code")), text(details.get("type")), message(details.get("message"))


def _state_message(raw: Json) -> str | None:
    return message(mapping(raw.get("state")).get("state_message"))


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
        value = mapping(mapping(task.get("for_each_task")).get("task")).get("max_retries")
    return int(value) if isinstance(value, int) else None


def _native_retries(settings: Json) -> dict[str, int]:
    found = {str(task.get("task_key") or MAIN_TASK): _max_retries(task) for task in mappings(settings.get("tasks"))}
    if not found:
        found = {MAIN_TASK: _max_retries(settings)}
    return {key: value for key, value in found.items() if value is not None}


def _run_parameters(raw: Json) -> dict[str, str]:
    found = {}
    for one in mappings(raw.get("job_parameters")):
        value = one.get("value") if one.get("value") is not None else one.get("default")
        if one.get("name") and value is not None:
            found[str(one["name"])] = str(value)
    return found


def _order(raw: Json) -> tuple[int, int]:
    return count(raw.get("attempt_number")), number(raw.get("start_time")) or 0
