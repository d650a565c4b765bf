"""How sure a rule may be of itself, by what people said of its diagnoses."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

STRENGTH = 10.0
"""The catalogue's own figure weighs as much as this many verdicts: three slips do not silence a rule, thirty do."""


def rule_confidence(judged: DataFrame, catalogue: DataFrame, *, strength: float = STRENGTH) -> DataFrame:
    """One row a rule of the catalogue: the mean of a Beta posterior whose prior is the catalogue's confidence.

    `catalogue` is (rule, confidence), and with `category` too a rule is measured by what it says today, so that a
    corrected rule does not carry its past. Only people's verdicts on the category count: that a retry recovered tells
    that a failure passed, not that its category was right. A rule nobody judged keeps the catalogue's figure.
    """
    says = F.col("category") if "category" in catalogue.columns else F.lit(None).cast("string")
    rules = catalogue.select("rule", F.col("confidence").cast("double").alias("prior"), says.alias("says"))
    spoken = judged.where(F.col("right_category").isNotNull()).select("rule", "category", "right_category")
    seen = (
        spoken.join(rules, "rule", "inner")
        .groupBy("rule")
        .agg(
            F.count(F.lit(1)).alias("judged"),
            F.count(F.when(F.col("right_category") == F.coalesce("says", "category"), 1)).alias("right_diagnoses"),
        )
    )
    posterior = (F.col("prior") * strength + F.col("right_diagnoses")) / (F.lit(strength) + F.col("judged"))
    return (
        rules.join(seen, "rule", "left")
        .withColumn("judged", F.coalesce("judged", F.lit(0)).cast("bigint"))
        .withColumn("right_diagnoses", F.coalesce("right_diagnoses", F.lit(0)).cast("bigint"))
        .select("rule", posterior.alias("confidence"), "prior", "judged", "right_diagnoses")
    )
