"""What people say of decisions: the feedback table made into one opinion a person, and what they agree on.

Feedback rows also arrive by plain SQL, so nothing in them is believed to be well-formed: a verdict, category or action that
is not in the vocabulary is dropped here and listed by `malformed`.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobmedic.knowledge.words import Action, Category, Source, Verdict

HUMAN_CONFIDENCE = 0.99
"""People err too; one slip must not claim certainty."""

_VERDICTS = [v.value for v in Verdict]
_CATEGORIES = [c.value for c in Category]
_ACTIONS = [a.value for a in Action]
_NOT_TRANSIENT = [Action.SEND_EMAIL.value, Action.ESCALATE.value, Action.RETRY_WITH_NEW_PARAMS.value]


def verdicts(feedback: DataFrame) -> DataFrame:
    """One row a (decision, person): the person's newest verdict; withdrawn ones are gone.

    `disagreement` is true on every row of a decision on which people contradict each other. Saying less (a bare
    `wrong` beside a `wrong` with a category) contradicts nobody.
    """
    newest = (
        _readable(feedback)
        .groupBy("decision_id", "given_by")
        .agg(F.max(F.struct("given_at", "verdict", "correct_category", "correct_action", "comment")).alias("v"))
        .select("decision_id", "given_by", "v.*")
        .where(F.col("verdict") != Verdict.WITHDRAWN.value)
    )
    spread = newest.groupBy("decision_id").agg(
        F.count(F.lit(1)).cast("int").alias("people"),
        F.greatest(
            F.count_distinct("verdict"), F.count_distinct("correct_category"), F.count_distinct("correct_action")
        ).alias("opinions"),
    )
    return newest.join(spread, "decision_id", "inner").select(
        "decision_id",
        "given_by",
        "given_at",
        "verdict",
        "correct_category",
        "correct_action",
        "comment",
        "people",
        (F.col("opinions") > 1).alias("disagreement"),
    )


def malformed(feedback: DataFrame) -> DataFrame:
    """Feedback rows that cannot be used as they stand, with the reason; they came in by plain SQL."""
    verdict, category, action = (_clean(name) for name in ("verdict", "correct_category", "correct_action"))
    reason = (
        F.when(F.col("decision_id").isNull(), F.lit("decision_id is null"))
        .when(verdict.isNull(), F.lit("verdict is null"))
        .when(~verdict.isin(_VERDICTS), F.concat(F.lit("verdict is "), F.col("verdict")))
        .when(~category.isin(_CATEGORIES), F.concat(F.lit("correct_category is "), F.col("correct_category")))
        .when(~action.isin(_ACTIONS), F.concat(F.lit("correct_action is "), F.col("correct_action")))
    )
    return (
        feedback.withColumn("problem", reason)
        .where(F.col("problem").isNotNull())
        .select("decision_id", "given_by", "given_at", "problem")
    )


def judgements(feedback: DataFrame, decisions: DataFrame) -> DataFrame:
    """One row a judged decision: what would have been right, by the people who looked.

    `right_category` and `right_action` are null where nobody said or people contradict each other (`disputed`).
    """
    said = _opinions(feedback, decisions)
    return (
        said.groupBy("decision_id")
        .agg(
            F.max("people").alias("people"),
            F.max("disagreement").alias("disputed"),
            F.max("verdict").alias("verdict"),
            F.max("right_category").alias("right_category"),
            F.max("right_action").alias("right_action"),
        )
        .select(
            "decision_id",
            "people",
            "disputed",
            F.when(~F.col("disputed"), F.col("verdict")).alias("verdict"),
            F.when(~F.col("disputed"), F.col("right_category")).alias("right_category"),
            F.when(~F.col("disputed"), F.col("right_action")).alias("right_action"),
        )
    )


def confirmed(feedback: DataFrame, decisions: DataFrame) -> DataFrame:
    """One row a fingerprint on which people agree: the diagnosis that they stand for.

    Of each person the newest opinion on the fingerprint counts, whichever decision it was given on. `category` or
    `action` is null where nobody spoke of it or where people contradict each other; a row has at least one.
    A `correct` verdict stands for the action only where no gate of the policy had changed it: "right to mail after
    three retries" must not stop every later retry. `transient` follows a stated action and is null without one.
    """
    return (
        _by_fingerprint(feedback, decisions)
        .where(F.col("category").isNotNull() | F.col("action").isNotNull())
        .select(
            "fingerprint",
            "category",
            "action",
            F.when(F.col("action") == Action.RETRY.value, F.lit(True))
            .when(F.col("action").isin(_NOT_TRANSIENT), F.lit(False))
            .alias("transient"),
            F.lit(HUMAN_CONFIDENCE).alias("confidence"),
            F.lit(Source.HUMAN.value).alias("source"),
            "people",
            "given_at",
        )
    )


def disputes(feedback: DataFrame, decisions: DataFrame) -> DataFrame:
    """One row a fingerprint on which people contradict each other, with everything that was said."""
    return (
        _by_fingerprint(feedback, decisions)
        .where((F.size("categories") > 1) | (F.size("actions") > 1))
        .select("fingerprint", "people", "categories", "actions", "persons", "opinions", "given_at")
    )


def taken_back(diagnoses: DataFrame, confirmed_now: DataFrame) -> DataFrame:
    """Fingerprints that stand as diagnosed by people but for which nobody stands any more: to be diagnosed anew."""
    return (
        diagnoses.where(F.col("source") == Source.HUMAN.value)
        .select("fingerprint")
        .join(confirmed_now.select("fingerprint"), "fingerprint", "left_anti")
    )


def _readable(feedback: DataFrame) -> DataFrame:
    verdict, category, action = (_clean(name) for name in ("verdict", "correct_category", "correct_action"))
    wrong = verdict == Verdict.WRONG.value
    return feedback.where(F.col("decision_id").isNotNull() & verdict.isin(_VERDICTS)).select(
        "decision_id",
        F.coalesce(F.trim("given_by"), F.lit("unknown")).alias("given_by"),
        F.coalesce("given_at", F.lit("1970-01-01 00:00:00").cast("timestamp")).alias("given_at"),
        verdict.alias("verdict"),
        F.when(wrong & category.isin(_CATEGORIES), category).alias("correct_category"),
        F.when(wrong & action.isin(_ACTIONS), action).alias("correct_action"),
        F.col("comment").alias("comment"),
    )


def _clean(name: str) -> Column:
    return F.lower(F.trim(F.col(name)))


def _opinions(feedback: DataFrame, decisions: DataFrame) -> DataFrame:
    """Each person's verdict beside the decision; a bare `wrong` says that, but not what would be right."""
    correct = F.col("verdict") == Verdict.CORRECT.value
    silent = F.col("correct_category").isNull() & F.col("correct_action").isNull()
    own = decisions.select("decision_id", "fingerprint", "category", "action", "proposed_action")
    return (
        verdicts(feedback)
        .join(own, "decision_id", "inner")
        .withColumn(
            "right_category",
            F.when(correct, F.col("category")).when(~silent, F.coalesce("correct_category", "category")),
        )
        .withColumn(
            "right_action", F.when(correct, F.col("action")).when(~silent, F.coalesce("correct_action", "action"))
        )
        .withColumn("bare_wrong", ~correct & silent)
    )


def _by_fingerprint(feedback: DataFrame, decisions: DataFrame) -> DataFrame:
    correct = F.col("verdict") == Verdict.CORRECT.value
    ungated = F.coalesce(F.col("proposed_action"), F.col("action")) == F.col("action")
    stated = F.when(correct & ungated, F.col("action")).when(~correct, F.col("correct_action"))
    newest = (
        _opinions(feedback, decisions)
        .where(~F.col("bare_wrong") & F.col("fingerprint").isNotNull())
        .withColumn("stated_action", stated)
        .groupBy("fingerprint", "given_by")
        .agg(F.max(F.struct("given_at", "decision_id", "right_category", "stated_action")).alias("v"))
        .select("fingerprint", "given_by", "v.*")
    )
    said = F.concat_ws(" and ", "right_category", "stated_action")
    gathered = newest.groupBy("fingerprint").agg(
        F.count(F.lit(1)).cast("int").alias("people"),
        F.sort_array(F.collect_set("right_category")).alias("categories"),
        F.sort_array(F.collect_set("stated_action")).alias("actions"),
        F.sort_array(F.collect_set("given_by")).alias("persons"),
        F.sort_array(F.collect_list(F.concat("given_by", F.lit(" says "), said))).alias("opinions"),
        F.max("given_at").alias("given_at"),
    )
    return gathered.select(
        "fingerprint",
        "people",
        "categories",
        "actions",
        "persons",
        "opinions",
        "given_at",
        F.when(F.size("categories") == 1, F.element_at("categories", 1)).alias("category"),
        F.when(F.size("actions") == 1, F.element_at("actions", 1)).alias("action"),
    )
