"""The system tables as Delta tables of the same shape."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobmedic.edges.system_tables import LATENESS, SystemTables
from jobmedic.ports.workspace import WorkspaceError
from tests.timeline_rows import HERE, RUNS, TASKS, at, frame, run_slice, task_slice


@pytest.fixture
def lakeflow(spark: SparkSession, tmp_path: Path) -> Iterator[str]:
    """Two failures of one task, one under the cap and one over it, and a run of another workspace."""
    runs = [
        run_slice("1", 0, 1, "FAILED"),
        run_slice("2", 0, 2, "FAILED"),
        run_slice("3", 0, 3, "FAILED", workspace_id="9"),
    ]
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
    assert (first.run_id, first.task_run_id, first.job_id, first.task_key) == (1, 11, 11, "load")
    assert (first.started_at, first.failed_at) == (at(0), at(1))


def test_texts_to_fetch_come_before_those_that_share_them(spark: SparkSession, lakeflow: str) -> None:
    found = list(SystemTables(spark, HERE, lakeflow).failures(at(0), texts_per_group=1))
    assert [(failure.task_run_id, failure.shared_from) for failure in found] == [(12, None), (11, 12)]


def test_rows_that_arrive_late_are_still_read(spark: SparkSession, lakeflow: str) -> None:
    tables = SystemTables(spark, HERE, lakeflow)
    assert len(list(tables.failures(at(1) + LATENESS))) == 2
    assert len(list(tables.failures(at(1.1) + LATENESS))) == 1


def test_a_schema_that_is_not_enabled_is_named_with_what_to_do(spark: SparkSession) -> None:
    with pytest.raises(WorkspaceError, match=r"no_such_schema cannot be read: .+ --source api"):
        next(SystemTables(spark, HERE, "no_such_schema").failures(at(0)))
