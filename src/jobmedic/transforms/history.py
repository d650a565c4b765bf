"""What earlier decisions came to, as the next decision needs it.

Every function takes tables as they stand in the ledger and returns a small frame: one row a fingerprint, job or category.
"""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobmedic.knowledge.words import Action, ActionStatus, DecisionStatus, Outcome
from jobmedic.transforms.columns import is_true, later_by

RETRIES = (Action.RETRY, Action.RETRY_WITH_NEW_PARAMS)
PURGED = "purged"
SETTLED = "settled"
"""Gate of a decision that was overtaken: its run recovered, or is gone."""
NOT_APPLIED = (ActionStatus.REFUSED.value, ActionStatus.FAILED.value, ActionStatus.SUPERSEDED.value)


@dataclass(frozen=True, slots=True)
class History:
    """The past that `decide` looks at; each frame may be empty, none may be missing."""

    by_fingerprint: DataFrame
    """fingerprint, action, recovered, failed"""
    by_category: DataFrame
    """category, action, recovered, failed"""
    fingerprint_breakers: DataFrame
    """fingerprint, failed_in_row, tripped_at, last_failed_at, pending"""
    job_breakers: DataFrame
    """workspace_id, job_id, failed_in_row, tripped_at, last_failed_at, pending"""
    canaries: DataFrame
    """workspace_id, fingerprint, canary_run_id, canary_outcome (null while pending)"""
    decided_recently: DataFrame
    """workspace_id, fingerprint, decided_runs: runs of the storm window that were decided before"""
    open_incidents: DataFrame
    """workspace_id, fingerprint, open_incident_id"""
    autonomy: DataFrame
    """scope_type, scope, mode: what earned the right to act"""
    retries_in_window: int = 0
    failed_runs_in_window: int = 0


def retries(decisions: DataFrame, actions: DataFrame, outcomes: DataFrame) -> DataFrame:
    """One row a retry that was applied, with its outcome; `outcome` is null while nothing is known."""
    applied = actions.where(F.col("status") == ActionStatus.APPLIED).select("decision_id", "requested_at")
    # A run that somebody else mended says nothing about the retry.
    seen = outcomes.where(F.coalesce(F.col("attributed_to"), F.lit("jobmedic")) == "jobmedic").select(
        "decision_id", "outcome", "observed_at", "final_state"
    )
    return (
        decisions.where(F.col("action").isin(*RETRIES))
        .join(applied, "decision_id", "inner")
        .join(seen, "decision_id", "left")
        .select(
            "decision_id",
            "workspace_id",
            "run_id",
            "job_id",
            "fingerprint",
            "category",
            "action",
            "storm_role",
            "requested_at",
            "observed_at",
            F.when(F.col("outcome") != Outcome.PENDING, F.col("outcome")).alias("outcome"),
            (F.coalesce(F.col("final_state"), F.lit("")) == PURGED).alias("purged"),
        )
    )


def counts(retried: DataFrame, *keys: str) -> DataFrame:
    """Retries that recovered and that failed, by the keys; cancelled and pending ones are neither."""
    return retried.groupBy(*keys).agg(
        F.sum(F.when(_recovered(), 1).otherwise(0)).alias("recovered"),
        F.sum(F.when(_failed(), 1).otherwise(0)).alias("failed"),
    )


def breakers(retried: DataFrame, *keys: str, failures: int) -> DataFrame:
    """How many of the newest retries failed in a row, when `failures` of them had (else null), and whether one is under way."""
    newest_success = F.max(F.when(_recovered(), F.col("requested_at"))).over(Window.partitionBy(*keys))
    in_row = _failed() & (F.col("newest_success").isNull() | (F.col("requested_at") > F.col("newest_success")))
    failed_at = F.array_sort(F.collect_list(F.when(in_row, F.col("observed_at"))))
    return (
        retried.withColumn("newest_success", newest_success)
        .groupBy(*keys)
        .agg(
            F.sum(F.when(in_row, 1).otherwise(0)).alias("failed_in_row"),
            F.get(failed_at, F.lit(failures - 1)).alias("tripped_at"),
            F.max(F.when(_failed(), F.col("observed_at"))).alias("last_failed_at"),
            F.max(F.when(F.col("outcome").isNull() & ~F.col("purged"), 1).otherwise(0)).alias("pending"),
        )
    )


def canaries(
    decisions: DataFrame, actions: DataFrame, outcomes: DataFrame, *, now: Column, window_minutes: float
) -> DataFrame:
    """The newest canary of each fingerprint whose storm is not over.

    That is one which still runs, or was decided or seen to end within four windows.
    A canary that was never run again tells nothing, and nobody waits for it: recorded only, refused, mended by others,
    or purged before it ended.
    """
    recent = later_by(now, F.lit(-4 * 60.0 * window_minutes))
    ended = F.col("outcome") != Outcome.PENDING.value
    silent = actions.where(F.col("status").isin(*NOT_APPLIED)).select("decision_id")
    newest = Window.partitionBy("workspace_id", "fingerprint").orderBy(F.desc("decided_at"), "decision_id")
    seen = outcomes.select("decision_id", "outcome", "observed_at", "final_state")
    return (
        decisions.where((F.col("storm_role") == "canary") & (F.col("status") != DecisionStatus.SHADOW.value))
        .where(F.coalesce(F.col("gate"), F.lit("")) != SETTLED)
        .join(silent, "decision_id", "left_anti")
        .join(seen, "decision_id", "left")
        .where(F.coalesce(F.col("final_state"), F.lit("")) != PURGED)
        .where(~is_true(ended) | (F.col("decided_at") >= recent) | (F.col("observed_at") >= recent))
        .withColumn("place", F.row_number().over(newest))
        .where(F.col("place") == 1)
        .select(
            "workspace_id",
            "fingerprint",
            F.col("run_id").alias("canary_run_id"),
            F.when(ended, F.col("outcome")).alias("canary_outcome"),
        )
    )


def decided_recently(decisions: DataFrame, *, now: Column, window_minutes: float) -> DataFrame:
    """Runs that failed within the storm window and were decided before; `decisions` without the runs at hand."""
    return (
        decisions.where(F.col("failed_at") >= later_by(now, F.lit(-60.0 * window_minutes)))
        .groupBy("workspace_id", "fingerprint")
        .agg(F.count_distinct("run_id").alias("decided_runs"))
        .select("workspace_id", "fingerprint", "decided_runs")
    )


def _recovered() -> Column:
    return F.coalesce(F.col("outcome") == Outcome.RECOVERED, F.lit(False))


def _failed() -> Column:
    return F.coalesce(F.col("outcome").isin(Outcome.FAILED_SAME, Outcome.FAILED_OTHER), F.lit(False))
