"""Decisions beside what came of them: right, wrong, or not yet judged.

People's verdicts count before outcomes. A dispute judges nothing. Without a verdict an outcome judges what it can:

- a retry whose run recovered was right, and one that failed the same way was wrong; failing another way, a cancel or
  a run that is still going say nothing about the diagnosis;
- a decision not to retry a failure that it called transient was wrong when the run then recovered within the hour
  without jobmedic: that hour is what "transient" means.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobmedic.knowledge.words import Action, ActionStatus, Outcome, Verdict
from jobmedic.transforms.verdicts import judgements

RETRIES = (Action.RETRY.value, Action.RETRY_WITH_NEW_PARAMS.value)
TRANSIENT_SECONDS = 3600.0
_OURS = "jobmedic"


def judged(decisions: DataFrame, actions: DataFrame, outcomes: DataFrame, feedback: DataFrame) -> DataFrame:
    """One row a decision. `action_right`, `category_right`, `wrong_retry` and `missed_retry` are null while unjudged.

    `judged_by` is people or outcome. `retry_outcome` is set for retries that jobmedic applied and that it, not somebody
    else, brought to an end: recovered, failed_same or failed_other.
    """
    return (
        _joined(decisions, actions, outcomes, feedback)
        .withColumn("retried", F.col("action").isin(*RETRIES))
        .withColumn("outcome_right", _outcome_right())
        .withColumn("action_right", F.when(~F.col("disputed"), F.coalesce(_people_right(), F.col("outcome_right"))))
        .select(
            "decision_id",
            "fingerprint",
            "category",
            "action",
            "proposed_action",
            "rule",
            "source",
            "transient",
            "confidence",
            "gate",
            "mode",
            "task_keys",
            "decided_at",
            "seconds_to_decide",
            "seconds_to_recover",
            "retry_success_probability",
            "outcome",
            "attributed_to",
            "applied",
            "message_id",
            "retried",
            "disputed",
            "right_category",
            "right_action",
            F.coalesce(
                F.when(_people_right().isNotNull(), F.lit("people")),
                F.when(F.col("action_right").isNotNull(), F.lit("outcome")),
            ).alias("judged_by"),
            "action_right",
            (F.col("right_category") == F.col("category")).alias("category_right"),
            F.when(F.col("retried") & F.col("action_right").isNotNull(), _wrong_retry()).alias("wrong_retry"),
            F.when(~F.col("retried") & F.col("action_right").isNotNull(), _missed_retry()).alias("missed_retry"),
            F.when(F.col("retried") & F.col("applied") & _ours() & _ended(), F.col("outcome")).alias("retry_outcome"),
            F.col("outcome_cost_usd").alias("cost_usd"),
            _value_of_recovery().alias("recovery_value_usd"),
        )
    )


def _joined(decisions: DataFrame, actions: DataFrame, outcomes: DataFrame, feedback: DataFrame) -> DataFrame:
    done = actions.select(
        "decision_id", (F.col("status") == ActionStatus.APPLIED.value).alias("was_applied"), "message_id"
    )
    seen = outcomes.select(
        "decision_id", "outcome", "attributed_to", "seconds_to_recover", F.col("cost_usd").alias("outcome_cost_usd")
    )
    return (
        decisions.join(done, "decision_id", "left")
        .join(seen, "decision_id", "left")
        .join(judgements(feedback, decisions), "decision_id", "left")
        .withColumn("applied", F.coalesce("was_applied", F.lit(False)))
        .withColumn("disputed", F.coalesce("disputed", F.lit(False)))
    )


def _people_right() -> Column:
    """A bare `wrong` tells that the action was wrong, since that is what people see."""
    return F.coalesce(
        F.col("right_action") == F.col("action"), F.when(F.col("verdict") == Verdict.WRONG.value, F.lit(False))
    )


def _outcome_right() -> Column:
    outcome = F.col("outcome")
    mended_elsewhere = (
        (outcome == Outcome.RECOVERED.value) & ~_ours() & (F.col("seconds_to_recover") <= TRANSIENT_SECONDS)
    )
    return F.when(
        F.col("retried"),
        F.when(outcome == Outcome.RECOVERED.value, F.lit(True)).when(
            outcome == Outcome.FAILED_SAME.value, F.lit(False)
        ),
    ).when(F.col("transient") & mended_elsewhere, F.lit(False))


def _wrong_retry() -> Column:
    """A retry is wrong when people name another kind of action or, with nobody's word, when it failed the same way."""
    by_people = ~F.col("right_action").isin(*RETRIES)
    return F.coalesce(by_people, ~F.col("action_right"))


def _missed_retry() -> Column:
    by_people = F.col("right_action").isin(*RETRIES)
    return F.coalesce(by_people, F.when(F.col("verdict").isNull(), ~F.col("action_right")), F.lit(False))


def _ours() -> Column:
    return F.coalesce(F.col("attributed_to"), F.lit(_OURS)) == _OURS


def _ended() -> Column:
    return F.col("outcome").isin(Outcome.RECOVERED.value, Outcome.FAILED_SAME.value, Outcome.FAILED_OTHER.value)


def _value_of_recovery() -> Column:
    """What the policy held a recovery to be worth when it decided; null where the decision does not tell."""
    probability = F.col("retry_success_probability")
    # Never divided by 0: engines may divide before they look at the condition.
    return F.when(probability > 0, F.col("expected_gain_usd") / F.greatest(probability, F.lit(1e-9)))
