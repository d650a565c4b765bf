"""The system tables as Delta tables of the same shape."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobmedic.edges.system_tables import LATENESS, SystemTables, SystemTablesRunReader
from jobmedic.ports.workspace import Run, RunGone, RunSummary, TaskOutput, WorkspaceError, WorkspaceIdentity
from tests.timeline_rows import HERE, RUNS, TASKS, at, frame, run_slice, task_slice


class OutputsOnly:
    """The API as far as error texts go; counts what it was asked for."""

    def __init__(self, *gone: int) -> None:
        self.gone = gone
        self.asked: list[int] = []

    def identity(self) -> WorkspaceIdentity:
        return WorkspaceIdentity(HERE, "https://workspace.example.com")

    def list_runs(self, **_: object) -> Iterator[RunSummary]:
        raise AssertionError("the API lists too many runs")

    def get_run(self, run_id: int) -> Run:
        raise RunGone(f"run {run_id} is gone")

    def get_output(self, task_run_id: int) -> TaskOutput:
        self.asked.append(task_run_id)
        if task_run_id in self.gone:
            raise RunGone(f"task run {task_run_id} is gone")
        return TaskOutput(error=f"error of {task_run_id}", error_trace=None, error_bytes=12)


@pytest.fixture
def lakeflow(spark: SparkSession, tmp_path: Path) -> Iterator[str]:
    """Two failures of one task in runs that ended one and two hours after noon, and a run of another workspace."""
    other = run_slice("3", 0, 3, "FAILED", workspace_id="9")
    runs = [run_slice("1", 0, 1, "FAILED"), run_slice("2", 0, 2, "FAILED"), other]
    tasks = [task_slice("11", "1", "load", 1, "FAILED"), task_slice("12", "2", "load", 2, "FAILED")]
    spark.sql("CREATE SCHEMA IF NOT EXISTS lakeflow_like").collect()
    tables = {"job_run_timeline": (RUNS, runs), "job_task_run_timeline": (TASKS, tasks)}
    for name, (schema, rows) in tables.items():
        path = str(tmp_path / name)
        frame(spark, schema, rows).write.format("delta").save(path)
        spark.sql(f"CREATE TABLE lakeflow_like.{name} USING delta LOCATION '{path}'").collect()
    yield "lakeflow_like"
    for name in tables:
        spark.sql(f"DROP TABLE lakeflow_like.{name}").collect()


def test_failures_come_as_records_with_times_in_utc(spark: SparkSession, lakeflow: str) -> None:
    first = next(SystemTables(spark, HERE, lakeflow).failures(at(0)))
    assert (first.run.run_id, first.run.job_id, first.task_run_id, first.task_key) == (1, 11, 11, "load")
    assert (first.run.started_at, first.run.ended_at, first.failed_at) == (at(0), at(1), at(1))
    assert (first.run.result_state, first.run.active) == ("FAILED", False)


def test_runs_are_listed_by_their_end_and_once(spark: SparkSession, lakeflow: str) -> None:
    reader = SystemTablesRunReader(OutputsOnly(), SystemTables(spark, HERE, lakeflow))
    assert [run.run_id for run in reader.list_runs(started_from=at(1.5) + LATENESS)] == [2]


def test_rows_that_arrive_late_are_still_listed(spark: SparkSession, lakeflow: str) -> None:
    reader = SystemTablesRunReader(OutputsOnly(), SystemTables(spark, HERE, lakeflow))
    assert [run.run_id for run in reader.list_runs(started_from=at(1) + LATENESS)] == [1, 2]


def test_active_runs_are_not_listed_for_they_are_found_when_they_end(spark: SparkSession, lakeflow: str) -> None:
    reader = SystemTablesRunReader(OutputsOnly(), SystemTables(spark, HERE, lakeflow))
    assert list(reader.list_runs(started_to=at(9), active_only=True)) == []


def test_beyond_the_cap_one_text_stands_for_the_rest_and_says_so(spark: SparkSession, lakeflow: str) -> None:
    api = OutputsOnly()
    reader = SystemTablesRunReader(api, SystemTables(spark, HERE, lakeflow), texts_per_group=1)
    list(reader.list_runs(started_from=at(0)))
    own, shared = reader.get_output(12), reader.get_output(11)
    assert (own.error, own.shared_from, own.source) == ("error of 12", None, "system_tables")
    assert (shared.error, shared.shared_from, shared.source) == ("error of 12", 12, "system_tables")
    assert api.asked == [12]


def test_a_failure_reads_its_own_text_when_the_shared_one_is_gone(spark: SparkSession, lakeflow: str) -> None:
    reader = SystemTablesRunReader(OutputsOnly(12), SystemTables(spark, HERE, lakeflow), texts_per_group=1)
    list(reader.list_runs(started_from=at(0)))
    assert (reader.get_output(11).error, reader.get_output(11).shared_from) == ("error of 11", None)


def test_a_schema_that_is_not_enabled_is_named_with_what_to_do(spark: SparkSession) -> None:
    with pytest.raises(WorkspaceError, match=r"no_such_schema cannot be read: .+ --source api"):
        next(SystemTables(spark, HERE, "no_such_schema").failures(at(0)))
