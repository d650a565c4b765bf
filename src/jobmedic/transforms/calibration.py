"""How the categories did: confusion, F1 and calibration, over decisions whose right category people have said.

All three take judged decisions with their period and return the rows of `scores`.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

BINS = 10
_PERIOD = ("period_start", "period_end")
_ROW = (*_PERIOD, "metric", "dimension", "member", "value", "n")


def confusion(made: DataFrame) -> DataFrame:
    """Rows `confusion`: member `right>chosen`, such as `permission>network`, and how often."""
    return (
        _pairs(made)
        .withColumn("member", F.concat_ws(">", "right_category", "category"))
        .select(
            *_PERIOD,
            F.lit("confusion").alias("metric"),
            F.lit("confusion").alias("dimension"),
            "member",
            F.col("pairs").cast("double").alias("value"),
            F.col("pairs").alias("n"),
        )
    )


def f1_scores(made: DataFrame) -> DataFrame:
    """Rows `f1` a category and `macro_f1` overall: the mean over every category that was right or chosen."""
    by_category = _f1_by_category(made)
    macro = by_category.groupBy(*_PERIOD).agg(F.avg("f1").alias("value"), F.sum("actual").cast("bigint").alias("n"))
    return by_category.select(
        *_PERIOD,
        F.lit("f1").alias("metric"),
        F.lit("category").alias("dimension"),
        F.col("name").alias("member"),
        F.col("f1").alias("value"),
        F.col("actual").cast("bigint").alias("n"),
    ).unionByName(_overall(macro, "macro_f1").select(*_ROW))


def calibration(made: DataFrame) -> DataFrame:
    """Rows `calibration_accuracy` and `calibration_confidence` a bin of confidence, and `ece` overall.

    The expected calibration error weighs the gap of each bin by its share of the decisions.
    """
    known = made.where(F.col("category_right").isNotNull() & F.col("confidence").isNotNull())
    place = F.least(F.floor(F.col("confidence") * BINS), F.lit(BINS - 1)).cast("int")
    bins = (
        known.withColumn("place", place)
        .groupBy(*_PERIOD, "place")
        .agg(
            F.count(F.lit(1)).alias("n"),
            F.avg(F.when(F.col("category_right"), 1.0).otherwise(0.0)).alias("accuracy"),
            F.avg("confidence").alias("confidence"),
        )
    )
    error = bins.groupBy(*_PERIOD).agg(
        (F.sum(F.abs(F.col("accuracy") - F.col("confidence")) * F.col("n")) / F.sum("n")).alias("value"),
        F.sum("n").cast("bigint").alias("n"),
    )
    label = F.format_string("%.1f", F.col("place") / F.lit(float(BINS)))
    return (
        _in_bins(bins, label, "accuracy")
        .unionByName(_in_bins(bins, label, "confidence"))
        .unionByName(_overall(error, "ece").select(*_ROW))
    )


def _pairs(made: DataFrame) -> DataFrame:
    return (
        made.where(F.col("right_category").isNotNull())
        .groupBy(*_PERIOD, "right_category", "category")
        .agg(F.count(F.lit(1)).alias("pairs"))
    )


def _f1_by_category(made: DataFrame) -> DataFrame:
    both = F.array(_side("right_category", actual=True), _side("category", actual=False))
    return (
        _pairs(made)
        .select(*_PERIOD, "pairs", (F.col("right_category") == F.col("category")).alias("hit"), F.inline(both))
        .groupBy(*_PERIOD, "name")
        .agg(
            F.sum(F.when(F.col("actual"), F.col("pairs")).otherwise(0)).alias("actual"),
            F.sum(F.when(~F.col("actual"), F.col("pairs")).otherwise(0)).alias("chosen"),
            F.sum(F.when(F.col("actual") & F.col("hit"), F.col("pairs")).otherwise(0)).alias("hits"),
        )
        .withColumn("f1", 2.0 * F.col("hits") / (F.col("actual") + F.col("chosen")))
    )


def _side(name: str, *, actual: bool) -> Column:
    return F.struct(F.col(name).alias("name"), F.lit(actual).alias("actual"))


def _in_bins(bins: DataFrame, label: Column, what: str) -> DataFrame:
    return bins.select(
        *_PERIOD,
        F.lit(f"calibration_{what}").alias("metric"),
        F.lit("bin").alias("dimension"),
        label.alias("member"),
        F.col(what).alias("value"),
        "n",
    )


def _overall(frame: DataFrame, metric: str) -> DataFrame:
    return (
        frame.withColumn("metric", F.lit(metric))
        .withColumn("dimension", F.lit("all"))
        .withColumn("member", F.lit("all"))
    )
