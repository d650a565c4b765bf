"""The row of one recommendation, and the recommendations that only people can settle."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobmedic.knowledge.words import Category


def disagreements(disputes: DataFrame) -> DataFrame:
    words = F.concat(
        F.lit("people disagree on fingerprint "),
        F.col("fingerprint"),
        F.lit(": "),
        F.concat_ws("; ", "opinions"),
        F.lit(": agree, and let one of them judge again"),
    )
    found = disputes.withColumn("subject", F.col("fingerprint")).withColumn("n", F.col("people"))
    return advice(found, "disagreement", words, change=nothing(), value=F.col("people").cast("double"))


def unjudged_categories(judged: DataFrame, *, least: int) -> DataFrame:
    counted = judged.groupBy(F.col("category").alias("subject")).agg(
        F.count(F.lit(1)).alias("n"), F.count(F.when(F.col("judged_by") == "people", 1)).alias("k")
    )
    words = F.format_string(
        "category %s had %d decisions and nobody judged one: give feedback on a few", "subject", "n"
    )
    return advice(
        counted.where((F.col("n") >= least) & (F.col("k") == 0) & F.col("subject").isNotNull()),
        "unjudged",
        words,
        change=nothing(),
        value=F.col("n").cast("double"),
    )


def unknown_causes(judged: DataFrame, *, least: int) -> DataFrame:
    counted = (
        judged.where((F.col("category") == Category.UNKNOWN.value) & F.col("fingerprint").isNotNull())
        .groupBy(F.col("fingerprint").alias("subject"))
        .agg(F.count(F.lit(1)).alias("n"))
    )
    words = F.format_string(
        "fingerprint %s stayed unknown in %d decisions: judge one of them, or add a rule", "subject", "n"
    )
    found = counted.where(F.col("n") >= least)
    return advice(found, "unknown_cause", words, change=nothing(), value=F.col("n").cast("double"))


def nothing() -> Column:
    """No change that could be made without looking first."""
    return F.lit(None).cast("string")


def advice(found: DataFrame, kind: str, text: Column, *, change: Column, value: Column) -> DataFrame:
    subject = F.col("subject") if "subject" in found.columns else F.coalesce("rule", "fingerprint")
    return found.select(
        F.lit(kind).alias("kind"),
        subject.alias("subject"),
        text.alias("text"),
        change.alias("change"),
        value.alias("value"),
        F.col("n").cast("bigint").alias("n"),
    )
