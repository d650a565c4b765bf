"""One-time runs and idempotency tokens, met through the real SDK."""

from typing import Any

import pytest
from databricks.sdk.errors import BadRequest, InvalidParameterValue, ResourceDoesNotExist
from databricks.sdk.service.compute import ClusterSpec
from databricks.sdk.service.jobs import NotebookTask, RunResultState, RunType, SubmitTask, TaskDependency

from jobmedic.knowledge.words import Compute
from jobmedic.sandbox import Bound, Ending, TaskPlan
from tests.sandbox.scene import Start, cause, failing, job, run_id_of, sdk, until_retried

HOUR = 3600
PATH = "/Workspace/Jobs/nightly/load"


def again(
    *, node: str = "Standard_D4ds_v5", workers: Any = 2, timeout: Any = 0, parameters: Any = None, **fields: Any
) -> Any:
    cluster = ClusterSpec(spark_version="16.4.x-scala2.12", node_type_id=node, num_workers=workers)
    notebook = NotebookTask(PATH, base_parameters=parameters)
    return SubmitTask(task_key="load", notebook_task=notebook, new_cluster=cluster, timeout_seconds=timeout, **fields)


def resubmitted(
    start: Start, why: Any, task: Any, *, plan: Any = None, name: Any = "jobmedic retry of {run_id}"
) -> Any:
    sandbox = start(failing(plan or job(), why))
    sandbox.world.advance(HOUR)
    run_id = run_id_of(sandbox)
    jobs = sdk(sandbox).jobs
    new = jobs.submit(run_name=name.format(run_id=run_id), tasks=[task], idempotency_token="t").run_id
    sandbox.world.advance(HOUR)
    return sandbox, jobs, run_id, jobs.get_run(new)


@pytest.mark.parametrize(
    ("remedy", "changed"),
    [
        (Compute.LARGER_NODE, {"node": "Standard_E8ds_v5"}),
        (Compute.MORE_WORKERS, {"workers": 4}),
        (Compute.LONGER_TIMEOUT, {"timeout": 7200}),
    ],
)
def test_changed_compute_helps_where_it_is_the_remedy(start: Start, remedy: Any, changed: Any) -> None:
    plan = job(TaskPlan(key="load", timeout_minutes=30))
    why = cause(ends=Ending(compute=remedy))
    unchanged = again(timeout=1800)
    *_, same = resubmitted(start, why, unchanged, plan=plan)
    sandbox, _, run_id, run = resubmitted(start, why, again(**{"timeout": 1800, **changed}), plan=plan)
    assert same.state.result_state is RunResultState.FAILED
    assert run.state.result_state is RunResultState.SUCCESS
    assert sandbox.truth()[run_id].recovered_by == "submit by jobmedic@sandbox.example"
    assert sandbox.truth()[run_id].executions == 2


def test_a_submit_that_names_no_run_is_known_by_the_code_that_it_runs(start: Start) -> None:
    sandbox, _, run_id, run = resubmitted(start, until_retried(1), again(), name="by hand")
    assert sandbox.world.run(run.run_id).origin == run_id
    assert run.state.result_state is RunResultState.SUCCESS


def test_parameters_of_a_submit_are_the_tasks_own(start: Start) -> None:
    why = cause(ends=Ending(params={"size": Bound(at_most=100)}))
    plan = job(parameters={"size": "1000"})
    *_, lost = resubmitted(start, why, again(parameters={"size": "{{job.parameters.size}}"}), plan=plan)
    *_, moved = resubmitted(start, why, again(parameters={"size": "50"}), plan=plan)
    assert lost.state.result_state is RunResultState.FAILED
    assert moved.state.result_state is RunResultState.SUCCESS


def test_a_one_time_run_has_no_job_to_look_up(start: Start) -> None:
    sandbox = start(failing(job(one_time=True)))
    sandbox.world.advance(HOUR)
    jobs = sdk(sandbox).jobs
    run = jobs.get_run(run_id_of(sandbox))
    assert run.run_type is RunType.SUBMIT_RUN
    assert run.state.result_state is RunResultState.FAILED
    with pytest.raises(ResourceDoesNotExist):
        jobs.get(run.job_id)


def test_a_workflow_run_can_be_told_by_its_type(start: Start) -> None:
    sandbox = start()
    body = {"tasks": [again().as_dict()], "run_name": "child notebook"}
    sandbox.world.submit(body, by="ann", hits={}, kind="WORKFLOW_RUN")
    (run,) = sdk(sandbox).jobs.list_runs(run_type=RunType.WORKFLOW_RUN)
    assert run.run_type is RunType.WORKFLOW_RUN


def test_one_token_starts_one_run(start: Start) -> None:
    sandbox = start(failing(job(schedule=None)))
    jobs, job_id = sdk(sandbox).jobs, sandbox.stage.job_ids["nightly"]
    assert jobs.run_now(job_id, idempotency_token="a").run_id == jobs.run_now(job_id, idempotency_token="a").run_id
    submitted = {jobs.submit(tasks=[again()], idempotency_token="b").run_id for _ in range(2)}
    assert len(submitted) == 1
    assert len(list(jobs.list_runs())) == 2
    with pytest.raises(InvalidParameterValue, match="64"):
        jobs.submit(tasks=[again()], idempotency_token="c" * 65)


@pytest.mark.parametrize(
    "tasks",
    [
        [],
        [again(), again()],
        [again(depends_on=[TaskDependency("gone")])],
        [SubmitTask(task_key="nothing")],
        [SubmitTask(task_key="a", notebook_task=NotebookTask(PATH), environment_key="nowhere")],
    ],
)
def test_a_submit_that_does_not_stand_alone_is_refused(start: Start, tasks: Any) -> None:
    with pytest.raises(BadRequest):
        sdk(start()).jobs.submit(tasks=tasks)


def test_a_job_cluster_cannot_be_named_in_a_submit(start: Start) -> None:
    client = sdk(start())
    body = {"tasks": [{**again().as_dict(), "job_cluster_key": "main"}]}
    with pytest.raises(BadRequest, match="job_cluster_key"):
        client.api_client.do("POST", "/api/2.2/jobs/runs/submit", body=body)
