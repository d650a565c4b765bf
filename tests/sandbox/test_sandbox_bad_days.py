"""What goes wrong between the SDK and the workspace."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.errors import BadRequest, InternalError, NotFound, PermissionDenied, ResourceDoesNotExist

from jobmedic.sandbox import Destination, Fault, SchedulePlan, throttled
from tests.sandbox.scene import Start, failing, job, run_id_of, sdk, until_retried

HOUR = 3600


@pytest.fixture
def failed(start: Start) -> Any:
    sandbox = start(failing(job(), until_retried(1)))
    sandbox.world.advance(HOUR)
    return sandbox, run_id_of(sandbox)


@pytest.mark.parametrize("status", [429, 503])
def test_the_sdk_follows_retry_after(failed: Any, status: int) -> None:
    sandbox, run_id = failed
    sandbox.workspace_faults.add(throttled("runs/get", status=status, retry_after=1))
    began = time.monotonic()
    assert sdk(sandbox).jobs.get_run(run_id).run_id == run_id
    assert time.monotonic() - began >= 1


def test_a_cut_connection_is_tried_again(failed: Any) -> None:
    sandbox, run_id = failed
    sandbox.workspace_faults.add(Fault("runs/get", drop=True))
    assert sdk(sandbox).jobs.get_run(run_id).run_id == run_id
    assert sandbox.workspace.calls["GET /api/2.2/jobs/runs/get"] == 1


def test_a_repair_whose_answer_is_lost_is_sent_again_and_answered_with_400(failed: Any) -> None:
    """The repair happened all the same: whoever believes the 400 repairs twice."""
    sandbox, run_id = failed
    sandbox.workspace_faults.add(Fault("runs/repair", drop=True, applied=True))
    with pytest.raises(BadRequest):
        sdk(sandbox).jobs.repair_run(run_id, rerun_tasks=["load"])
    assert sandbox.workspace.calls["POST /api/2.2/jobs/runs/repair"] == 2
    assert len(sandbox.world.run(run_id).repairs) == 1


def test_a_repair_that_is_answered_too_late_is_sent_again(failed: Any) -> None:
    sandbox, run_id = failed
    sandbox.workspace_faults.add(Fault("runs/repair", delay=1.5, applied=True))
    with pytest.raises(BadRequest):
        sdk(sandbox, http_timeout_seconds=1).jobs.repair_run(run_id, rerun_tasks=["load"])
    assert len(sandbox.world.run(run_id).repairs) == 1


def test_a_repair_can_be_refused_and_have_happened(failed: Any) -> None:
    sandbox, run_id = failed
    sandbox.workspace_faults.add(Fault("runs/repair", status=400, applied=True))
    with pytest.raises(BadRequest):
        sdk(sandbox).jobs.repair_run(run_id, rerun_tasks=["load"])
    assert len(sandbox.world.run(run_id).repairs) == 1


def test_a_server_error_is_passed_on(failed: Any) -> None:
    sandbox, run_id = failed
    sandbox.workspace_faults.add(Fault("runs/get", status=500))
    with pytest.raises(InternalError):
        sdk(sandbox).jobs.get_run(run_id)


def test_faults_can_spare_calls_first_and_be_cleared(failed: Any) -> None:
    sandbox, run_id = failed
    jobs = sdk(sandbox).jobs
    sandbox.workspace_faults.add(Fault("runs/get", status=500, skip=1, times=None))
    jobs.get_run(run_id)
    with pytest.raises(InternalError):
        jobs.get_run(run_id)
    sandbox.workspace_faults.clear()
    jobs.get_run(run_id)


def test_a_run_can_vanish_between_two_calls(failed: Any) -> None:
    sandbox, run_id = failed
    sandbox.workspace_faults.add(Fault("runs/get$", then=lambda _: sandbox.world.delete_run(run_id)))
    jobs = sdk(sandbox).jobs
    task = jobs.get_run(run_id).tasks[0]
    with pytest.raises(ResourceDoesNotExist):
        jobs.get_run_output(task.run_id)


def test_a_wrong_token_and_a_missing_one_are_told_apart(failed: Any) -> None:
    sandbox, run_id = failed
    with pytest.raises(PermissionDenied, match="Invalid access token"):
        sdk(sandbox, "dapi-wrong").jobs.get_run(run_id)
    assert requests.get(f"{sandbox.workspace_url}/api/2.2/jobs/list", timeout=5).status_code == 401


def test_the_sdk_finds_its_way(start: Start) -> None:
    sandbox = start()
    client = sdk(sandbox)
    assert sandbox.workspace.calls["GET /.well-known/databricks-config"] == 1
    assert str(client.get_workspace_id()) == str(sandbox.workspace.workspace_id)
    assert client.current_user.me().user_name == "jobmedic@sandbox.example"
    headers = client.api_client.do("GET", "/api/2.0/preview/scim/v2/Me", response_headers=["X-Databricks-Org-Id"])
    assert headers["X-Databricks-Org-Id"] == str(sandbox.workspace.workspace_id)


def test_a_client_secret_works_too(start: Start) -> None:
    sandbox = start()
    config = Config(host=sandbox.workspace_url, client_id="app", client_secret="s", auth_type="oauth-m2m")
    assert WorkspaceClient(config=config).current_user.me().active


def test_other_paths_are_no_api(start: Start) -> None:
    with pytest.raises(NotFound, match="No API found"):
        sdk(start()).api_client.do("GET", "/api/2.2/jobs/nonsense")


def test_malformed_requests_are_refused(start: Start) -> None:
    client = sdk(start())
    for path, body in (("runs/repair", {}), ("run-now", {"job_id": "x"}), ("runs/cancel", {})):
        with pytest.raises(BadRequest):
            client.api_client.do("POST", f"/api/2.2/jobs/{path}", body=body)


def test_a_failure_is_posted_to_webhooks_with_ids_as_strings(start: Start) -> None:
    sandbox = start(failing(job()))
    sandbox.notify(Destination(sandbox.incident_url, user="hook", password="pass"), tasks=True)
    sandbox.world.advance(HOUR)
    deadline = time.monotonic() + 5
    while len(sandbox.incidents) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    run, task = (posted.body for posted in sandbox.incidents)
    assert run == {
        "event_type": "jobs.on_failure",
        "workspace_id": str(sandbox.workspace.workspace_id),
        "run": {"run_id": str(run_id_of(sandbox))},
        "job": {"job_id": str(sandbox.stage.job_ids["nightly"]), "name": "nightly"},
    }
    assert task["task"] == {"task_key": "load"}
    assert task["run"]["parent_run_id"] == run["run"]["run_id"]


def test_jobs_can_be_made_changed_and_deleted_through_the_api(start: Start) -> None:
    client = sdk(start())
    body = {"name": "new", "tasks": [{"task_key": "t", "notebook_task": {"notebook_path": "/x"}}]}
    job_id = client.api_client.do("POST", "/api/2.2/jobs/create", body=body)["job_id"]
    change = {"job_id": job_id, "new_settings": {"tags": {"a": "b"}}}
    client.api_client.do("POST", "/api/2.2/jobs/update", body=change)
    assert client.jobs.get(job_id).settings.tags == {"a": "b"}
    assert [j.settings.name for j in client.jobs.list()] == ["new"]
    client.jobs.delete(job_id)
    assert list(client.jobs.list()) == []


def test_cancelling_and_deleting_runs_through_the_api(start: Start) -> None:
    sandbox = start(failing(job()))
    jobs, run_id = sdk(sandbox).jobs, run_id_of(sandbox)
    with pytest.raises(BadRequest):
        jobs.delete_run(run_id)
    jobs.cancel_run(run_id)
    assert jobs.get_run(run_id).state.result_state.value == "CANCELED"
    jobs.delete_run(run_id)
    assert list(jobs.list_runs()) == []


def test_many_threads_may_ask_at_once(start: Start) -> None:
    sandbox = start(failing(job(schedule=SchedulePlan(every=1, runs=40))))
    sandbox.world.advance(HOUR)
    jobs = sdk(sandbox).jobs
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda run_id: jobs.get_run(run_id).run_id, sandbox.stage.run_ids.values()))
    assert found == list(sandbox.stage.run_ids.values())
