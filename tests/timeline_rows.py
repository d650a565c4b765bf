"""Rows in the shape of `system.lakeflow`, columns and types as its reference gives them (less those that jobmedic skips)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession

RUNS = (
    "account_id STRING, workspace_id STRING, job_id STRING, run_id STRING, period_start_time TIMESTAMP, "
    "period_end_time TIMESTAMP, trigger_type STRING, run_type STRING, run_name STRING, compute_ids ARRAY<STRING>, "
    "result_state STRING, termination_code STRING, job_parameters MAP<STRING, STRING>"
)
TASKS = (
    "account_id STRING, workspace_id STRING, job_id STRING, run_id STRING, job_run_id STRING, parent_run_id STRING, "
    "period_start_time TIMESTAMP, period_end_time TIMESTAMP, task_key STRING, compute_ids ARRAY<STRING>, "
    "result_state STRING, termination_code STRING"
)
NOON = datetime(2025, 3, 3, 12, tzinfo=UTC)
HERE = "7405601234567890"


def at(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def run_slice(run_id: str, start: float, end: float, state: str | None, **values: Any) -> dict[str, Any]:
    """One slice of a run of job 11 in this workspace, from `start` to `end` hours after noon."""
    row = {"account_id": "a", "workspace_id": HERE, "job_id": "11", "run_id": run_id, "run_type": "JOB_RUN"}
    times = {"period_start_time": at(start), "period_end_time": at(end)}
    code = {"termination_code": {None: None, "SUCCEEDED": "SUCCESS"}.get(state, "RUN_EXECUTION_ERROR")}
    return row | times | {"result_state": state} | code | values


def task_slice(task_run_id: str, run_id: str, key: str, end: float, state: str | None, **values: Any) -> dict[str, Any]:
    row = run_slice(task_run_id, end - 0.5, end, state, job_run_id=run_id, task_key=key)
    del row["run_type"]
    return row | values


def frame(spark: SparkSession, schema: str, rows: Sequence[Mapping[str, Any]]) -> DataFrame:
    names = [column.split()[0] for column in schema.replace("MAP<STRING, STRING>", "MAP").split(", ")]
    return spark.createDataFrame([tuple(row.get(name) for name in names) for row in rows], schema)
