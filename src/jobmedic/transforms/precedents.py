"""Failures that people have judged, nearest to a new one, to go along with the question to the model.

Near means: words in common (Jaccard, over the words of the lower-cased text that hold no digit), and the same error
class counts on top. Both sides are small: new fingerprints of one pass, and fingerprints that people confirmed.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

SAME_CLASS = 0.5
"""What a common error class adds to the share of common words."""
_SHORTEST_WORD = 3
_WORDS_COMPARED = 400


def judged_examples(diagnoses: DataFrame, confirmed: DataFrame) -> DataFrame:
    """(fingerprint, error, error_class, category, transient) of what people stand for.

    `confirmed` comes from `verdicts`. The model's own unconfirmed answers are no precedents: it would quote itself.
    """
    said = confirmed.where(F.col("category").isNotNull()).select(
        "fingerprint", F.col("category").alias("said_category"), F.col("transient").alias("said_transient")
    )
    return (
        diagnoses.where(F.col("exemplar").isNotNull())
        .join(said, "fingerprint", "inner")
        .select(
            "fingerprint",
            F.col("exemplar").alias("error"),
            "error_class",
            F.col("said_category").alias("category"),
            F.coalesce("said_transient", "transient", F.lit(False)).alias("transient"),
        )
    )


def precedents(
    questions: DataFrame, examples: DataFrame, *, limit: int = 3, least: float = 0.25, characters: int = 450
) -> DataFrame:
    """One row a question that has any: (fingerprint, precedents), nearest first, each (error, category, transient).

    `questions` is (fingerprint, error, error_class). At most `limit` examples of at most `characters` each, none of the
    question's own fingerprint, and of equal texts only one.
    """
    asked = questions.select("fingerprint", F.col("error_class").alias("class"), _words("error").alias("words"))
    known = examples.select(
        F.col("fingerprint").alias("example"),
        F.substring("error", 1, characters).alias("text"),
        "category",
        "transient",
        "error_class",
        _words("error").alias("example_words"),
    )
    nearest = Window.partitionBy("fingerprint").orderBy(F.desc("likeness"), "example")
    twins = Window.partitionBy("fingerprint", "text").orderBy(F.desc("likeness"), "example")
    return (
        asked.crossJoin(F.broadcast(known))
        .where(F.col("fingerprint") != F.col("example"))
        .withColumn("likeness", _likeness())
        .where(F.col("likeness") >= least)
        .withColumn("twin", F.row_number().over(twins))
        .where(F.col("twin") == 1)
        .withColumn("place", F.row_number().over(nearest))
        .where(F.col("place") <= limit)
        .groupBy("fingerprint")
        .agg(F.sort_array(F.collect_list(F.struct("place", "text", "category", "transient"))).alias("found"))
        .select("fingerprint", F.transform("found", _example).alias("precedents"))
    )


def _words(name: str) -> Column:
    plain = F.regexp_replace(F.lower(F.coalesce(F.col(name), F.lit(""))), "[^a-z0-9_]+", " ")
    words = F.array_distinct(F.split(plain, " "))
    telling = F.filter(words, lambda word: (F.length(word) >= _SHORTEST_WORD) & ~word.rlike("[0-9]"))
    return F.slice(telling, 1, _WORDS_COMPARED)


def _likeness() -> Column:
    common = F.size(F.array_intersect("words", "example_words")).cast("double")
    all_words = F.size(F.array_union("words", "example_words"))
    # A power, not a quotient: Sail 0.7.2 plans this join with a trial value of 0 words and gives up on the division.
    shared = F.coalesce(common * F.pow(F.greatest(all_words, F.lit(1)).cast("double"), F.lit(-1.0)), F.lit(0.0))
    same = F.when(F.col("class") == F.col("error_class"), SAME_CLASS).otherwise(0.0)
    return shared + same


def _example(found: Column) -> Column:
    return F.struct(
        found["text"].alias("error"), found["category"].alias("category"), found["transient"].alias("transient")
    )
