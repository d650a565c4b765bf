"""How runs end and what they show of it: the traps of `runs/get` and `runs/get-output`, met through the real SDK."""

from typing import Any

import pytest
from databricks.sdk.errors import InvalidParameterValue, ResourceDoesNotExist
from databricks.sdk.service.jobs import RunLifeCycleState, RunResultState, TerminationCodeCode

from jobmedic.sandbox import Cancel, Ending, SchedulePlan, TaskPlan
from tests.sandbox.scene import Start, cause, failing, job, run_id_of, sdk, until_retried

HOUR = 3600


def ended(start: Start, scenario: Any, seconds: Any = HOUR) -> Any:
    """The SDK's view of the scenario's one run after some time, with the sandbox and the client."""
    sandbox = start(scenario)
    sandbox.world.advance(seconds)
    client = sdk(sandbox)
    return sandbox, client, client.jobs.get_run(run_id_of(sandbox), include_history=True)


def attempts(run: Any, key: str) -> Any:
    return sorted((t for t in run.tasks if t.task_key == key), key=lambda t: t.attempt_number)


def test_the_output_of_a_run_is_asked_for_by_task_run_id(start: Start) -> None:
    _, client, run = ended(start, failing(job()))
    with pytest.raises(InvalidParameterValue, match="multiple tasks is not supported"):
        client.jobs.get_run_output(run.run_id)
    output = client.jobs.get_run_output(run.tasks[0].run_id)
    assert output.error.startswith("java.net.SocketTimeoutException: Read timed out after")
    assert "Main.java" in output.error_trace
    assert output.metadata.run_id == run.tasks[0].run_id


def test_logs_are_the_last_five_megabytes(start: Start) -> None:
    noise = cause(trace="x" * (6 * 1024 * 1024) + "the end")
    plan = job(TaskPlan(key="load", type="spark_python"))
    _, client, run = ended(start, failing(plan, noise))
    output = client.jobs.get_run_output(run.tasks[0].run_id)
    assert len(output.logs) == 5 * 1024 * 1024
    assert output.logs.endswith("the end")
    assert output.logs_truncated


def test_a_failed_parent_says_internal_error_and_points_at_the_task(start: Start) -> None:
    _, _, run = ended(start, failing(job()))
    assert run.state.life_cycle_state is RunLifeCycleState.INTERNAL_ERROR
    assert run.state.result_state is RunResultState.FAILED
    assert run.state.state_message == "Task load failed with message: Workload failed, see run output for details."
    assert run.status.termination_details.code is TerminationCodeCode.RUN_EXECUTION_ERROR
    assert run.tasks[0].state.life_cycle_state is RunLifeCycleState.TERMINATED


def test_what_depends_on_a_failed_task_is_upstream_failed(start: Start) -> None:
    tasks = (TaskPlan(key="load"), TaskPlan(key="report", needs=("load",)), TaskPlan(key="other"))
    _, _, run = ended(start, failing(job(*tasks)))
    states = {t.task_key: t.state.result_state for t in run.tasks}
    assert states["report"] is RunResultState.UPSTREAM_FAILED
    assert states["other"] is RunResultState.SUCCESS


def test_a_branch_that_is_not_taken_is_excluded(start: Start) -> None:
    tasks = (
        TaskPlan(key="check", type="condition", outcome="false"),
        TaskPlan(key="full", needs=("check=true",)),
        TaskPlan(key="quick", needs=("check=false",)),
    )
    _, _, run = ended(start, failing(job(*tasks), task="quick"))
    states = {t.task_key: t.state.result_state for t in run.tasks}
    assert states["full"] is RunResultState.EXCLUDED
    assert states["quick"] is RunResultState.FAILED


def test_a_tolerated_failure_is_success_with_failures(start: Start) -> None:
    tasks = (TaskPlan(key="check"), TaskPlan(key="publish", needs=("check",), run_if="ALL_DONE"))
    _, _, run = ended(start, failing(job(*tasks), task="check"))
    assert run.state.result_state is RunResultState.SUCCESS_WITH_FAILURES
    assert run.state.life_cycle_state is RunLifeCycleState.TERMINATED
    assert attempts(run, "check")[0].state.result_state is RunResultState.FAILED


def test_a_native_retry_waits_shows_a_second_attempt_and_can_recover(start: Start) -> None:
    plan = job(TaskPlan(key="load", minutes=10, retries=2, retry_wait_seconds=300))
    sandbox, client, run = ended(start, failing(plan, until_retried(1)), seconds=7 * 60)
    first, second = attempts(run, "load")
    assert first.state.result_state is RunResultState.FAILED
    assert second.state.life_cycle_state is RunLifeCycleState.WAITING_FOR_RETRY
    assert run.state.life_cycle_state is RunLifeCycleState.RUNNING
    sandbox.world.advance(HOUR)
    run = client.jobs.get_run(run.run_id)
    assert run.state.result_state is RunResultState.SUCCESS
    assert [t.attempt_number for t in attempts(run, "load")] == [0, 1]


def test_native_retries_run_out(start: Start) -> None:
    plan = job(TaskPlan(key="load", retries=2))
    _, _, run = ended(start, failing(plan))
    assert len(attempts(run, "load")) == 3
    assert run.state.result_state is RunResultState.FAILED


def test_a_timeout_is_not_a_users_cancel(start: Start) -> None:
    overran = cause(result_state="TIMEDOUT", termination_code="CANCELED")
    _, _, run = ended(start, failing(job(TaskPlan(key="load", timeout_minutes=5)), overran))
    assert run.state.result_state is RunResultState.TIMEDOUT
    assert run.status.termination_details.code is TerminationCodeCode.CANCELED
    assert (run.tasks[0].end_time - run.tasks[0].start_time) // 1000 == 5 * 60 + 45


def test_the_platforms_cancel_is_told_from_a_users(start: Start) -> None:
    stopped = cause(result_state="CANCELED", termination_code="CANCELED")
    _, _, by_platform = ended(start, failing(job(), stopped))
    story = failing(job(), cancels=(Cancel(job="nightly", run=1, after=2, by="ann@example.com"),))
    _, _, by_user = ended(start, story)
    assert by_platform.state.result_state is by_user.state.result_state is RunResultState.CANCELED
    assert by_platform.status.termination_details.code is TerminationCodeCode.CANCELED
    assert by_user.status.termination_details.code is TerminationCodeCode.USER_CANCELED
    assert by_user.state.user_cancelled_or_timedout


def test_an_unknown_code_parses_to_none_and_stands_in_the_raw_answer(start: Start) -> None:
    novel = cause(termination_code="MOON_PHASE", result_state="ECLIPSED")
    _, client, run = ended(start, failing(job(), novel))
    assert run.tasks[0].state.result_state is None
    assert run.tasks[0].status.termination_details.code is None
    raw = client.api_client.do("GET", "/api/2.2/jobs/runs/get", query={"run_id": run.run_id})
    assert raw["tasks"][0]["state"]["result_state"] == "ECLIPSED"
    assert raw["tasks"][0]["status"]["termination_details"]["code"] == "MOON_PHASE"


def test_a_cluster_that_never_came_up_is_an_internal_error_of_the_task(start: Start) -> None:
    lost = cause(life_cycle_state="INTERNAL_ERROR", termination_code="CLOUD_FAILURE", termination_type="CLOUD_FAILURE")
    _, _, run = ended(start, failing(job(), lost))
    assert run.tasks[0].state.life_cycle_state is RunLifeCycleState.INTERNAL_ERROR
    assert run.status.termination_details.type.value == "CLOUD_FAILURE"


def test_missing_runs_and_jobs_do_not_exist(start: Start) -> None:
    sandbox, client, run = ended(start, failing(job()))
    sandbox.world.delete_job(run.job_id)
    sandbox.world.delete_run(run.run_id)
    for ask in (client.jobs.get_run, client.jobs.get_run_output, client.jobs.get):
        with pytest.raises(ResourceDoesNotExist, match="does not exist"):
            ask(run.job_id if ask == client.jobs.get else run.run_id)
    with pytest.raises(ResourceDoesNotExist):
        client.jobs.get_run_output(run.tasks[0].run_id)


def test_the_runs_of_a_deleted_job_stay(start: Start) -> None:
    sandbox, client, run = ended(start, failing(job()))
    sandbox.world.delete_job(run.job_id)
    assert client.jobs.get_run_output(run.tasks[0].run_id).error


def test_a_run_without_tasks_answers_under_its_own_id(start: Start) -> None:
    _, client, run = ended(start, failing(job(taskless=True)))
    assert run.tasks is None or run.tasks == []
    assert client.jobs.get_run_output(run.run_id).error


def test_the_iterations_of_a_for_each_task_have_runs_of_their_own(start: Start) -> None:
    plan = job(TaskPlan(key="each", type="for_each", inputs=4))
    _, client, run = ended(start, failing(plan))
    assert client.jobs.get_run_output(run.tasks[0].run_id).error is None
    inner = client.jobs.get_run(run.tasks[0].run_id)
    failed = [i for i in inner.iterations if i.state.result_state is RunResultState.FAILED]
    assert (len(inner.iterations), len(failed)) == (4, 1)
    assert client.jobs.get_run_output(failed[0].run_id).error
    assert inner.tasks[0].for_each_task.stats.task_run_stats.failed_iterations == 1


def test_a_parameter_that_kept_its_default_shows_no_value(start: Start) -> None:
    sandbox = start(failing(job(parameters={"day": "today", "size": "10"})))
    jobs = sdk(sandbox).jobs
    run_id = jobs.run_now(sandbox.stage.job_ids["nightly"], job_parameters={"day": "monday"}).run_id
    shown = {p.name: (p.default, p.value) for p in jobs.get_run(run_id).job_parameters}
    assert shown == {"day": ("today", "monday"), "size": ("10", None)}


def test_resolved_values_show_what_a_task_ran_with(start: Start) -> None:
    plan = job(TaskPlan(key="load", parameters={"d": "{{job.parameters.day}}"}), parameters={"day": "today"})
    _, client, run = ended(start, failing(plan))
    run = client.jobs.get_run(run.run_id, include_resolved_values=True)
    assert run.tasks[0].resolved_values.notebook_task.base_parameters == {"d": "today", "day": "today"}


def test_a_run_too_many_is_skipped(start: Start) -> None:
    plan = job(TaskPlan(key="load", minutes=60), max_concurrent_runs=1, schedule=SchedulePlan(every=10, runs=2))
    sandbox, client, _ = ended(start, failing(plan, cause(ends=Ending())))
    second = client.jobs.get_run(run_id_of(sandbox, ordinal=2))
    assert second.state.life_cycle_state is RunLifeCycleState.SKIPPED
    assert second.state.result_state is RunResultState.MAXIMUM_CONCURRENT_RUNS_REACHED
