from typing import Any

from pyspark.sql import DataFrame, SparkSession

from jobmedic.transforms.precedents import judged_examples, precedents
from jobmedic.transforms.verdicts import confirmed
from tests.table_rows import decision, table_frame, verdict

REFUSED = "java.net.ConnectException: Connection refused to warehouse db at 10.0.0.7 port 5432"
TIMED_OUT = "java.net.ConnectException: Connection to warehouse db timed out after 30 s"
DENIED = "PERMISSION_DENIED: user lacks SELECT on table sales"


def examples(spark: SparkSession, *rows: tuple[str, str, str]) -> DataFrame:
    full = [(name, error, kind, "network", True) for name, error, kind in rows]
    return spark.createDataFrame(
        full, "fingerprint STRING, error STRING, error_class STRING, category STRING, transient BOOLEAN"
    )


def question(spark: SparkSession, error: str | None, kind: str | None = None) -> DataFrame:
    return spark.createDataFrame([("q", error, kind)], "fingerprint STRING, error STRING, error_class STRING")


def found(frame: DataFrame) -> list[Any]:
    rows = frame.collect()
    return [p.error for p in rows[0].precedents] if rows else []


def test_the_nearest_by_common_words_go_along_and_the_far_ones_do_not(spark: SparkSession) -> None:
    known = examples(spark, ("a", DENIED, "x"), ("b", REFUSED, "y"))
    assert found(precedents(question(spark, TIMED_OUT), known)) == [REFUSED]


def test_a_common_error_class_brings_in_a_failure_in_other_words(spark: SparkSession) -> None:
    known = examples(spark, ("a", DENIED, "INSUFFICIENT_PERMISSIONS"))
    assert found(precedents(question(spark, "no grant", "INSUFFICIENT_PERMISSIONS"), known)) == [DENIED]


def test_a_failure_is_no_precedent_of_itself(spark: SparkSession) -> None:
    assert found(precedents(question(spark, REFUSED), examples(spark, ("q", REFUSED, "y")))) == []


def test_equal_texts_go_along_once_and_all_stay_within_the_budget(spark: SparkSession) -> None:
    known = examples(spark, ("a", REFUSED, "y"), ("b", REFUSED, "y"), ("c", TIMED_OUT, "y"))
    texts = found(precedents(question(spark, REFUSED), known, limit=2, characters=20))
    assert texts == [REFUSED[:20]]


def test_an_empty_error_has_no_precedents(spark: SparkSession) -> None:
    assert found(precedents(question(spark, None), examples(spark, ("a", REFUSED, "y")))) == []


def test_only_what_people_confirmed_is_an_example_with_their_words(spark: SparkSession) -> None:
    diagnoses = [
        {"fingerprint": "v1:aa", "exemplar": REFUSED, "category": "network", "transient": True, "source": "model"},
        {"fingerprint": "v1:bb", "exemplar": DENIED, "category": "permission", "transient": False, "source": "model"},
    ]
    said = [verdict("d1", "ann", "wrong", correct_category="permission", correct_action="send_email")]
    agreed = confirmed(table_frame(spark, "feedback", said), table_frame(spark, "decisions", [decision("d1")]))
    rows = judged_examples(table_frame(spark, "diagnoses", diagnoses), agreed).collect()
    assert [(r.fingerprint, r.category, r.transient) for r in rows] == [("v1:aa", "permission", False)]
