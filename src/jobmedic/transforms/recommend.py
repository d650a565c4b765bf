"""Advice that names the rule, the figure and the change. A person decides; nothing here changes anything.

Each function finds one kind and returns the same columns: kind, subject, text, change, value, n.
"""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobmedic.knowledge.words import Category, Outcome
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
    never_fired_after: int = 200
    confidence_gap: float = 0.1


def recommendations(
    judged: DataFrame,
    catalogue: DataFrame,
    confidence: DataFrame,
    disputes: DataFrame,
    limits: Thresholds | None = None,
) -> DataFrame:
    """All advice, (kind, subject) unique.

    `judged` as `judged.judged` makes it, `catalogue` is (rule, category, action, confidence), `confidence` comes from
    `rule_confidence` and `disputes` from `verdicts`.
    """
    least = limits or Thresholds()
    return (
        futile_retries(judged, least)
        .unionByName(too_cautious_rules(judged, least))
        .unionByName(too_cautious_gates(judged, least))
        .unionByName(wrong_categories(judged, least))
        .unionByName(overconfident_rules(confidence, least))
        .unionByName(never_fired(judged, catalogue, least))
        .unionByName(disagreements(disputes))
        .unionByName(unjudged_categories(judged, least))
        .unionByName(unknown_causes(judged, least))
        .select(*_ROW)
    )


def futile_retries(judged: DataFrame, least: Thresholds) -> DataFrame:
    ended = judged.where(F.col("retry_outcome").isNotNull() & F.col("fingerprint").isNotNull())
    counted = ended.groupBy(_named("rule", "fingerprint")).agg(
        F.count(F.lit(1)).alias("n"),
        F.sum(F.when(F.col("retry_outcome") == Outcome.RECOVERED.value, 1).otherwise(0)).alias("k"),
        F.max("rule").alias("rule"),
        F.max("fingerprint").alias("fingerprint"),
    )
    hopeless = wilson_upper(F.col("k"), F.col("n")) < least.futile_below
    cure = F.when(F.col("rule").isNotNull(), F.lit("set its action to send_email")).otherwise(
        F.lit("judge one of its decisions with action send_email")
    )
    return _advice(
        counted.where((F.col("n") >= least.retries) & hopeless),
        "futile_retries",
        F.concat("name", F.format_string(" retried %d times, %d recovered: ", "n", "k"), cure),
        change=F.lit("action: send_email"),
        value=F.col("k") / F.col("n"),
    )


def too_cautious_rules(judged: DataFrame, least: Thresholds) -> DataFrame:
    own_word = judged.where(F.col("rule").isNotNull() & ~F.col("proposed_action").isin(*RETRIES))
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


def wrong_categories(judged: DataFrame, least: Thresholds) -> DataFrame:
    spoken = judged.where(F.col("rule").isNotNull() & F.col("right_category").isNotNull())
    by_right = spoken.groupBy("rule", "category", "right_category").agg(F.count(F.lit(1)).alias("said"))
    wrong = F.col("right_category") != F.col("category")
    counted = by_right.groupBy("rule", "category").agg(
        F.sum("said").alias("n"),
        F.sum(F.when(wrong, F.col("said")).otherwise(0)).alias("k"),
        F.max(F.when(wrong, F.struct("said", "right_category"))).alias("most"),
    )
    found = counted.where((F.col("n") >= least.verdicts) & (F.col("k") * 2 > F.col("n"))).select(
        F.col("rule").alias("subject"),
        F.col("category"),
        F.col("most.right_category").alias("right"),
        "n",
        "k",
    )
    return _advice(
        found,
        "wrong_category",
        F.format_string(
            "rule `%s` said %s in %d judged decisions, people corrected %d: set its category to %s",
            "subject", "category", "n", "k", "right",
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
    return _advice(
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
    return _advice(counted, "never_fired", F.concat(head, names, more), change=_none(), value=F.col("k").cast("double"))


def disagreements(disputes: DataFrame) -> DataFrame:
    words = F.concat(
        F.lit("people disagree on fingerprint "),
        F.col("fingerprint"),
        F.lit(" ("),
        F.concat_ws(", ", "persons"),
        F.lit(" say "),
        F.concat_ws(" or ", F.concat("categories", "actions")),
        F.lit("): agree, and let one of them judge again"),
    )
    found = disputes.withColumn("subject", F.col("fingerprint")).withColumn("n", F.col("people"))
    return _advice(found, "disagreement", words, change=_none(), value=F.col("people").cast("double"))


def unjudged_categories(judged: DataFrame, least: Thresholds) -> DataFrame:
    counted = judged.groupBy(F.col("category").alias("subject")).agg(
        F.count(F.lit(1)).alias("n"), F.count(F.when(F.col("judged_by") == "people", 1)).alias("k")
    )
    words = F.format_string(
        "category %s had %d decisions and nobody judged one: give feedback on a few", "subject", "n"
    )
    return _advice(
        counted.where((F.col("n") >= least.unjudged) & (F.col("k") == 0) & F.col("subject").isNotNull()),
        "unjudged",
        words,
        change=_none(),
        value=F.col("n").cast("double"),
    )


def unknown_causes(judged: DataFrame, least: Thresholds) -> DataFrame:
    counted = (
        judged.where((F.col("category") == Category.UNKNOWN.value) & F.col("fingerprint").isNotNull())
        .groupBy(F.col("fingerprint").alias("subject"))
        .agg(F.count(F.lit(1)).alias("n"))
    )
    words = F.format_string(
        "fingerprint %s stayed unknown in %d decisions: judge one of them, or add a rule", "subject", "n"
    )
    found = counted.where(F.col("n") >= least.unknown)
    return _advice(found, "unknown_cause", words, change=_none(), value=F.col("n").cast("double"))


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
    return _advice(found, kind, words, change=F.lit(change).cast("string"), value=F.col("k") / F.col("n"))


def _named(rule: str, fallback: str) -> Column:
    by_rule = F.concat(F.lit("rule `"), F.col(rule), F.lit("`"))
    return F.coalesce(by_rule, F.concat(F.lit("fingerprint "), F.col(fallback))).alias("name")


def _none() -> Column:
    return F.lit(None).cast("string")


def _advice(found: DataFrame, kind: str, text: Column, *, change: Column, value: Column) -> DataFrame:
    subject = F.col("subject") if "subject" in found.columns else F.coalesce("rule", "fingerprint")
    return found.select(
        F.lit(kind).alias("kind"),
        subject.alias("subject"),
        text.alias("text"),
        change.alias("change"),
        value.alias("value"),
        F.col("n").cast("bigint").alias("n"),
    )
