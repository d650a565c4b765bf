"""Failed runs found in the system tables, for workspaces with more runs than the Jobs API lists in reasonable time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobmedic.ports.workspace import Run, RunGone, RunReader, RunSummary, TaskOutput, WorkspaceError, WorkspaceIdentity
from jobmedic.transforms.timelines import ended_runs, failed_tasks, shared_texts

LAKEFLOW = "system.lakeflow"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = ("started_at", "ended_at", "failed_at")

# Rows arrive late, and how late nobody promises. What is read twice is stored once, so a pass looks this much further back.
LATENESS = timedelta(hours=4)

TEXTS_PER_GROUP = 5
"""Error texts fetched for each (job, task, termination code) a pass."""


@dataclass(frozen=True, slots=True)
class TimelineFailure:
    """A failed task run as the system tables know it; states in the API's spelling."""

    run: RunSummary
    task_run_id: int
    """The run's own id where it failed before any task did."""
    task_key: str | None
    result_state: str
    termination_code: str | None
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
        """Task runs that failed in runs that ended at or after `ended_from`, newest last. Raises WorkspaceError."""
        ended = ended_runs(self._table("job_run_timeline"), self._workspace_id, ended_from)
        tasks = shared_texts(failed_tasks(self._table("job_task_run_timeline"), ended), texts_per_group)
        try:
            # As numbers: what PySpark makes of a timestamp depends on the zone of this machine.
            in_order = tasks.orderBy("failed_at", "task_run_id").withColumns({n: F.unix_micros(n) for n in TIMES})
            yield from map(_failure, in_order.toLocalIterator())
        except Exception as error:
            raise self._unreadable(error) from error

    def _table(self, name: str) -> DataFrame:
        try:
            table = self._spark.table(f"{self._schema}.{name}")  # Apache Spark looks here already, Spark Connect below
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


class SystemTablesRunReader:
    """A RunReader whose listing comes from the system tables; runs and error texts come from `api`.

    Beyond the cap of a (job, task, termination code) the text of the newest failure of the group stands for the rest.
    """

    def __init__(self, api: RunReader, tables: SystemTables, *, texts_per_group: int = TEXTS_PER_GROUP) -> None:
        self._api = api
        self._tables = tables
        self._texts_per_group = texts_per_group
        self._shared: dict[int, int] = {}
        self._lenders: set[int] = set()
        self._listed = False
        self._texts: dict[int, TaskOutput] = {}

    def identity(self) -> WorkspaceIdentity:
        return self._api.identity()

    def list_runs(
        self, *, started_from: datetime | None = None, started_to: datetime | None = None, active_only: bool = False
    ) -> Iterator[RunSummary]:
        """Failed runs that *ended* since `started_from`, less the lateness of the tables, each once.

        None for `active_only` and for `started_to`: those exist to find runs that end later, and here they are found then.
        """
        if active_only or started_to is not None:
            return
        listed: set[int] = set()
        self._listed = True
        since = (started_from or EPOCH + LATENESS) - LATENESS
        for failure in self._tables.failures(since, texts_per_group=self._texts_per_group):
            if failure.shared_from is not None:
                self._shared[failure.task_run_id] = failure.shared_from
                self._lenders.add(failure.shared_from)
            if failure.run.run_id not in listed:
                listed.add(failure.run.run_id)
                yield failure.run

    def get_run(self, run_id: int) -> Run:
        return self._api.get_run(run_id)

    def get_output(self, task_run_id: int) -> TaskOutput:
        whose = self._shared.get(task_run_id)
        if whose is None:
            return self._text(task_run_id)
        try:
            return replace(self._text(whose), shared_from=whose)
        except RunGone:
            return self._text(task_run_id)

    def _text(self, task_run_id: int) -> TaskOutput:
        kept = self._texts.get(task_run_id)
        if kept is None:
            kept = replace(self._api.get_output(task_run_id), source="system_tables" if self._listed else "api")
            if task_run_id in self._lenders:  # two threads may fetch one at the same time; they get the same
                self._texts[task_run_id] = kept
        return kept


def _failure(row: Any) -> TimelineFailure:
    run = RunSummary(
        run_id=row["run_id"],
        job_id=row["job_id"],
        started_at=_utc(row["started_at"]),
        ended_at=_utc(row["ended_at"]),
        life_cycle_state="TERMINATED",
        result_state=row["run_state"],
    )
    return TimelineFailure(
        run=run,
        task_run_id=row["task_run_id"],
        task_key=row["task_key"],
        result_state=row["result_state"],
        termination_code=row["termination_code"],
        failed_at=_utc(row["failed_at"]),
        shared_from=row["shared_from"],
    )


def _utc(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)
