"""What decisions were worth: one tidy row a (period, metric, dimension, member).

A rate is about what jobmedic did: `wrong_retry_rate` is the share of its judged retries that could not work,
`missed_retry_rate` the share of its judged other actions where a retry was right. `value` is null and `n` 0 where nothing
was judged; a null never means "good".
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobmedic.knowledge.words import Outcome
from jobmedic.transforms.calibration import calibration, confusion, f1_scores

PERIOD = ("period_start", "period_end")
_ROW = (*PERIOD, "metric", "dimension", "member", "value", "n")


def score(
    judged: DataFrame, passes: DataFrame, incidents: DataFrame, periods: DataFrame, *, recovery_value_usd: float
) -> DataFrame:
    """Scores of every period that holds anything.

    `judged` has the columns of `judged.judged`; `periods` is (period_start, period_end), half-open. A decision belongs to
    the period in which it was made, so late outcomes and feedback change the scores of past periods.
    `recovery_value_usd` is what a recovery is worth where the decision itself does not tell.
    """
    made = _within(judged, periods, "decided_at")
    return (
        _by_member(made, recovery_value_usd)
        .unionByName(f1_scores(made))
        .unionByName(confusion(made))
        .unionByName(calibration(made))
        .unionByName(_model_use(_within(passes, periods, "started_at")))
        .unionByName(_incidents(_within(incidents, periods, "opened_at")))
        .select(*_ROW)
    )


def _within(rows: DataFrame, periods: DataFrame, at: str) -> DataFrame:
    inside = (F.col(at) >= F.col("period_start")) & (F.col(at) < F.col("period_end"))
    return rows.join(F.broadcast(periods.select(*PERIOD)), inside, "inner")


def _by_member(made: DataFrame, recovery_value_usd: float) -> DataFrame:
    members = F.array(
        _member("all", F.lit("all")),
        _member("action", F.col("action")),
        _member("category", F.col("category")),
        _member("rule", F.col("rule")),
    )
    figures = (
        made.withColumn("m", F.explode(members))
        .withColumn("dimension", F.col("m.dimension"))
        .withColumn("member", F.col("m.member"))
        .where(F.col("member").isNotNull())
        .groupBy(*PERIOD, "dimension", "member")
        .agg(*_aggregates(recovery_value_usd))
    )
    return figures.select(*PERIOD, "dimension", "member", F.inline(F.array(*_unpivoted())))


def _member(dimension: str, member: Column) -> Column:
    return F.struct(F.lit(dimension).alias("dimension"), member.cast("string").alias("member"))


def _aggregates(recovery_value_usd: float) -> list[Column]:
    ended = F.col("retry_outcome")
    saved = F.when(ended == Outcome.RECOVERED.value, F.coalesce("recovery_value_usd", F.lit(float(recovery_value_usd))))
    wasted = F.when(
        ended.isin(Outcome.FAILED_SAME.value, Outcome.FAILED_OTHER.value), F.coalesce("cost_usd", F.lit(0.0))
    )
    mailed = F.when(
        F.col("applied") & F.col("action").isin("send_email", "escalate"), F.coalesce("message_id", "decision_id")
    )
    # A run that recovered before jobmedic could do anything tells nothing of how long recovering by jobmedic takes.
    recovering = F.when(ended == Outcome.RECOVERED.value, F.col("seconds_to_recover"))
    return [
        F.count(F.lit(1)).alias("decisions"),
        *_rate("accuracy", F.col("action_right")),
        *_rate("category_accuracy", F.col("category_right")),
        *_rate("wrong_retry", F.col("wrong_retry")),
        *_rate("missed_retry", F.col("missed_retry")),
        *_rate("retry_success", ended == Outcome.RECOVERED.value),
        F.avg(F.when(ended.isNotNull(), F.col("retry_success_probability"))).alias("retry_expected"),
        F.sum(F.when(F.col("retried") & F.col("applied"), 1).otherwise(0)).alias("retries"),
        F.sum(F.when(F.col("disputed"), 1).otherwise(0)).alias("disputed"),
        F.coalesce(F.sum(saved), F.lit(0.0)).alias("saved"),
        F.coalesce(F.sum(wasted), F.lit(0.0)).alias("wasted"),
        F.count_distinct(mailed).alias("mails"),
        F.sum(F.greatest(F.coalesce(F.size("task_keys"), F.lit(1)), F.lit(1))).alias("failures"),
        *_percentiles("seconds_to_decide", F.col("seconds_to_decide")),
        *_percentiles("seconds_to_recover", recovering),
    ]


def _rate(name: str, right: Column) -> list[Column]:
    known = right.isNotNull()
    return [
        F.avg(F.when(known, F.when(right, 1.0).otherwise(0.0))).alias(name),
        F.sum(F.when(known, 1).otherwise(0)).alias(f"{name}_n"),
    ]


def _percentiles(name: str, seconds: Column) -> list[Column]:
    return [
        F.percentile(seconds, 0.5).alias(f"{name}_p50"),
        F.percentile(seconds, 0.95).alias(f"{name}_p95"),
        F.count(seconds).alias(f"{name}_n"),
    ]


def _unpivoted() -> list[Column]:
    rows = {
        "decisions": ("decisions", "decisions"),
        "judged": ("accuracy_n", "decisions"),
        "disputed": ("disputed", "decisions"),
        "accuracy": ("accuracy", "accuracy_n"),
        "category_accuracy": ("category_accuracy", "category_accuracy_n"),
        "wrong_retry_rate": ("wrong_retry", "wrong_retry_n"),
        "missed_retry_rate": ("missed_retry", "missed_retry_n"),
        "retries": ("retries", "decisions"),
        "retry_success_rate": ("retry_success", "retry_success_n"),
        "retry_success_expected": ("retry_expected", "retry_success_n"),
        "mails": ("mails", "decisions"),
        "saved_usd": ("saved", "retry_success_n"),
        "wasted_usd": ("wasted", "retry_success_n"),
    }
    for name in ("seconds_to_decide", "seconds_to_recover"):
        rows |= {f"{name}_{p}": (f"{name}_{p}", f"{name}_n") for p in ("p50", "p95")}
    mails_per_failure = F.col("mails").cast("double") / F.col("failures")
    return [
        *[_metric(metric, F.col(value), F.col(n)) for metric, (value, n) in rows.items()],
        _metric("mails_per_failure", mails_per_failure, F.col("failures")),
    ]


def _metric(name: str, value: Column, n: Column) -> Column:
    return F.struct(F.lit(name).alias("metric"), value.cast("double").alias("value"), n.cast("bigint").alias("n"))


def _model_use(passes: DataFrame) -> DataFrame:
    summed = passes.groupBy(*PERIOD).agg(
        F.count(F.lit(1)).alias("passes"),
        *[
            F.coalesce(F.sum(name), F.lit(0)).alias(name)
            for name in ("model_calls", "tokens_in", "tokens_out", "cost_usd")
        ],
    )
    return _overall(
        summed,
        [
            _metric("passes", F.col("passes"), F.col("passes")),
            _metric("model_calls", F.col("model_calls"), F.col("passes")),
            _metric("tokens_in", F.col("tokens_in"), F.col("model_calls")),
            _metric("tokens_out", F.col("tokens_out"), F.col("model_calls")),
            _metric("model_cost_usd", F.col("cost_usd"), F.col("model_calls")),
        ],
    )


def _incidents(incidents: DataFrame) -> DataFrame:
    counted = incidents.groupBy(*PERIOD).agg(F.count(F.lit(1)).alias("incidents"), F.sum("runs").alias("runs"))
    return _overall(counted, [_metric("incidents", F.col("incidents"), F.coalesce("runs", "incidents"))])


def _overall(frame: DataFrame, metrics: list[Column]) -> DataFrame:
    return frame.select(
        *PERIOD, F.lit("all").alias("dimension"), F.lit("all").alias("member"), F.inline(F.array(*metrics))
    )
