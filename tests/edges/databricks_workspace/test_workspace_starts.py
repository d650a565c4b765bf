import time
from dataclasses import replace

import pytest

from jobmedic.edges.databricks_workspace import DatabricksWorkspace
from jobmedic.edges.databricks_workspace.workspace import REPAIR, SUBMIT
from jobmedic.ports.workspace import RepairRequest, RunGone, WorkspaceError
from tests.edges.databricks_workspace.api_json import RUN
from tests.edges.databricks_workspace.workspace_server import Answer, WorkspaceServer, refusal

REQUEST = RepairRequest(run_id=RUN, rerun_tasks=("a", "b"), job_parameters={"day": "1"}, latest_repair_id=101)


def test_a_repair_names_tasks_parameters_and_the_last_repair(
    server: WorkspaceServer, workspace: DatabricksWorkspace
) -> None:
    server.on(REPAIR, {"repair_id": 2**62})
    assert workspace.repair(REQUEST) == 2**62
    assert server.asked_of(REPAIR)[0].body == {
        "run_id": RUN,
        "rerun_tasks": ["a", "b"],
        "rerun_dependent_tasks": True,
        "job_parameters": {"day": "1"},
        "latest_repair_id": 101,
    }


def test_a_first_repair_of_a_run_without_parameters_sends_neither(
    server: WorkspaceServer, workspace: DatabricksWorkspace
) -> None:
    server.on(REPAIR, {"repair_id": 1})
    workspace.repair(replace(REQUEST, job_parameters={}, latest_repair_id=None))
    assert {"job_parameters", "latest_repair_id"}.isdisjoint(server.asked_of(REPAIR)[0].body)


@pytest.mark.parametrize(
    "trouble",
    [
        Answer({"repair_id": 1}, delay=2.5),
        Answer(hang_up=True),
        refusal(503, "TEMPORARILY_UNAVAILABLE", "busy", Retry_After="0"),
        refusal(500, "INTERNAL_ERROR", "Unexpected error"),
        refusal(504, "DEADLINE_EXCEEDED", "Please try again later or try a faster operation."),
        Answer("<html>gateway</html>", 502),
    ],
    ids=["time-out", "connection cut", "503", "500 the SDK repeats", "504 the SDK repeats", "502"],
)
def test_a_repair_that_may_have_happened_is_never_sent_again(
    server: WorkspaceServer, workspace: DatabricksWorkspace, trouble: Answer
) -> None:
    server.on(REPAIR, trouble, {"repair_id": 2})
    with pytest.raises(WorkspaceError):
        workspace.repair(REQUEST)
    time.sleep(0.05)
    assert len(server.asked_of(REPAIR)) == 1


def test_a_repair_refused_by_429_did_not_happen_and_is_sent_again(
    server: WorkspaceServer, workspace: DatabricksWorkspace
) -> None:
    server.on(REPAIR, refusal(429, "REQUEST_LIMIT_EXCEEDED", "slow down", Retry_After="1"), {"repair_id": 3})
    assert workspace.repair(REQUEST) == 3
    assert len(server.asked_of(REPAIR)) == 2


def test_429_for_longer_than_the_budget_is_an_error(server: WorkspaceServer, workspace: DatabricksWorkspace) -> None:
    server.on(REPAIR, refusal(429, "REQUEST_LIMIT_EXCEEDED", "slow down", Retry_After="60"))
    with pytest.raises(WorkspaceError, match="JOBMEDIC_CONCURRENCY") as caught:
        workspace.repair(REQUEST)
    assert caught.value.status == 429
    assert len(server.asked_of(REPAIR)) == 1


def test_400_to_a_repair_is_told_as_it_is(server: WorkspaceServer, workspace: DatabricksWorkspace) -> None:
    server.on(REPAIR, refusal(400, "INVALID_PARAMETER_VALUE", "The task a does not exist in latest_repair_id 101"))
    with pytest.raises(WorkspaceError, match="latest_repair_id") as caught:
        workspace.repair(REQUEST)
    assert (caught.value.status, type(caught.value)) == (400, WorkspaceError)


def test_repairing_a_run_that_is_gone_says_so(server: WorkspaceServer, workspace: DatabricksWorkspace) -> None:
    server.on(REPAIR, refusal(404, "RESOURCE_DOES_NOT_EXIST", "Run does not exist"))
    with pytest.raises(RunGone):
        workspace.repair(REQUEST)


def test_a_repair_without_an_id_is_not_taken_for_done(server: WorkspaceServer, workspace: DatabricksWorkspace) -> None:
    server.on(REPAIR, {})
    with pytest.raises(WorkspaceError, match="no repair_id"):
        workspace.repair(REQUEST)


def test_a_submit_carries_its_token_and_may_be_sent_again(
    server: WorkspaceServer, workspace: DatabricksWorkspace
) -> None:
    server.on(SUBMIT, Answer(hang_up=True), {"run_id": 9})
    assert workspace.submit({"run_name": "x"}, idempotency_token="t" * 64) == 9
    first, second = server.asked_of(SUBMIT)
    assert first.body == second.body == {"run_name": "x", "idempotency_token": "t" * 64}


@pytest.mark.parametrize("token", ["", "t" * 65])
def test_a_token_that_the_platform_would_not_take_is_never_sent(
    server: WorkspaceServer, workspace: DatabricksWorkspace, token: str
) -> None:
    with pytest.raises(WorkspaceError, match="idempotency token"):
        workspace.submit({}, idempotency_token=token)
    assert not server.asked_of(SUBMIT)
