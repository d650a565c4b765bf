"""Failed runs read from the system tables, for workspaces with more runs than the Jobs API lists in reasonable time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobmedic.ports.workspace import WorkspaceError
from jobmedic.transforms.timelines import failed_runs, failed_tasks, shared_texts

LAKEFLOW = "system.lakeflow"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = ("started_at", "failed_at")

# Rows arrive late, and how late nobody promises. What is read twice is stored once, so a pass looks this much further back.
LATENESS = timedelta(hours=4)

TEXTS_PER_GROUP = 5
"""Error texts fetched for each (job, task, termination code) a pass."""


@dataclass(frozen=True, slots=True)
class TimelineFailure:
    """A failed task run as the system tables know it; states in the API's spelling."""

    run_id: int
    job_id: int | None
    run_type: str | None
    run_name: str | None
    task_run_id: int
    """The run's own id where it failed before any task did."""
    task_key: str | None
    result_state: str
    termination_code: str | None
    started_at: datetime
    failed_at: datetime
    shared_from: int | None
    """Task run whose error text stands for this one's; None when this one's own is to be fetched."""


class SystemTables:
    """`schema` holds `job_run_timeline` and `job_task_run_timeline`; one workspace's rows of it are read."""

    def __init__(self, spark: SparkSession, workspace_id: str, schema: str = LAKEFLOW) -> None:
        self._spark = spark
        self._workspace_id = workspace_id
        self._schema = schema

    def failures(self, ended_from: datetime, *, texts_per_group: int = TEXTS_PER_GROUP) -> Iterator[TimelineFailure]:
        """Task runs that failed at or after `ended_from`, less the lateness of the tables. Raises WorkspaceError.

        Those whose text is to be fetched come first, so that a text is there when another shares it.
        """
        failed = failed_runs(self._table("job_run_timeline"), self._workspace_id, ended_from - LATENESS)
        tasks = shared_texts(failed_tasks(self._table("job_task_run_timeline"), failed), texts_per_group)
        try:
            in_order = tasks.orderBy(F.col("shared_from").isNotNull(), "failed_at", "task_run_id")
            # As numbers: what PySpark makes of a timestamp depends on the zone of this machine.
            rows = in_order.withColumns({name: F.unix_micros(name) for name in TIMES}).toLocalIterator()
            yield from map(_failure, rows)
        except Exception as error:
            raise self._unreadable(error) from error

    def _table(self, name: str) -> DataFrame:
        table = self._spark.table(f"{self._schema}.{name}")
        try:
            _ = table.schema
        except Exception as error:
            raise self._unreadable(error) from error
        return table

    def _unreadable(self, error: Exception) -> WorkspaceError:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        return WorkspaceError(
            f"{self._schema} cannot be read: {said}. Have an account admin enable the schema and grant USE and SELECT on it, "
            "or use --source api"
        )


def _failure(row: Any) -> TimelineFailure:
    return TimelineFailure(
        run_id=row["run_id"],
        job_id=row["job_id"],
        run_type=row["run_type"],
        run_name=row["run_name"],
        task_run_id=row["task_run_id"],
        task_key=row["task_key"],
        result_state=row["result_state"],
        termination_code=row["termination_code"],
        started_at=_utc(row["started_at"]),
        failed_at=_utc(row["failed_at"]),
        shared_from=row["shared_from"],
    )


def _utc(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)
