"""The contract that the pipeline builds on, kept by the real adapter and SDK on the simulated workspace."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest

from jobmedic.edges.databricks_workspace import DatabricksWorkspace, connect
from jobmedic.ports.workspace import RepairRequest, Run, RunGone, WorkspaceError
from jobmedic.sandbox.faults import Fault, throttled
from jobmedic.sandbox.sandbox import WORKSPACE_ID, Sandbox
from jobmedic.sandbox.scenario.loader import demo_scenario
from jobmedic.settings import Settings


@pytest.fixture(scope="module")
def night() -> Iterator[tuple[Sandbox, DatabricksWorkspace]]:
    """Two hours of the demo's night, standing still."""
    with Sandbox(demo_scenario()) as sandbox:
        sandbox.world.advance(2 * 3600)
        yield sandbox, opened(sandbox)


def opened(sandbox: Sandbox) -> DatabricksWorkspace:
    settings = Settings(
        env_file=None,
        databricks_host=sandbox.workspace_url,
        databricks_token=sandbox.token,
        databricks_http_timeout="5s",
        databricks_retry_timeout="5s",
    )
    return connect(settings)


def failed_runs(workspace: DatabricksWorkspace) -> list[Run]:
    return [workspace.get_run(one.run_id) for one in workspace.list_runs() if one.result_state == "FAILED"]


def request(run: Run) -> RepairRequest:
    keys = tuple(sorted({one.task_key for one in run.attempts if one.result_state == "FAILED"}))
    return RepairRequest(run.run_id, keys, run.job_parameters, run.latest_repair_id)


def repairable(workspace: DatabricksWorkspace) -> Run:
    return next(
        run for run in failed_runs(workspace) if run.run_type == "JOB_RUN" and not run.repairs and not run.active
    )


def test_the_workspace_tells_who_it_is(night: tuple[Sandbox, DatabricksWorkspace]) -> None:
    sandbox, workspace = night
    found = workspace.identity()
    assert (found.workspace_id, found.host) == (str(WORKSPACE_ID), sandbox.workspace_url)


def test_every_run_is_listed_once_newest_first(night: tuple[Sandbox, DatabricksWorkspace]) -> None:
    sandbox, workspace = night
    listed = list(workspace.list_runs())
    assert Counter(one.run_id for one in listed) == Counter(list(sandbox.truth()))
    assert [one.started_at for one in listed] == sorted((one.started_at for one in listed), reverse=True)
    assert len(listed) > 25


def test_a_listing_may_be_bounded_by_start(night: tuple[Sandbox, DatabricksWorkspace]) -> None:
    _, workspace = night
    whole = list(workspace.list_runs())
    since = whole[0].started_at - timedelta(minutes=30)
    bounded = list(workspace.list_runs(started_from=since))
    assert {one.run_id for one in bounded} == {one.run_id for one in whole if one.started_at >= since}
    assert 0 < len(bounded) < len(whole)


def test_every_failed_task_run_tells_its_error(night: tuple[Sandbox, DatabricksWorkspace]) -> None:
    _, workspace = night
    attempts = [one for run in failed_runs(workspace) for one in run.attempts if one.result_state == "FAILED"]
    outputs = [workspace.get_output(one.task_run_id) for one in attempts]
    assert len(outputs) > 10
    assert all(one.error or one.error_trace for one in outputs)


def test_the_job_of_a_run_can_be_read(night: tuple[Sandbox, DatabricksWorkspace]) -> None:
    _, workspace = night
    run = repairable(workspace)
    assert run.job_id is not None
    job = workspace.get_job(run.job_id)
    assert job.name
    assert {one.task_key for one in run.attempts} <= {one["task_key"] for one in job.raw["tasks"]}


def test_what_never_was_is_gone(night: tuple[Sandbox, DatabricksWorkspace]) -> None:
    _, workspace = night
    for ask in (workspace.get_run, workspace.get_output, workspace.get_job):
        with pytest.raises(RunGone):
            ask(4711)


def test_a_repair_starts_and_shows_in_the_history(night: tuple[Sandbox, DatabricksWorkspace]) -> None:
    _, workspace = night
    run = repairable(workspace)
    repair_id = workspace.repair(request(run))
    assert workspace.get_run(run.run_id).latest_repair_id == repair_id


def test_a_repair_whose_answer_is_lost_happened_once(night: tuple[Sandbox, DatabricksWorkspace]) -> None:
    sandbox, workspace = night
    run = repairable(workspace)
    sandbox.workspace_faults.add(Fault(path="runs/repair", drop=True, applied=True))
    with pytest.raises(WorkspaceError):
        workspace.repair(request(run))
    assert len(workspace.get_run(run.run_id).repairs) == 1


def test_a_throttled_repair_happens_once(night: tuple[Sandbox, DatabricksWorkspace]) -> None:
    sandbox, workspace = night
    run = repairable(workspace)
    sandbox.workspace_faults.add(throttled("runs/repair"))
    workspace.repair(request(run))
    assert len(workspace.get_run(run.run_id).repairs) == 1


def test_one_token_submits_one_run(night: tuple[Sandbox, DatabricksWorkspace]) -> None:
    sandbox, workspace = night
    payload = {"run_name": "again", "tasks": [{"task_key": "a", "notebook_task": {"notebook_path": "/x"}}]}
    sandbox.workspace_faults.add(Fault(path="runs/submit", drop=True, applied=True))
    first = workspace.submit(payload, idempotency_token="d-1")
    assert workspace.submit(payload, idempotency_token="d-1") == first
    assert workspace.get_run(first).run_type == "SUBMIT_RUN"
