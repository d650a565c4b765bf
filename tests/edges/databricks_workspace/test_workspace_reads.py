from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from jobmedic.edges.databricks_workspace import DatabricksWorkspace
from jobmedic.edges.databricks_workspace.outputs import GET_RUN
from jobmedic.edges.databricks_workspace.workspace import GET_JOB, LIST_RUNS
from jobmedic.ports.workspace import JobReader, RunGone, RunReader, RunStarter, WorkspaceError
from tests.edges.databricks_workspace.api_json import RUN, START, listed, run, states, task
from tests.edges.databricks_workspace.workspace_server import Answer, WorkspaceServer, refusal


def test_the_adapter_is_reader_and_starter(workspace: DatabricksWorkspace) -> None:
    reader: RunReader = workspace
    jobs: JobReader = workspace
    starter: RunStarter = workspace
    assert {id(reader), id(jobs), id(starter)} == {id(workspace)}


def test_a_listing_follows_its_pages_to_the_end(server: WorkspaceServer, workspace: DatabricksWorkspace) -> None:
    server.on(LIST_RUNS, {"runs": [listed(3), listed(2)], "next_page_token": "p2"}, {"runs": [listed(1)]})
    since = datetime.fromtimestamp(START / 1000, UTC)
    found = list(workspace.list_runs(started_from=since, started_to=since))
    assert [one.run_id for one in found] == [3, 2, 1]
    first, second = server.asked_of(LIST_RUNS)
    assert int(first.query["limit"]) <= 25
    assert first.query["start_time_from"] == first.query["start_time_to"] == str(START)
    assert second.query["page_token"] == "p2"


def test_an_empty_page_in_the_middle_does_not_end_a_listing(
    server: WorkspaceServer, workspace: DatabricksWorkspace
) -> None:
    server.on(LIST_RUNS, {"next_page_token": "p2"}, {"runs": [listed(1)]})
    assert [one.run_id for one in workspace.list_runs()] == [1]


def test_active_runs_are_asked_for_by_name_and_have_no_end(
    server: WorkspaceServer, workspace: DatabricksWorkspace
) -> None:
    raw = {**listed(1), "end_time": 0, **states(None, life_cycle="RUNNING")}
    server.on(LIST_RUNS, {"runs": [raw]})
    (found,) = workspace.list_runs(active_only=True)
    assert found.active
    assert found.ended_at is None
    assert server.asked_of(LIST_RUNS)[0].query["active_only"] == "true"


def test_a_server_that_hands_out_one_token_forever_is_stopped(
    server: WorkspaceServer, workspace: DatabricksWorkspace
) -> None:
    server.on(LIST_RUNS, {"runs": [listed(1)], "next_page_token": "again"})
    with pytest.raises(WorkspaceError, match="same page token"):
        list(workspace.list_runs())


def test_an_entry_that_cannot_be_read_is_left_out_of_a_listing(
    server: WorkspaceServer, workspace: DatabricksWorkspace, caplog: pytest.LogCaptureFixture
) -> None:
    server.on(LIST_RUNS, {"runs": [{"job_id": 1}, listed(2)]})
    assert [one.run_id for one in workspace.list_runs()] == [2]
    assert "cannot be read" in caplog.text


def test_words_that_nobody_knows_yet_survive(server: WorkspaceServer, workspace: DatabricksWorkspace) -> None:
    server.on(LIST_RUNS, {"runs": [listed(1, "EXPLODED")]})
    raw = task(11, "a", **states("EXPLODED", "CORE_MELTED"), holo_task={"beam": 1})
    del raw["notebook_task"]
    server.on(GET_RUN, run(raw))
    assert next(workspace.list_runs()).result_state == "EXPLODED"
    attempt = workspace.get_run(RUN).attempts[0]
    assert (attempt.result_state, attempt.termination_code, attempt.task_type) == ("EXPLODED", "CORE_MELTED", "holo")


def test_every_attempt_of_every_page_is_there_with_64_bit_ids(
    server: WorkspaceServer, workspace: DatabricksWorkspace
) -> None:
    first = run(task(2**63 - 1, "b"), task(11, "a"), next_page_token="p2", job_parameters=[{"name": "x", "value": "1"}])
    second = run(task(12, "a", attempt=1), job_parameters=[{"name": "x", "value": "1"}, {"name": "y", "default": "2"}])
    server.on(GET_RUN, first, second)
    found = workspace.get_run(RUN)
    assert found.run_id == RUN
    assert [one.task_run_id for one in found.attempts] == [2**63 - 1, 11, 12]
    assert found.job_parameters == {"x": "1", "y": "2"}
    assert len(found.raw["tasks"]) == 3
    assert server.asked_of(GET_RUN)[0].query["include_history"] == "true"


def test_an_attempt_carries_what_the_policy_needs(server: WorkspaceServer, workspace: DatabricksWorkspace) -> None:
    raw = task(11, "a", max_retries=2, depends_on=[{"task_key": "z"}], run_page_url="https://w/11")
    server.on(GET_RUN, run(raw))
    found = workspace.get_run(RUN).attempts[0]
    assert (found.task_type, found.max_retries, found.depends_on) == ("notebook", 2, ("z",))
    assert (found.execution_seconds, found.termination_code) == (70.0, "RUN_EXECUTION_ERROR")
    assert found.ended_at == datetime.fromtimestamp((START + 90_000) / 1000, UTC)


def test_without_an_execution_time_the_waiting_is_left_out(
    server: WorkspaceServer, workspace: DatabricksWorkspace
) -> None:
    server.on(GET_RUN, run(task(11, "a", execution_duration=0, queue_duration=20_000)))
    assert workspace.get_run(RUN).attempts[0].execution_seconds == 60.0


def test_a_run_without_tasks_is_one_attempt_that_carries_its_id(
    server: WorkspaceServer, workspace: DatabricksWorkspace
) -> None:
    raw = run(task={"spark_python_task": {"python_file": "x.py"}}, execution_duration=5_000)
    server.on(GET_RUN, raw)
    (attempt,) = workspace.get_run(RUN).attempts
    assert (attempt.task_run_id, attempt.task_type, attempt.execution_seconds) == (RUN, "spark_python", 5.0)


def test_repairs_are_ordered_and_the_original_is_none(server: WorkspaceServer, workspace: DatabricksWorkspace) -> None:
    history = [
        {"type": "REPAIR", "id": 102, "start_time": START + 2, "task_run_ids": [14], **states("FAILED")},
        {"type": "ORIGINAL", "id": RUN, "start_time": START, "task_run_ids": [11]},
        {"type": "REPAIR", "id": 101, "start_time": START + 1, "task_run_ids": [12, 13], **states("SUCCESS")},
    ]
    server.on(GET_RUN, run(task(11, "a"), repair_history=history))
    found = workspace.get_run(RUN)
    assert [one.repair_id for one in found.repairs] == [101, 102]
    assert found.latest_repair_id == 102
    assert found.repairs[0].task_run_ids == (12, 13)


def test_a_repair_whose_entry_names_no_tasks_is_told_by_when_they_started(
    server: WorkspaceServer, workspace: DatabricksWorkspace
) -> None:
    tasks = [task(number, "a", start_time=START + number) for number in (1, 20, 40)]
    history = [
        {"type": "ORIGINAL", "start_time": START},
        {"id": 102, "start_time": START + 30},
        {"id": 101, "start_time": START + 10},
    ]
    server.on(GET_RUN, run(*tasks, repair_history=history))
    found = workspace.get_run(RUN)
    assert [(one.repair_id, one.task_run_ids) for one in found.repairs] == [(101, (20,)), (102, (40,))]


def test_a_status_without_the_old_state_is_understood(server: WorkspaceServer, workspace: DatabricksWorkspace) -> None:
    raw = run(task(11, "a"))
    del raw["state"]
    server.on(GET_RUN, raw)
    found = workspace.get_run(RUN)
    assert (found.life_cycle_state, found.result_state) == ("TERMINATED", "FAILED")


def test_messages_of_the_platform_come_redacted(server: WorkspaceServer, workspace: DatabricksWorkspace) -> None:
    raw = run(task(11, "a"))
    raw["state"]["state_message"] = "cannot open jdbc:x://h;password=hunter2;y"
    server.on(GET_RUN, raw)
    assert workspace.get_run(RUN).state_message == "cannot open jdbc:x://h;password=[redacted:password];y"


def test_a_job_is_read_over_all_its_pages(server: WorkspaceServer, workspace: DatabricksWorkspace) -> None:
    settings: dict[str, Any] = {
        "name": "nightly",
        "tags": {"owner": "ann"},
        "parameters": [{"name": "day", "default": "1"}],
        "email_notifications": {"on_failure": ["team@example.com"]},
        "tasks": [{"task_key": "a", "max_retries": 2}],
    }
    loop = {"task_key": "b", "for_each_task": {"inputs": "[]", "task": {"max_retries": -1}}}
    first = {"job_id": 7, "settings": settings, "run_as_user_name": "svc", "next_page_token": "p2"}
    server.on(GET_JOB, first, {"job_id": 7, "settings": {"tasks": [loop, {"task_key": "c"}]}})
    job = workspace.get_job(7)
    assert job.max_retries == {"a": 2, "b": -1}
    assert [one["task_key"] for one in job.raw["tasks"]] == ["a", "b", "c"]
    assert (job.name, job.run_as, job.parameters) == ("nightly", "svc", {"day": "1"})
    assert (job.failure_emails, job.tags) == (("team@example.com",), {"owner": "ann"})


@pytest.mark.parametrize(
    "answer",
    [
        refusal(404, "RESOURCE_DOES_NOT_EXIST", "gone"),
        refusal(400, "INVALID_PARAMETER_VALUE", "Run 5 does not exist."),
        refusal(400, "INVALID_PARAMETER_VALUE", "Run: 5 in job: 7 doesn't exist"),
    ],
)
def test_what_is_gone_is_gone_however_it_is_said(
    server: WorkspaceServer, workspace: DatabricksWorkspace, answer: Answer
) -> None:
    server.on(GET_RUN, answer)
    with pytest.raises(RunGone):
        workspace.get_run(5)


def test_a_job_that_was_deleted_is_gone(server: WorkspaceServer, workspace: DatabricksWorkspace) -> None:
    server.on(GET_JOB, refusal(400, "INVALID_PARAMETER_VALUE", "Job 7 does not exist."))
    with pytest.raises(RunGone, match="Job 7"):
        workspace.get_job(7)


def test_an_answer_without_the_needed_fields_names_the_run(
    server: WorkspaceServer, workspace: DatabricksWorkspace
) -> None:
    server.on(GET_RUN, run({"task_key": "a"}))
    with pytest.raises(WorkspaceError, match=f"run {RUN} .* cannot be read"):
        workspace.get_run(RUN)


def test_many_threads_may_read_at_once(server: WorkspaceServer, workspace: DatabricksWorkspace) -> None:
    server.on(GET_RUN, run(task(11, "a")))
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(workspace.get_run, [RUN] * 64))
    assert {one.attempts[0].task_run_id for one in found} == {11}
