from datetime import timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from jobmedic.transforms.autonomy import autonomy_changes, autonomy_state, wilson_lower, wilson_upper
from jobmedic.transforms.judged import judged
from jobmedic.transforms.rule_confidence import rule_confidence
from tests.table_rows import DAY, applied, decision, outcome, table_frame, verdict


def retries(spark: SparkSession, recovered: int, failed: int, **values: Any) -> DataFrame:
    """Judged retries, the failed ones newest."""
    count = recovered + failed
    ids = [f"d{n:03}" for n in range(count)]
    ends = [outcome(d, "recovered" if n < recovered else "failed_same") for n, d in enumerate(ids)]
    rows = [decision(d, decided_at=DAY + timedelta(minutes=n), **values) for n, d in enumerate(ids)]
    return judged(
        table_frame(spark, "decisions", rows),
        table_frame(spark, "actions", [applied(d) for d in ids]),
        table_frame(spark, "outcomes", ends),
        table_frame(spark, "feedback", []),
    )


def changes(spark: SparkSession, seen: DataFrame, past: list[dict[str, Any]], **values: Any) -> list[Row]:
    asked: dict[str, Any] = {"by": "category", "bar": 0.8, "judged_at_least": 10} | values
    return autonomy_changes(seen, table_frame(spark, "autonomy", past), **asked).collect()


def row(mode: str, *, hour: int = 0, scope: str = "network") -> dict[str, Any]:
    return {"scope_type": "category", "scope": scope, "mode": mode, "changed_at": DAY + timedelta(hours=hour)}


@pytest.mark.parametrize(
    ("right", "n", "low", "high"), [(3, 3, 0.4385, 1.0), (45, 50, 0.7864, 0.9565), (0, 0, 0.0, 1.0)]
)
def test_the_wilson_interval_has_the_textbook_ends(
    spark: SparkSession, right: int, n: int, low: float, high: float
) -> None:
    found = (
        spark.range(1).select(wilson_lower(F.lit(right), F.lit(n)), wilson_upper(F.lit(right), F.lit(n))).collect()[0]
    )
    assert tuple(found) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_a_category_that_was_right_often_enough_is_promoted_with_its_figures(spark: SparkSession) -> None:
    found = changes(spark, retries(spark, 20, 0), [])
    assert [(r.scope, r.mode, r.judged, r.right_decisions) for r in found] == [("network", "act", 20, 20)]
    assert found[0].reason == (
        "category network acts from now on: 20 of 20 judged decisions were right, lower bound 0.84; "
        "the policy asks for 0.80 over 10"
    )


def test_a_few_right_decisions_prove_nothing(spark: SparkSession) -> None:
    assert changes(spark, retries(spark, 9, 0), [], bar=0.5) == []


def test_one_that_acts_and_falls_below_the_bar_goes_back_to_shadow(spark: SparkSession) -> None:
    found = changes(spark, retries(spark, 20, 8), [row("act")])
    assert [(r.scope, r.mode) for r in found] == [("network", "shadow")]


def test_one_that_still_earns_it_makes_no_row(spark: SparkSession) -> None:
    assert changes(spark, retries(spark, 20, 0), [row("act")]) == []


def test_one_whose_verdicts_are_gone_goes_back_to_shadow(spark: SparkSession) -> None:
    found = changes(spark, retries(spark, 0, 0), [row("act")])
    assert [(r.scope, r.mode, r.judged) for r in found] == [("network", "shadow", 0)]


def test_a_long_good_past_does_not_hide_a_bad_week(spark: SparkSession) -> None:
    seen = retries(spark, 60, 6)
    assert changes(spark, seen, [row("act")]) == []
    assert [r.mode for r in changes(spark, seen, [row("act")], newest=20)] == ["shadow"]


def test_fingerprints_earn_it_one_by_one(spark: SparkSession) -> None:
    found = changes(spark, retries(spark, 20, 0, fingerprint="v1:cc"), [], by="fingerprint")
    assert [(r.scope_type, r.scope) for r in found] == [("fingerprint", "v1:cc")]


def test_the_newest_row_of_a_scope_is_its_state(spark: SparkSession) -> None:
    past = [row("act"), row("shadow", hour=2), row("act", hour=1), row("act", scope="quota")]
    state = autonomy_state(table_frame(spark, "autonomy", past)).collect()
    assert {(r.scope, r.mode) for r in state} == {("network", "shadow"), ("quota", "act")}


def test_verdicts_pull_a_rules_confidence_from_the_catalogues_figure(spark: SparkSession) -> None:
    rows = [decision(f"d{n}") for n in range(10)]
    said = [verdict(f"d{n}", "ann", "wrong", correct_category="quota") for n in range(10)]
    names = {"decisions": rows, "actions": [], "outcomes": [], "feedback": said}
    seen = judged(*(table_frame(spark, name, found) for name, found in names.items()))
    catalogue = spark.createDataFrame([("jdbc-timeout", 0.9), ("other", 0.95)], "rule STRING, confidence DOUBLE")
    found = {r.rule: (r.confidence, r.judged) for r in rule_confidence(seen, catalogue).collect()}
    assert found == {"jdbc-timeout": (pytest.approx(0.45), 10), "other": (pytest.approx(0.95), 0)}


def test_a_recovered_retry_says_nothing_about_the_rules_category(spark: SparkSession) -> None:
    catalogue = spark.createDataFrame([("jdbc-timeout", 0.9)], "rule STRING, confidence DOUBLE")
    assert [r.judged for r in rule_confidence(retries(spark, 5, 5), catalogue).collect()] == [0]
