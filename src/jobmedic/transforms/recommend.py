"""Advice that names the rule, the figure and the change. A person decides; nothing here changes anything.

Each function finds one kind and returns the same columns: kind, subject, text, change, value, n.
"""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobmedic.knowledge.words import Outcome
from jobmedic.transforms.advice import advice, disagreements, nothing, unjudged_categories, unknown_causes
from jobmedic.transforms.autonomy import wilson_upper
from jobmedic.transforms.judged import RETRIES, TRANSIENT_SECONDS

_ROW = ("kind", "subject", "text", "change", "value", "n")
_LISTED = 8


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Below these counts a figure is an anecdote."""

    retries: int = 5
    futile_below: float = 0.5
    """Retries are futile when even the upper end of the 95 % interval of their success lies below this."""
    verdicts: int = 3
    cautious: int = 3
    unjudged: int = 20
    unknown: int = 5
    never_fired_after: int = 5000
    """Some ten decisions a rule of the catalogue."""
    confidence_gap: float = 0.1


def recommendations(
    judged: DataFrame,
    catalogue: DataFrame,
    confidence: DataFrame,
    disputes: DataFrame,
    limits: Thresholds | None = None,
) -> DataFrame:
    """All advice, (kind, subject) unique.

    `judged` as `judged.judged` makes it, `catalogue` is (rule, category, action, confidence) as policy and rules stand today,
    `confidence` comes from `rule_confidence` and `disputes` from `verdicts`. What was followed is not advised again.
    """
    least = limits or Thresholds()
    return (
        futile_retries(judged, catalogue, least)
        .unionByName(too_cautious_rules(judged, catalogue, least))
        .unionByName(too_cautious_gates(judged, least))
        .unionByName(wrong_categories(judged, catalogue, least))
        .unionByName(overconfident_rules(confidence, least))
        .unionByName(never_fired(judged, catalogue, least))
        .unionByName(disagreements(disputes))
        .unionByName(unjudged_categories(judged, least=least.unjudged))
        .unionByName(unknown_causes(judged, least=least.unknown))
        .select(*_ROW)
    )


def futile_retries(judged: DataFrame, catalogue: DataFrame, least: Thresholds) -> DataFrame:
    ended = judged.where(F.col("retry_outcome").isNotNull() & F.col("fingerprint").isNotNull())
    mended = catalogue.where(~F.col("action").isin(*RETRIES)).select("rule")
    spoken = F.col("rule").isNull() & F.col("right_action").isNotNull() & ~F.col("right_action").isin(*RETRIES)
    told = judged.where(spoken).select("fingerprint").distinct().withColumn("told", F.lit(True))
    open_still = ended.join(mended, "rule", "left_anti").join(told, "fingerprint", "left")
    counted = (
        open_still.where(F.col("rule").isNotNull() | F.col("told").isNull())
        .groupBy(_named("rule", "fingerprint"))
        .agg(
            F.count(F.lit(1)).alias("n"),
            F.sum(F.when(F.col("retry_outcome") == Outcome.RECOVERED.value, 1).otherwise(0)).alias("k"),
            F.max("rule").alias("rule"),
            F.max("fingerprint").alias("fingerprint"),
        )
    )
    hopeless = wilson_upper(F.col("k"), F.col("n")) < least.futile_below
    cure = F.when(F.col("rule").isNotNull(), F.lit("set its action to send_email")).otherwise(
        F.lit("judge one of its decisions with action send_email")
    )
    return advice(
        counted.where((F.col("n") >= least.retries) & hopeless),
        "futile_retries",
        F.concat("name", F.format_string(" retried %d times, %d recovered: ", "n", "k"), cure),
        change=F.lit("action: send_email"),
        value=F.col("k") / F.col("n"),
    )


def too_cautious_rules(judged: DataFrame, catalogue: DataFrame, least: Thresholds) -> DataFrame:
    mended = catalogue.where(F.col("action").isin(*RETRIES)).select("rule")
    own_word = judged.where(F.col("rule").isNotNull() & ~F.col("proposed_action").isin(*RETRIES))
    own_word = own_word.join(mended, "rule", "left_anti")
    counted = _caution(own_word, F.concat(F.lit("rule `"), F.col("rule"), F.lit("`")), F.col("rule"))
    return _cautious(
        counted,
        least,
        "too_cautious",
        did=" did not retry %d times; ",
        cure="set its action to retry",
        change="action: retry",
    )


def too_cautious_gates(judged: DataFrame, least: Thresholds) -> DataFrame:
    """A retry that the diagnosis proposed and a rule of the policy stopped."""
    stopped = judged.where(F.col("proposed_action").isin(*RETRIES) & ~F.col("retried") & F.col("gate").isNotNull())
    counted = _caution(stopped, F.concat(F.lit("gate `"), F.col("gate"), F.lit("`")), F.col("gate"))
    cure = "loosen it in the policy, or tag the jobs that are safe to run again"
    return _cautious(counted, least, "gate_too_cautious", did=" stopped %d retries; ", cure=cure, change=None)


def wrong_categories(judged: DataFrame, catalogue: DataFrame, least: Thresholds) -> DataFrame:
    """By what the rules say today: a rule that was corrected since is not blamed for its past."""
    says = catalogue.select("rule", F.col("category").alias("says"))
    spoken = judged.where(F.col("right_category").isNotNull()).select("rule", "right_category")
    by_right = spoken.join(says, "rule", "inner").groupBy("rule", "says", "right_category")
    wrong = F.col("right_category") != F.col("says")
    counted = (
        by_right.agg(F.count(F.lit(1)).alias("said"))
        .groupBy("rule", "says")
        .agg(
            F.sum("said").alias("n"),
            F.sum(F.when(wrong, F.col("said")).otherwise(0)).alias("k"),
            F.max(F.when(wrong, F.struct("said", "right_category"))).alias("most"),
        )
    )
    found = counted.where((F.col("n") >= least.verdicts) & (F.col("k") * 2 > F.col("n")))
    found = found.withColumn("subject", F.col("rule")).withColumn("right", F.col("most.right_category"))
    return advice(
        found,
        "wrong_category",
        F.format_string(
            "rule `%s` says %s, but people said otherwise of %d in %d judged decisions: set its category to %s",
            "subject", "says", "k", "n", "right",
        ),
        change=F.concat(F.lit("category: "), F.col("right")),
        value=F.col("k") / F.col("n"),
    )  # fmt: skip


def overconfident_rules(confidence: DataFrame, least: Thresholds) -> DataFrame:
    """Rules that are mostly right, but not as often as they claim; the mostly wrong ones need another category."""
    found = confidence.where(
        (F.col("judged") >= least.verdicts)
        & (F.col("right_diagnoses") * 2 >= F.col("judged"))
        & (F.col("prior") - F.col("confidence") > least.confidence_gap)
    ).withColumn("subject", F.col("rule"))
    return advice(
        found.withColumn("n", F.col("judged")),
        "overconfident",
        F.format_string(
            "rule `%s` was right in %d of %d judged decisions and claims %.2f: set its confidence to %.2f",
            "subject", "right_diagnoses", "judged", "prior", "confidence",
        ),
        change=F.format_string("confidence: %.2f", "confidence"),
        value=F.col("confidence"),
    )  # fmt: skip


def never_fired(judged: DataFrame, catalogue: DataFrame, least: Thresholds) -> DataFrame:
    """One row in all, once there were decisions enough to expect most rules to have spoken."""
    fired = judged.where(F.col("rule").isNotNull()).select("rule").distinct().withColumn("fired", F.lit(True))
    silent = F.when(F.col("fired").isNull(), F.col("rule"))
    counted = (
        catalogue.select("rule")
        .join(fired, "rule", "left")
        .agg(F.sort_array(F.collect_list(silent)).alias("silent"), F.count(F.lit(1)).alias("n"))
        .crossJoin(judged.agg(F.count(F.lit(1)).alias("decisions")))
        .where((F.col("decisions") >= least.never_fired_after) & (F.size("silent") > 0))
        .withColumn("subject", F.lit("catalogue"))
        .withColumn("k", F.size("silent"))
    )
    names = F.concat_ws(", ", F.slice("silent", 1, _LISTED))
    more = F.when(F.col("k") > _LISTED, F.format_string(" and %d more", F.col("k") - _LISTED)).otherwise(F.lit(""))
    head = F.format_string("%d of %d rules never fired in %d decisions: check their patterns: ", "k", "n", "decisions")
    return advice(
        counted, "never_fired", F.concat(head, names, more), change=nothing(), value=F.col("k").cast("double")
    )


def _caution(rows: DataFrame, name: Column, subject: Column) -> DataFrame:
    said = (F.col("judged_by") == "people") & F.coalesce(F.col("missed_retry"), F.lit(False))
    mended = (
        (F.col("outcome") == Outcome.RECOVERED.value)
        & (F.col("attributed_to") != "jobmedic")
        & (F.col("seconds_to_recover") <= TRANSIENT_SECONDS)
    )
    return rows.groupBy(name.alias("name"), subject.alias("subject")).agg(
        F.count(F.lit(1)).alias("n"),
        F.count(F.when(said, 1)).alias("said"),
        F.count(F.when(mended, 1)).alias("mended"),
        F.count(F.when(said | mended, 1)).alias("k"),
    )


def _cautious(
    counted: DataFrame, least: Thresholds, kind: str, *, did: str, cure: str, change: str | None
) -> DataFrame:
    found = counted.where((F.col("k") >= least.cautious) & (F.col("k") * 2 > F.col("n")))
    words = F.concat(
        F.col("name"),
        F.format_string(did, "n"),
        F.format_string("%d of those runs recovered within the hour, people asked for %d: ", "mended", "said"),
        F.lit(cure),
    )
    return advice(found, kind, words, change=F.lit(change).cast("string"), value=F.col("k") / F.col("n"))


def _named(rule: str, fallback: str) -> Column:
    by_rule = F.concat(F.lit("rule `"), F.col(rule), F.lit("`"))
    return F.coalesce(by_rule, F.concat(F.lit("fingerprint "), F.col(fallback))).alias("name")
