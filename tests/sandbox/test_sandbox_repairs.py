"""The rules of `runs/repair`, met through the real SDK."""

from typing import Any

import pytest
from databricks.sdk.errors import BadRequest, InvalidParameterValue, InvalidState
from databricks.sdk.service.jobs import RunResultState

from jobmedic.sandbox import Bound, Ending, JobChange, PersonRepair, Sandbox, SchedulePlan, TaskPlan
from tests.sandbox.scene import Start, cause, failing, job, run_id_of, sdk, until_retried

HOUR = 3600


@pytest.fixture
def failed(start: Start) -> Any:
    """A run of three tasks in a row whose middle one failed; it recovers at the second retry."""
    tasks = (TaskPlan(key="a"), TaskPlan(key="b", needs=("a",)), TaskPlan(key="c", needs=("b",)))
    sandbox = start(failing(job(*tasks), until_retried(2), task="b"))
    sandbox.world.advance(HOUR)
    return sandbox, sdk(sandbox).jobs, run_id_of(sandbox)


def repaired(sandbox: Sandbox, jobs: Any, run_id: int, **fields: Any) -> Any:
    repair_id = jobs.repair_run(run_id, **fields).response.repair_id
    sandbox.world.advance(HOUR)
    return repair_id


def test_a_run_can_succeed_after_its_repairs(failed: Any) -> None:
    sandbox, jobs, run_id = failed
    first = repaired(sandbox, jobs, run_id, rerun_tasks=["b"], rerun_dependent_tasks=True)
    repaired(sandbox, jobs, run_id, rerun_tasks=["b"], rerun_dependent_tasks=True, latest_repair_id=first)
    run = jobs.get_run(run_id, include_history=True)
    assert run.state.result_state is RunResultState.SUCCESS
    assert sorted((t.task_key, t.attempt_number) for t in run.tasks) == [
        ("a", 0), ("b", 0), ("b", 1), ("b", 2), ("c", 0), ("c", 1), ("c", 2),
    ]  # fmt: skip
    original, one, two = run.repair_history
    assert original.state.result_state is one.state.result_state is RunResultState.FAILED
    assert two.state.result_state is RunResultState.SUCCESS
    assert len(two.task_run_ids) == 2


def test_the_second_repair_needs_the_id_of_the_first(failed: Any) -> None:
    sandbox, jobs, run_id = failed
    first = repaired(sandbox, jobs, run_id, rerun_tasks=["b"])
    with pytest.raises(InvalidParameterValue, match="latest repair ID needs to be provided"):
        jobs.repair_run(run_id, rerun_tasks=["b"])
    second = repaired(sandbox, jobs, run_id, rerun_tasks=["b"], latest_repair_id=first)
    with pytest.raises(InvalidParameterValue, match="not the latest"):
        jobs.repair_run(run_id, rerun_tasks=["b"], latest_repair_id=first)
    assert [r.repair_id for r in sandbox.world.run(run_id).repairs] == [first, second]


def test_naming_tasks_excludes_all_failed_tasks(failed: Any) -> None:
    _, jobs, run_id = failed
    with pytest.raises(InvalidParameterValue, match="Only one of"):
        jobs.repair_run(run_id, rerun_tasks=["b"], rerun_all_failed_tasks=True)


def test_all_failed_tasks_takes_what_they_held_up_along(failed: Any) -> None:
    sandbox, jobs, run_id = failed
    repaired(sandbox, jobs, run_id, rerun_all_failed_tasks=True)
    assert sorted(t.task_key for t in jobs.get_run(run_id).tasks if t.attempt_number == 1) == ["b", "c"]


def test_without_dependents_what_was_held_up_stays_so(start: Start) -> None:
    tasks = (TaskPlan(key="a"), TaskPlan(key="b", needs=("a",)))
    sandbox = start(failing(job(*tasks), until_retried(1)))
    sandbox.world.advance(HOUR)
    jobs = sdk(sandbox).jobs
    repaired(sandbox, jobs, run_id_of(sandbox), rerun_tasks=["a"])
    assert jobs.get_run(run_id_of(sandbox)).state.result_state is RunResultState.FAILED


def test_a_run_in_progress_cannot_be_repaired(failed: Any) -> None:
    _, jobs, run_id = failed
    jobs.repair_run(run_id, rerun_tasks=["b"])
    with pytest.raises(InvalidState, match="still in progress"):
        jobs.repair_run(run_id, rerun_tasks=["b"])


@pytest.mark.parametrize("body", [{"rerun_tasks": ["nowhere"]}, {}])
def test_a_repair_has_to_name_tasks_of_the_run(failed: Any, body: Any) -> None:
    _, jobs, run_id = failed
    with pytest.raises(InvalidParameterValue):
        jobs.repair_run(run_id, **body)


def test_parameters_that_are_not_sent_again_fall_back_to_the_jobs_current_defaults(start: Start) -> None:
    picky = cause(ends=Ending(params={"day": Bound(equals="monday")}))
    plan = job(parameters={"day": "tuesday"}, schedule=None)
    sandbox = start(failing(plan, picky))
    jobs, job_id = sdk(sandbox).jobs, sandbox.stage.job_ids["nightly"]
    run_id = sandbox.world.run_now(job_id, by="ann", params={"day": "sunday"}, hits={"load": picky})
    sandbox.world.advance(HOUR)
    sandbox.world.update_job(job_id, {"parameters": [{"name": "day", "default": "wednesday"}]})
    first = repaired(sandbox, jobs, run_id, rerun_tasks=["load"])
    assert sandbox.world.run(run_id).latest("load").params == {"day": "wednesday"}
    repaired(sandbox, jobs, run_id, rerun_tasks=["load"], job_parameters={"day": "monday"}, latest_repair_id=first)
    assert sandbox.world.run(run_id).state.result == "SUCCESS"


def test_a_run_shows_the_default_that_it_had_though_the_jobs_has_moved(start: Start) -> None:
    story = failing(job(parameters={"day": "1"}), changes=(JobChange(job="nightly", at=30, parameters={"day": "2"}),))
    sandbox = start(story)
    sandbox.world.advance(HOUR)
    jobs = sdk(sandbox).jobs
    run = jobs.get_run(run_id_of(sandbox))
    assert run.job_parameters[0].default == "1"
    assert jobs.get(run.job_id).settings.parameters[0].default == "2"


def test_a_repair_uses_the_jobs_current_settings(failed: Any) -> None:
    sandbox, jobs, run_id = failed
    job = sandbox.world.job_named("nightly")
    tasks = [{**t, "timeout_seconds": 77} for t in job.settings["tasks"]]
    sandbox.world.update_job(job.job_id, {"tasks": [*tasks, {"task_key": "later", "notebook_task": {}}]})
    repaired(sandbox, jobs, run_id, rerun_tasks=["b"])
    again = next(t for t in jobs.get_run(run_id).tasks if t.task_key == "b" and t.attempt_number == 1)
    assert again.timeout_seconds == 77
    assert "later" not in {t.task_key for t in jobs.get_run(run_id).tasks}


def test_runs_of_deleted_jobs_and_one_time_runs_cannot_be_repaired(failed: Any, start: Start) -> None:
    sandbox, jobs, run_id = failed
    sandbox.world.delete_job(sandbox.world.run(run_id).job_id)
    with pytest.raises(BadRequest, match="does not exist"):
        jobs.repair_run(run_id, rerun_tasks=["b"])
    other = start(failing(job(one_time=True)))
    other.world.advance(HOUR)
    with pytest.raises(BadRequest, match="one-time"):
        sdk(other).jobs.repair_run(run_id_of(other), rerun_all_failed_tasks=True)


def test_native_retries_start_over_in_a_repair(start: Start) -> None:
    sandbox = start(failing(job(TaskPlan(key="load", retries=1))))
    sandbox.world.advance(HOUR)
    jobs = sdk(sandbox).jobs
    repaired(sandbox, jobs, run_id_of(sandbox), rerun_tasks=["load"])
    assert sorted(t.attempt_number for t in jobs.get_run(run_id_of(sandbox)).tasks) == [0, 1, 2, 3]


def test_people_repair_too(start: Start) -> None:
    story = failing(
        job(schedule=SchedulePlan(every=30, runs=2)),
        until_retried(1),
        repairs=(PersonRepair(job="nightly", run=2, after=5, by="bob@example.com"),),
    )
    sandbox = start(story)
    sandbox.world.advance(2 * HOUR)
    truth = sandbox.truth()[run_id_of(sandbox, ordinal=2)]
    assert (truth.repairs, truth.recovered_by) == (("bob@example.com",), "repair by bob@example.com")
    assert sandbox.truth()[run_id_of(sandbox)].recovered_by is None
