"""The status of a decision: whether it is applied now, later, after a canary, or never; and the last word on its reason."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobmedic.knowledge.words import DecisionStatus
from jobmedic.transforms.columns import is_true, no
from jobmedic.transforms.traffic import MODE_TAG, OFF, OWN, SHADOW, UNPROVEN


def with_status(runs: DataFrame) -> DataFrame:
    follows = is_true(F.col("storm_role") == "follower")
    before = F.when(F.col("canary_failed") | follows, "storm").otherwise(F.col("gate"))
    waits = (
        (F.col("alone") == OWN, DecisionStatus.SHADOW, OWN, "This is jobmedic's own job, which it never treats. "),
        (F.col("alone") == OFF, DecisionStatus.SHADOW, OFF, f"{MODE_TAG}=off: jobmedic leaves this job alone. "),
        (
            F.col("alone") == UNPROVEN,
            DecisionStatus.SHADOW,
            UNPROVEN,
            "Recorded only, until enough decisions of this kind were judged right. ",
        ),
        (F.col("alone") == SHADOW, DecisionStatus.SHADOW, None, "Shadow mode, nothing is done. "),
        (
            F.col("waiting_for_native"),
            DecisionStatus.DEFERRED,
            "native",
            "The platform will run the task again by itself (native retries pending). ",
        ),
        (follows, DecisionStatus.HELD, "storm", ""),
        (F.col("held_by_probe"), DecisionStatus.HELD, "breaker", "Earlier retries failed; one probe goes first. "),
        (F.col("due").isNotNull(), DecisionStatus.DEFERRED, "backoff", "Waits before the next retry. "),
        (
            F.col("over_budget"),
            DecisionStatus.DEFERRED,
            "budget",
            "The workspace's retry budget of this window is used up. ",
        ),
    )
    status, gate, prefix = F.when(no(), ""), F.when(no(), ""), F.when(no(), "")
    for condition, state, name, words in waits:
        status = status.when(condition, state.value)
        gate = gate.when(condition, F.lit(name) if name else before)
        prefix = prefix.when(condition, words)
    return runs.withColumns(
        {
            "status": status.otherwise(DecisionStatus.READY.value),
            "gate": gate.otherwise(before),
            "reason": F.concat(prefix.otherwise(""), _reason_in_storm()),
        }
    ).withColumn("not_before", F.when(F.col("status") == DecisionStatus.DEFERRED.value, F.col("due")))


def _reason_in_storm() -> Column:
    size, canary = F.col("storm_runs").cast("string"), F.col("canary_run_id").cast("string")
    failed = F.concat(
        F.lit("The canary run "),
        canary,
        F.lit(" of this storm was run again and did not recover, so this one is not retried"),
    )
    follows = F.concat(
        size,
        F.lit(" runs failed this way within minutes; this one waits for the canary run"),
        F.when(canary.isNotNull(), F.concat(F.lit(" "), canary)).otherwise(""),
    )
    return (
        F.when(F.col("canary_failed"), failed)
        .when(F.col("storm_role") == "follower", follows)
        .when(
            F.col("storm_role") == "canary",
            F.concat(F.lit("Canary of a storm of "), size, F.lit(" runs. "), F.col("reason")),
        )
        .otherwise(F.col("reason"))
    )
