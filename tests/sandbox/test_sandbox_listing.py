"""Traps of `runs/list` and of pages, met through the real SDK."""

import pytest
from databricks.sdk.errors import InvalidParameterValue

from jobmedic.sandbox import SchedulePlan, TaskPlan
from tests.sandbox.scene import Start, cause, failing, job, run_id_of, sdk

HOUR = 3600


def test_runs_come_newest_first_and_the_iterator_follows_every_page(start: Start) -> None:
    sandbox = start(failing(job(schedule=SchedulePlan(first=-600, every=10, runs=60))))
    runs = list(sdk(sandbox).jobs.list_runs(limit=7))
    assert len(runs) == 60
    assert [r.start_time for r in runs] == sorted((r.start_time for r in runs), reverse=True)
    assert sandbox.workspace.calls["GET /api/2.2/jobs/runs/list"] == 9


def test_a_page_holds_at_most_25_runs(start: Start) -> None:
    sandbox = start()
    with pytest.raises(InvalidParameterValue, match="no more than 25"):
        list(sdk(sandbox).jobs.list_runs(limit=26))


def test_a_run_that_starts_between_two_pages_shifts_nothing(start: Start) -> None:
    sandbox = start(failing(job(schedule=SchedulePlan(first=-60, every=10, runs=8))))
    pages = sdk(sandbox).jobs.list_runs(limit=3)
    seen = [next(pages).run_id for _ in range(3)]
    sandbox.world.advance(15 * 60)
    seen += [run.run_id for run in pages]
    assert len(seen) == len(set(seen)) == 7


def test_only_the_start_time_can_be_filtered_on(start: Start) -> None:
    """A run that started three days ago and fails now is in no recent window."""
    long_run = job(TaskPlan(key="train", minutes=4400), schedule=SchedulePlan(first=-4310))
    sandbox = start(failing(long_run, cause(fails_after=0.99)))
    jobs = sdk(sandbox).jobs
    recent = (sandbox.clock.milliseconds()) - HOUR * 1000
    assert [r.run_id for r in jobs.list_runs(active_only=True)] == [run_id_of(sandbox)]
    sandbox.world.advance(HOUR)
    assert sandbox.world.run(run_id_of(sandbox)).ended > recent
    assert list(jobs.list_runs(start_time_from=recent)) == []
    assert len(list(jobs.list_runs(start_time_to=recent, completed_only=True))) == 1


def test_active_only_and_completed_only_exclude_each_other(start: Start) -> None:
    with pytest.raises(InvalidParameterValue):
        list(sdk(start()).jobs.list_runs(active_only=True, completed_only=True))


def test_expand_tasks_shows_100_tasks_and_get_run_pages_the_rest(start: Start) -> None:
    tasks = [TaskPlan(key=f"t{i}", minutes=1) for i in range(230)]
    sandbox = start(failing(job(*tasks)))
    sandbox.world.advance(HOUR)
    client = sdk(sandbox)
    listed = client.api_client.do("GET", "/api/2.2/jobs/runs/list", query={"expand_tasks": True})["runs"][0]
    assert len(listed["tasks"]) == 100
    assert listed["has_more"]
    run = client.jobs.get_run(listed["run_id"])
    assert {t.task_key for t in run.tasks} == {t.key for t in tasks}
    assert len(client.jobs.get(run.job_id).settings.tasks) == 230


def test_a_listing_has_no_repair_history(start: Start) -> None:
    sandbox = start(failing(job()))
    sandbox.world.advance(HOUR)
    jobs = sdk(sandbox).jobs
    jobs.repair_run(run_id_of(sandbox), rerun_tasks=["load"])
    assert next(iter(jobs.list_runs(expand_tasks=True))).repair_history == []
    assert jobs.get_run(run_id_of(sandbox)).repair_history == []
    history = jobs.get_run(run_id_of(sandbox), include_history=True).repair_history
    assert [item.type.value for item in history] == ["ORIGINAL", "REPAIR"]


def test_tasks_come_in_no_order_but_in_the_same_one_each_time(start: Start) -> None:
    sandbox = start(failing(job(*[TaskPlan(key=f"t{i:02}", minutes=1) for i in range(40)])))
    jobs = sdk(sandbox).jobs
    keys = [t.task_key for t in jobs.get_run(run_id_of(sandbox)).tasks]
    assert keys != sorted(keys)
    assert keys == [t.task_key for t in jobs.get_run(run_id_of(sandbox)).tasks]


def test_ids_exceed_53_bits(start: Start) -> None:
    sandbox = start(failing(job()))
    run = sdk(sandbox).jobs.get_run(run_id_of(sandbox))
    for number in (run.run_id, run.job_id, run.tasks[0].run_id):
        assert number > 2**53
        assert int(float(number)) != number


def test_runs_vanish_after_60_days(start: Start) -> None:
    sandbox = start(failing(job()))
    sandbox.world.advance(59 * 24 * HOUR)
    assert len(list(sdk(sandbox).jobs.list_runs())) == 1
    sandbox.world.advance(2 * 24 * HOUR)
    assert list(sdk(sandbox).jobs.list_runs()) == []


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
def test_older_paths_are_answered_too(start: Start, version: str) -> None:
    sandbox = start(failing(job()))
    answer = sdk(sandbox).api_client.do("GET", f"/api/{version}/jobs/runs/list")
    assert len(answer["runs"]) == 1
