"""Failed task runs out of the system tables `system.lakeflow.job_run_timeline` and `job_task_run_timeline`.

Facts from "Jobs system table reference" (docs.databricks.com, admin/system-tables/jobs), which differ from the Jobs API:
ids are strings, and a workspace id stands beside each, since the tables hold all workspaces of a region; a run that lasts
is cut into slices of an hour, of which only the last carries `result_state` and `termination_code`; a repair adds slices;
states are SUCCEEDED, FAILED, ERROR, TIMED_OUT, CANCELLED, SKIPPED and BLOCKED.
"""

from collections.abc import Mapping
from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

RESULT_STATES: Mapping[str, str] = {
    "FAILED": "FAILED",
    "ERROR": "INTERNAL_ERROR",
    "TIMED_OUT": "TIMEDOUT",
    "CANCELLED": "CANCELED",
}
"""States of a failure that is its own cause, and the API's spelling; BLOCKED and SKIPPED tasks are never one."""

ONE_TIME = "SUBMIT_RUN"

TOLERATED = "SUCCESS_WITH_FAILURES"
"""The API's state of a run that succeeded although a task failed; the tables say SUCCEEDED."""


def ended_runs(runs: DataFrame, workspace_id: str, ended_from: datetime) -> DataFrame:
    """One row a run of the workspace that ended at or after `ended_from`, as its latest slice shows it.

    A run that failed and is being repaired has a newer slice without a state, and is left out until that ends.
    `run_id` and `job_id` are numbers as in the API; `job_id` is null for a one-time submit. `run_state` is null where the
    run did not fail.
    """
    here = runs.where(F.col("workspace_id") == workspace_id)
    recent = here.where(F.col("period_end_time") >= ended_from).select("run_id").distinct()
    slices = here.join(recent, on="run_id", how="left_semi")
    started = slices.groupBy("run_id").agg(F.min("period_start_time").alias("started_at"))
    return (
        _latest(slices, "run_id")
        .where(F.col("result_state").isNotNull())
        .join(started, on="run_id", how="inner")
        .select(
            "workspace_id",
            F.col("run_id").cast("bigint").alias("run_id"),
            F.when(F.col("run_type") != ONE_TIME, F.col("job_id").cast("bigint")).alias("job_id"),
            "run_type",
            "run_name",
            _api_state("result_state").alias("run_state"),
            F.col("termination_code").alias("run_code"),
            "started_at",
            F.col("period_end_time").alias("ended_at"),
        )
    )


def failed_tasks(tasks: DataFrame, ended: DataFrame) -> DataFrame:
    """One row a task whose latest attempt failed by itself; `ended` comes from `ended_runs`.

    Tasks of a run that succeeded all the same are among them, for its owner tolerates what somebody may want to know. A
    failed run without such a task, which fails before any task starts, is one row under its own id.
    """
    slices = tasks.select(
        "workspace_id",
        F.col("job_run_id").cast("bigint").alias("run_id"),
        F.col("run_id").cast("bigint").alias("task_run_id"),
        "task_key",
        "result_state",
        F.col("termination_code").alias("task_code"),
        "period_start_time",
        "period_end_time",
    )
    latest = (
        _latest(slices, "workspace_id", "run_id", "task_key")
        .where(F.col("result_state").isin(*RESULT_STATES))
        .withColumn("task_state", _api_state("result_state"))
        .drop("result_state", "period_start_time")
    )
    return (
        ended.join(latest, on=["workspace_id", "run_id"], how="left")
        .where(F.col("task_run_id").isNotNull() | F.col("run_state").isNotNull())
        .select(
            "workspace_id",
            "run_id",
            "job_id",
            "run_type",
            "run_name",
            F.coalesce("run_state", F.lit(TOLERATED)).alias("run_state"),
            F.coalesce("task_run_id", "run_id").alias("task_run_id"),
            "task_key",
            F.coalesce("task_state", "run_state").alias("result_state"),
            F.coalesce("task_code", "run_code").alias("termination_code"),
            "started_at",
            "ended_at",
            F.coalesce("period_end_time", "ended_at").alias("failed_at"),
        )
    )


def shared_texts(tasks: DataFrame, cap: int) -> DataFrame:
    """Adds `shared_from`: null for the newest `cap` failures of each (job, task, termination code).

    Their error texts are fetched. For the rest it is the newest task run of their group, whose text stands for theirs.
    """
    group = [
        F.coalesce(F.col("job_id").cast("string"), F.col("run_name")),
        F.col("task_key"),
        F.col("termination_code"),
    ]
    newest_first = Window.partitionBy(*group).orderBy(F.desc("failed_at"), F.desc("task_run_id"))
    return (
        tasks.withColumn("rank", F.row_number().over(newest_first))
        .withColumn("newest", F.first("task_run_id").over(newest_first))
        .withColumn("shared_from", F.when(F.col("rank") > cap, F.col("newest")))
        .drop("rank", "newest")
    )


def _latest(slices: DataFrame, *key: str) -> DataFrame:
    """The last slice of each key; where a run ends on the hour the slice with a state is the later one."""
    newest_first = Window.partitionBy(*key).orderBy(
        F.desc("period_end_time"), F.col("result_state").isNull(), F.desc("period_start_time")
    )
    return slices.withColumn("slice", F.row_number().over(newest_first)).where(F.col("slice") == 1).drop("slice")


def _api_state(column: str) -> Column:
    spelt = F.lit(None).cast("string")
    for system, api in RESULT_STATES.items():
        spelt = F.when(F.col(column) == system, F.lit(api)).otherwise(spelt)
    return spelt
