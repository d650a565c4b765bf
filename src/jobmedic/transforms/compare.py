"""Two policies over the same failures: what each decided, what would change, and whether that would be for the better."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobmedic.knowledge.words import Action, Outcome
from jobmedic.transforms.history import RETRIES

BETTER, WORSE, UNKNOWN = "better", "worse", "not known"


def compare(now: DataFrame, then: DataFrame, known: DataFrame) -> DataFrame:
    """One row a kind of change: from action, to action, gates, how many, money, and how many are better or worse.

    `now` and `then` are decisions under the present and the other policy, by decision_id; `known` is (decision_id,
    outcome, right_action), both null where nothing was seen or said. What people said counts before the outcome.
    """
    present = now.select("decision_id", "category", *_as("now", "action", "gate"), *_money("now"))
    other = then.select("decision_id", *_as("then", "action", "gate"), *_money("then"))
    return (
        present.join(other, "decision_id", "inner")
        .join(known, "decision_id", "left")
        .withColumn("judgement", _judgement())
        .groupBy("category", "now_action", "then_action", "now_gate", "then_gate")
        .agg(
            F.count(F.lit(1)).alias("decisions"),
            F.sum("now_cost").alias("now_cost_usd"),
            F.sum("then_cost").alias("then_cost_usd"),
            F.sum("now_gain").alias("now_gain_usd"),
            F.sum("then_gain").alias("then_gain_usd"),
            F.sum(F.when(F.col("judgement") == BETTER, 1).otherwise(0)).alias("better"),
            F.sum(F.when(F.col("judgement") == WORSE, 1).otherwise(0)).alias("worse"),
        )
        .select(
            "category",
            "now_action",
            "then_action",
            "now_gate",
            "then_gate",
            "decisions",
            "now_cost_usd",
            "then_cost_usd",
            "now_gain_usd",
            "then_gain_usd",
            "better",
            "worse",
        )
    )


def _as(prefix: str, *names: str) -> list[Column]:
    return [F.col(name).alias(f"{prefix}_{name}") for name in names]


def _money(prefix: str) -> list[Column]:
    """What a retry is expected to cost and to gain; nothing for other actions."""
    retried = F.col("action").isin(*RETRIES)
    return [
        F.when(retried, F.col("expected_cost_usd")).otherwise(0.0).alias(f"{prefix}_cost"),
        F.when(retried, F.col("expected_gain_usd")).otherwise(0.0).alias(f"{prefix}_gain"),
    ]


def _judgement() -> Column:
    """`better` or `worse` where the action changes and something is known; null otherwise."""
    changes = F.col("now_action") != F.col("then_action")
    now_retried, then_retried = F.col("now_action").isin(*RETRIES), F.col("then_action").isin(*RETRIES)
    by_people = F.when(F.col("then_action") == F.col("right_action"), BETTER).when(
        F.col("now_action") == F.col("right_action"), WORSE
    )
    recovered = F.col("outcome") == Outcome.RECOVERED.value
    failed = F.col("outcome").isin(Outcome.FAILED_SAME.value, Outcome.FAILED_OTHER.value)
    # A retry that is dropped was right or wrong by what came of it; one that is added, only if the run then recovered.
    by_outcome = (
        F.when(now_retried & ~then_retried & recovered, WORSE)
        .when(now_retried & ~then_retried & failed, BETTER)
        .when(~now_retried & then_retried & recovered & (F.col("then_action") == Action.RETRY.value), BETTER)
    )
    return F.when(changes, F.coalesce(by_people, by_outcome))
