"""Failures whose right diagnosis is known from people or from outcomes, never from the model's own answers."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobmedic.knowledge.words import Outcome, Source
from jobmedic.transforms.verdicts import confirmed

_ROW = (
    "fingerprint",
    "error",
    "error_trace",
    "task_type",
    "termination_code",
    "category",
    "transient",
    "label_source",
    "root_cause",
    "evidence",
    "fix",
    "first_failed_at",
)


def labelled_failures(
    failures: DataFrame,
    diagnoses: DataFrame,
    decisions: DataFrame,
    feedback: DataFrame,
    judged: DataFrame,
    *,
    recovered: int = 2,
) -> DataFrame:
    """One row a fingerprint, with the text of its newest failure that has one.

    `label_source` is human, or outcome: a rule called the failure transient and at least `recovered` retries of it
    recovered while none failed the same way. People's word counts first, and a dispute labels nothing.
    """
    people = confirmed(feedback, decisions).where(F.col("category").isNotNull())
    human = people.select("fingerprint", "category", "transient", F.lit("human").alias("label_source"))
    spoken = decisions.join(feedback.select("decision_id"), "decision_id", "left_semi").select("fingerprint")
    proven = _proven(diagnoses, judged, recovered).join(spoken, "fingerprint", "left_anti")
    told = diagnoses.select(
        "fingerprint",
        F.col("category").alias("told_category"),
        F.col("transient").alias("told_transient"),
        "root_cause",
        "evidence",
        "fix",
    )
    agreed = F.col("category") == F.col("told_category")
    return (
        human.unionByName(proven)
        .join(_texts(failures), "fingerprint", "inner")
        .join(told, "fingerprint", "left")
        # What was said of another category's cause would teach the wrong words.
        .withColumn("root_cause", F.when(agreed, F.col("root_cause")))
        .withColumn("fix", F.when(agreed, F.col("fix")))
        .withColumn("transient", F.coalesce("transient", F.when(agreed, F.col("told_transient")), F.lit(False)))
        .select(*_ROW)
    )


def _proven(diagnoses: DataFrame, judged: DataFrame, recovered: int) -> DataFrame:
    ends = (
        judged.where(F.col("retry_outcome").isNotNull())
        .groupBy("fingerprint")
        .agg(
            F.count(F.when(F.col("retry_outcome") == Outcome.RECOVERED.value, 1)).alias("good"),
            F.count(F.when(F.col("retry_outcome") == Outcome.FAILED_SAME.value, 1)).alias("bad"),
        )
    )
    return (
        diagnoses.where((F.col("source") == Source.RULE.value) & F.col("transient"))
        .select("fingerprint", "category", "transient")
        .join(ends.where((F.col("good") >= recovered) & (F.col("bad") == 0)), "fingerprint", "inner")
        .select("fingerprint", "category", "transient", F.lit("outcome").alias("label_source"))
    )


def _texts(failures: DataFrame) -> DataFrame:
    newest = Window.partitionBy("fingerprint").orderBy(F.desc("failed_at"), "task_run_id")
    first = F.min(F.coalesce("failed_at", "collected_at")).over(Window.partitionBy("fingerprint"))
    return (
        failures.where(F.col("error").isNotNull() & (F.length(F.trim("error")) > 0))
        .withColumn("first_failed_at", first)
        .withColumn("place", F.row_number().over(newest))
        .where(F.col("place") == 1)
        .select("fingerprint", "error", "error_trace", "task_type", "termination_code", "first_failed_at")
    )
