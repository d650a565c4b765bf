"""Failed task runs out of tables shaped like `system.lakeflow`."""

from typing import Any

from pyspark.sql import SparkSession

from jobmedic.transforms.timelines import ended_runs, failed_tasks, shared_texts
from tests.timeline_rows import HERE, RUNS, TASKS, at, frame, run_slice, task_slice


def runs_found(spark: SparkSession, *slices: dict[str, Any], since: float = 0) -> dict[int, str]:
    ended = ended_runs(frame(spark, RUNS, slices), HERE, at(since))
    found = failed_tasks(frame(spark, TASKS, []), ended).collect()
    assert len({row["run_id"] for row in found}) == len(found)
    return {row["run_id"]: row["result_state"] for row in found}


def tasks_found(spark: SparkSession, runs: list[dict[str, Any]], tasks: list[dict[str, Any]]) -> dict[int, Any]:
    failed = ended_runs(frame(spark, RUNS, runs), HERE, at(0))
    return {row["task_run_id"]: row for row in failed_tasks(frame(spark, TASKS, tasks), failed).collect()}


def test_states_come_in_the_spelling_of_the_api(spark: SparkSession) -> None:
    states = ["FAILED", "ERROR", "TIMED_OUT", "CANCELLED", "SUCCEEDED", "SKIPPED", "BLOCKED"]
    slices = [run_slice(str(n), 0.5, 1, state) for n, state in enumerate(states)]
    assert runs_found(spark, *slices) == {0: "FAILED", 1: "INTERNAL_ERROR", 2: "TIMEDOUT", 3: "CANCELED"}


def test_a_long_run_is_one_failure_that_started_with_its_first_slice(spark: SparkSession) -> None:
    slices = [run_slice("1", -3, -2, None), run_slice("1", -2, -1, None), run_slice("1", -1, 1, "FAILED")]
    runs = ended_runs(frame(spark, RUNS, slices), HERE, at(0))
    assert runs.where(runs["started_at"] == at(-3)).where(runs["ended_at"] == at(1)).count() == runs.count() == 1


def test_a_run_that_ends_on_the_hour_is_ended(spark: SparkSession) -> None:
    assert runs_found(spark, run_slice("1", 0, 1, None), run_slice("1", 1, 1, "FAILED")) == {1: "FAILED"}


def test_a_run_that_a_repair_saved_is_no_failure(spark: SparkSession) -> None:
    assert runs_found(spark, run_slice("1", 0, 1, "FAILED"), run_slice("1", 2, 3, "SUCCEEDED")) == {}


def test_a_run_under_repair_waits(spark: SparkSession) -> None:
    assert runs_found(spark, run_slice("1", 0, 1, "FAILED"), run_slice("1", 2, 3, None)) == {}


def test_a_run_that_ended_before_the_watermark_is_left_out(spark: SparkSession) -> None:
    assert runs_found(spark, run_slice("1", 0, 1, "FAILED"), run_slice("2", 0, 3, "FAILED"), since=2) == {2: "FAILED"}


def test_another_workspace_of_the_region_is_left_out(spark: SparkSession) -> None:
    other = run_slice("1", 0, 1, "FAILED", workspace_id="999")
    assert runs_found(spark, other, run_slice("1", 0, 1, "SUCCEEDED")) == {}


def test_ids_beyond_53_bits_survive(spark: SparkSession) -> None:
    assert runs_found(spark, run_slice("9007199254740993", 0, 1, "FAILED")) == {9007199254740993: "FAILED"}


def test_a_one_time_run_has_no_job(spark: SparkSession) -> None:
    runs = ended_runs(frame(spark, RUNS, [run_slice("1", 0, 1, "FAILED", run_type="SUBMIT_RUN")]), HERE, at(0))
    assert [row["job_id"] for row in runs.collect()] == [None]


def test_only_tasks_that_failed_by_themselves_are_kept(spark: SparkSession) -> None:
    tasks = [
        task_slice("21", "1", "load", 1, "FAILED"),
        task_slice("22", "1", "report", 1, "BLOCKED"),
        task_slice("23", "1", "check", 1, "SKIPPED"),
        task_slice("24", "1", "extract", 1, "SUCCEEDED"),
    ]
    found = tasks_found(spark, [run_slice("1", 0, 1, "FAILED")], tasks)
    assert {key: row["task_key"] for key, row in found.items()} == {21: "load"}


def test_only_the_latest_attempt_of_a_task_counts(spark: SparkSession) -> None:
    tasks = [
        task_slice("21", "1", "load", 0.5, "FAILED"),
        task_slice("22", "1", "load", 1, "FAILED", termination_code="CLUSTER_ERROR"),
        task_slice("31", "1", "extract", 0.4, "FAILED"),
        task_slice("32", "1", "extract", 0.9, "SUCCEEDED"),
    ]
    found = tasks_found(spark, [run_slice("1", 0, 1, "FAILED")], tasks)
    assert {key: row["termination_code"] for key, row in found.items()} == {22: "CLUSTER_ERROR"}


def test_a_task_that_failed_in_a_run_that_succeeded_is_kept(spark: SparkSession) -> None:
    tasks = [task_slice("21", "1", "load", 1, "FAILED"), task_slice("22", "1", "report", 1, "SUCCEEDED")]
    found = tasks_found(spark, [run_slice("1", 0, 1, "SUCCEEDED"), run_slice("2", 0, 1, "SUCCEEDED")], tasks)
    assert [(key, row["run_state"]) for key, row in found.items()] == [(21, "SUCCESS_WITH_FAILURES")]


def test_a_run_that_failed_before_its_tasks_stands_for_itself(spark: SparkSession) -> None:
    found = tasks_found(spark, [run_slice("1", 0, 1, "ERROR")], [])
    assert [(key, row["task_key"], row["result_state"]) for key, row in found.items()] == [(1, None, "INTERNAL_ERROR")]


def test_beyond_the_cap_a_group_shares_the_text_of_its_newest(spark: SparkSession) -> None:
    runs = [run_slice(str(n), 0, 1 + n, "FAILED") for n in range(1, 6)]
    tasks = [task_slice(str(100 + n), str(n), "load", 1 + n, "FAILED") for n in range(1, 6)]
    failed = ended_runs(frame(spark, RUNS, runs), HERE, at(0))
    shared = shared_texts(failed_tasks(frame(spark, TASKS, tasks), failed), cap=2).collect()
    assert {row["task_run_id"]: row["shared_from"] for row in shared} == {
        101: 105,
        102: 105,
        103: 105,
        104: None,
        105: None,
    }


def test_another_task_or_termination_code_is_another_group(spark: SparkSession) -> None:
    runs = [run_slice("1", 0, 1, "FAILED"), run_slice("2", 0, 1, "FAILED")]
    tasks = [
        task_slice("11", "1", "load", 1, "FAILED"),
        task_slice("12", "1", "extract", 1, "FAILED"),
        task_slice("21", "2", "load", 1, "FAILED", termination_code="CLUSTER_ERROR"),
    ]
    failed = ended_runs(frame(spark, RUNS, runs), HERE, at(0))
    shared = shared_texts(failed_tasks(frame(spark, TASKS, tasks), failed), cap=1).collect()
    assert {row["shared_from"] for row in shared} == {None}
