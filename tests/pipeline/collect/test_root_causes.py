"""Which attempts of a run are failures, from records alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from jobmedic.pipeline.collect.root_causes import failure_row, root_causes
from jobmedic.ports.workspace import Job, Repair, Run, TaskAttempt, TaskOutput

AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
ATTEMPT = TaskAttempt(
    task_run_id=11,
    task_key="load",
    task_type="notebook",
    attempt_number=0,
    life_cycle_state="TERMINATED",
    result_state="FAILED",
    termination_code="RUN_EXECUTION_ERROR",
    termination_type="CLIENT_ERROR",
    termination_message="Workload failed, see run output for details",
    state_message="Workload failed, see run output for details",
    started_at=AT,
    ended_at=AT + timedelta(minutes=5),
    execution_seconds=300.0,
    max_retries=None,
    depends_on=(),
    run_page_url=None,
)
RUN = Run(
    run_id=1,
    job_id=7,
    run_name="nightly",
    run_type="JOB_RUN",
    creator="ann@example.com",
    life_cycle_state="INTERNAL_ERROR",
    result_state="FAILED",
    termination_code="RUN_EXECUTION_ERROR",
    termination_type="CLIENT_ERROR",
    termination_message=None,
    state_message=None,
    started_at=AT,
    ended_at=AT + timedelta(minutes=6),
    run_page_url=None,
    attempts=(ATTEMPT,),
    repairs=(),
    job_parameters={},
    original_attempt_run_id=None,
    raw={},
)
JOB = Job(7, "nightly", "cy@example.com", None, {}, {}, (), {"load": 2}, {})


def attempt(task_run_id: int, **changes: Any) -> TaskAttempt:
    return replace(ATTEMPT, task_run_id=task_run_id, **changes)


def found(*attempts: TaskAttempt, job: Job | None = None, **run: Any) -> list[tuple[str, int]]:
    causes = root_causes(replace(RUN, attempts=attempts, **run), job)
    return [(cause.attempt.task_key, cause.attempt.task_run_id) for cause in causes]


def row(one: TaskAttempt = ATTEMPT, output: TaskOutput | None = None, job: Job | None = None, **run: Any) -> Any:
    whole = replace(RUN, attempts=(one,), **run)
    (cause,) = root_causes(whole, job)
    return failure_row(cause, whole, job, output, workspace_id="w", collected_at=AT, pass_id="p")


def test_of_the_attempts_of_a_task_only_the_newest_counts_in_whatever_order_they_come() -> None:
    first, second = attempt(11, attempt_number=0), attempt(12, attempt_number=1)
    assert found(second, first) == found(first, second) == [("load", 12)]


def test_a_task_that_succeeded_in_a_later_attempt_is_no_failure() -> None:
    assert found(attempt(11), attempt(12, attempt_number=1, result_state="SUCCESS")) == []


def test_a_repair_that_numbers_attempts_anew_is_newer_than_what_it_repairs() -> None:
    old = (attempt(11, attempt_number=0), attempt(12, attempt_number=1))
    mended = attempt(13, attempt_number=0, result_state="SUCCESS", started_at=AT + timedelta(hours=1))
    repair = Repair(91, AT + timedelta(hours=1), None, "TERMINATED", "SUCCESS", (13,))
    assert found(*old, mended, repairs=(repair,)) == []


def test_a_native_retry_within_a_repair_is_newer_than_the_attempt_that_the_repair_names() -> None:
    later = AT + timedelta(hours=1)
    named = attempt(12, attempt_number=0, started_at=later)
    natively = attempt(13, attempt_number=1, started_at=later + timedelta(minutes=9), result_state="SUCCESS")
    repair = Repair(91, later, None, "TERMINATED", "SUCCESS", (12,))
    assert found(attempt(11), named, natively, repairs=(repair,)) == []


def test_what_failed_because_of_another_task_is_no_root_cause() -> None:
    others = [
        attempt(20 + n, task_key=f"t{n}", result_state=state)
        for n, state in enumerate(
            ("UPSTREAM_FAILED", "UPSTREAM_CANCELED", "EXCLUDED", "SKIPPED", "DISABLED", "UPSTREAM_EVICTED")
        )
    ]
    assert found(*others, attempt(11)) == [("load", 11)]


def test_a_result_that_nobody_knows_is_a_failure() -> None:
    assert found(attempt(11, result_state="MELTED")) == [("load", 11)]


def test_an_internal_error_without_a_result_is_a_failure() -> None:
    one = attempt(11, life_cycle_state="INTERNAL_ERROR", result_state=None)
    assert row(one)["result_state"] == "INTERNAL_ERROR"


def test_a_run_that_was_skipped_for_want_of_room_is_a_failure() -> None:
    crowded = {"life_cycle_state": "SKIPPED", "termination_code": "MAX_CONCURRENT_RUNS_EXCEEDED"}
    assert found(attempt(11, result_state="MAXIMUM_CONCURRENT_RUNS_REACHED", **crowded)) == [("load", 11)]
    assert found(attempt(11, result_state=None, **crowded)) == [("load", 11)]


def test_a_job_that_ran_out_of_time_is_a_time_out_although_its_tasks_show_a_cancel() -> None:
    cancelled = attempt(11, result_state="CANCELED", termination_code="CANCELED")
    assert row(cancelled, result_state="TIMEDOUT")["result_state"] == "TIMEDOUT"


def test_executions_count_native_retries_and_repairs_but_not_what_never_ran() -> None:
    never = attempt(10, result_state="UPSTREAM_FAILED")
    causes = root_causes(replace(RUN, attempts=(never, attempt(11), attempt(12, started_at=AT))), None)
    assert causes[0].executions == 2


def test_the_state_message_is_never_taken_for_the_error() -> None:
    assert row()["error"] is None


def test_the_message_beside_a_telling_code_stands_in_for_a_missing_error() -> None:
    told = attempt(11, termination_code="CLOUD_FAILURE", termination_message="no capacity in zone 2")
    assert row(told)["error"] == "no capacity in zone 2"


def test_an_error_of_the_tasks_own_beats_every_message() -> None:
    told = attempt(11, termination_code="CLOUD_FAILURE", termination_message="no capacity in zone 2")
    assert row(told, TaskOutput("KeyError: 'x'", None, 13))["error"] == "KeyError: 'x'"


def test_code_did_not_run_only_where_the_cluster_never_came_up() -> None:
    assert row(attempt(11, termination_code="CLUSTER_ERROR", execution_seconds=0.0))["code_ran"] is False
    assert row(attempt(11, execution_seconds=0.0))["code_ran"] is None
    assert row()["code_ran"] is True


def test_the_owner_is_an_address_where_there_is_one() -> None:
    named = replace(JOB, tags={"owner": "team-sales"}, failure_emails=("bo@example.com",))
    assert row(job=named)["owner"] == "bo@example.com"
    assert row(job=replace(JOB, tags={"owner": "eve@example.com"}))["owner"] == "eve@example.com"
    assert row()["owner"] == "ann@example.com"


def test_a_state_that_nobody_knows_is_going_on_until_it_shows_an_end() -> None:
    assert replace(RUN, life_cycle_state="FROZEN", ended_at=None).active
    assert not replace(RUN, life_cycle_state="FROZEN").active
    assert replace(RUN, life_cycle_state="RUNNING").active
