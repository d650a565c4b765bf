"""Which attempts of a run are its root causes, and their rows of the `failures` table. Pure: no call is made here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jobmedic.knowledge.states import BEFORE_CODE, ENDED, GENERIC_CODES, NOT_EXECUTED, NOT_ROOT_CAUSES
from jobmedic.ports.workspace import Job, Run, TaskAttempt, TaskOutput

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FailedTask:
    """A root cause of a run with what its task's other attempts tell."""

    attempt: TaskAttempt
    executions: int
    max_native_retries: int | None
    native_retries_pending: bool


def root_causes(run: Run, job: Job | None) -> tuple[FailedTask, ...]:
    """The newest attempt of each task that failed by itself, sorted by task key."""
    of_task: dict[str, list[TaskAttempt]] = {}
    for attempt in run.attempts:
        of_task.setdefault(attempt.task_key, []).append(attempt)
    named = {task: place for place, repair in enumerate(run.repairs, 1) for task in repair.task_run_ids}

    def age(attempt: TaskAttempt) -> tuple[int, int, datetime, int]:
        # A repair may number attempts anew, so its place in the history counts first.
        placed = named.get(attempt.task_run_id) or _repairs_before(run, attempt)
        return placed, attempt.attempt_number, attempt.started_at or EPOCH, attempt.task_run_id

    found = []
    for key in sorted(of_task):
        newest = max(of_task[key], key=age)
        if failed_by_itself(newest):
            found.append(_failed_task(run, job, newest, of_task[key]))
    return tuple(found)


def _repairs_before(run: Run, attempt: TaskAttempt) -> int:
    """For an attempt that no repair names: a native retry within a repair, or one of the original run."""
    started = attempt.started_at
    if started is None:
        return 0
    return sum(repair.started_at is not None and repair.started_at <= started for repair in run.repairs)


def failed_by_itself(attempt: TaskAttempt) -> bool:
    """Ended, not in success, and not because of another task. A state nobody knows counts as a failure."""
    if attempt.life_cycle_state == "SKIPPED" and attempt.result_state is None:
        return attempt.termination_code not in {None, "SKIPPED", "SUCCESS"}
    if attempt.result_state is None:
        return attempt.life_cycle_state == "INTERNAL_ERROR"
    return attempt.life_cycle_state in ENDED and attempt.result_state not in NOT_ROOT_CAUSES


def _failed_task(run: Run, job: Job | None, newest: TaskAttempt, attempts: list[TaskAttempt]) -> FailedTask:
    limit = newest.max_retries
    if limit is None and job is not None:
        limit = job.max_retries.get(newest.task_key, 0)
    executed = sum(attempt.result_state not in NOT_EXECUTED for attempt in attempts)
    left = limit is not None and limit != 0 and (limit < 0 or newest.attempt_number < limit)
    return FailedTask(
        attempt=newest,
        executions=max(executed, newest.attempt_number + 1),
        max_native_retries=limit,
        native_retries_pending=run.active and left,
    )


def failure_row(
    failed: FailedTask,
    run: Run,
    job: Job | None,
    output: TaskOutput | None,
    *,
    workspace_id: str,
    collected_at: datetime,
    pass_id: str,
) -> dict[str, Any]:
    """A row of `failures` without what the fingerprint transform adds. `output` is None when it could not be read."""
    attempt = failed.attempt
    tags = dict(job.tags) if job else {}
    return {
        "workspace_id": workspace_id,
        "task_run_id": attempt.task_run_id,
        "run_id": run.run_id,
        "job_id": run.job_id,
        "job_name": job.name if job else None,
        "run_name": run.run_name,
        "run_type": run.run_type,
        "trigger": run.trigger,
        "task_key": attempt.task_key,
        "task_type": attempt.task_type,
        "attempt_number": attempt.attempt_number,
        "repair_id": run.latest_repair_id,
        "started_at": attempt.started_at,
        "failed_at": attempt.ended_at or run.ended_at or attempt.started_at or collected_at,
        "run_seconds": attempt.execution_seconds,
        "result_state": _result(attempt, run),
        "termination_code": attempt.termination_code,
        "termination_type": attempt.termination_type,
        "state_message": attempt.state_message,
        "error": _error(attempt, output),
        "error_trace": (output.error_trace if output else None) or None,
        "error_bytes": output.error_bytes if output else 0,
        "owner": owner(run, job, tags),
        "run_page_url": attempt.run_page_url or run.run_page_url,
        "tags": tags,
        "collected_at": collected_at,
        "run_result_state": run.result_state or run.life_cycle_state,
        "repairs": len(run.repairs),
        "executions": failed.executions,
        "max_native_retries": failed.max_native_retries,
        "native_retries_pending": failed.native_retries_pending,
        "code_ran": _code_ran(attempt),
        "job_exists": job is not None,
        "job_parameters": dict(run.job_parameters),
        "shared_from": output.shared_from if output else None,
        "source": output.source if output else "api",
        "pass_id": pass_id,
    }


def owner(run: Run, job: Job | None, tags: Mapping[str, str]) -> str | None:
    """Who answers for the job: its tag, else whom it notifies of failures, else whom it runs as, else who made it."""
    candidates = [tags.get("owner"), *(job.failure_emails if job else ()), job.run_as if job else None]
    candidates += [job.creator if job else None, run.creator]
    named = [candidate.strip() for candidate in candidates if candidate and candidate.strip()]
    return next((name for name in named if "@" in name), named[0] if named else None)


def _result(attempt: TaskAttempt, run: Run) -> str:
    """Where the run itself was timed out its tasks show a cancel, which is not the user's."""
    if run.result_state == "TIMEDOUT" and attempt.result_state == "CANCELED":
        return "TIMEDOUT"
    return attempt.result_state or attempt.life_cycle_state


def _error(attempt: TaskAttempt, output: TaskOutput | None) -> str | None:
    """The task's error; where the platform ended the task before it had one, the message beside a telling code."""
    if output and output.error:
        return output.error
    if attempt.termination_code and attempt.termination_code not in GENERIC_CODES:
        return attempt.termination_message or None
    return None


def _code_ran(attempt: TaskAttempt) -> bool | None:
    if attempt.execution_seconds > 0:
        return True
    return False if attempt.termination_code in BEFORE_CODE else None
