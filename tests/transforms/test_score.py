from datetime import timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from jobmedic.transforms.judged import judged
from jobmedic.transforms.score import score
from tests.table_rows import DAY, applied, decision, outcome, table_frame, verdict

Rows = list[dict[str, Any]]
Figures = dict[tuple[str, str, str], Any]
"""(value, n) by metric, dimension and member"""


def judge(spark: SparkSession, decisions: Rows, outcomes: Rows = [], feedback: Rows = []) -> DataFrame:  # noqa: B006 - read only
    actions = [applied(d["decision_id"], action=d["action"]) for d in decisions if d["status"] == "done"]
    frames = {"decisions": decisions, "actions": actions, "outcomes": outcomes, "feedback": feedback}
    return judged(*(table_frame(spark, name, rows) for name, rows in frames.items()))


def figures(spark: SparkSession, seen: DataFrame, passes: Rows = [], incidents: Rows = []) -> Figures:  # noqa: B006 - read only
    periods = spark.createDataFrame([(DAY, DAY + timedelta(days=1))], "period_start TIMESTAMP, period_end TIMESTAMP")
    scores = score(
        seen,
        table_frame(spark, "passes", passes),
        table_frame(spark, "incidents", incidents),
        periods,
        recovery_value_usd=25.0,
    )
    return {(r.metric, r.dimension, r.member): (r.value, r.n) for r in scores.collect()}


def overall(found: Figures, metric: str) -> Any:
    return found[metric, "all", "all"]


def test_a_retry_is_judged_by_its_outcome_when_nobody_spoke(spark: SparkSession) -> None:
    outcomes = [outcome("d1", "recovered"), outcome("d2", "failed_same"), outcome("d3", "failed_other")]
    rows = judge(spark, [decision(f"d{n}") for n in range(1, 5)], outcomes).orderBy("decision_id").collect()
    assert [r.action_right for r in rows] == [True, False, None, None]
    assert [r.wrong_retry for r in rows] == [False, True, None, None]
    assert [r.judged_by for r in rows] == ["outcome", "outcome", None, None]


def test_what_people_say_counts_before_the_outcome(spark: SparkSession) -> None:
    said = [verdict("d1", "ann", "wrong", correct_action="send_email")]
    row = judge(spark, [decision("d1")], [outcome("d1", "recovered")], said).collect()[0]
    assert (row.action_right, row.wrong_retry, row.judged_by) == (False, True, "people")


def test_a_dispute_judges_nothing(spark: SparkSession) -> None:
    said = [verdict("d1", "ann"), verdict("d1", "bob", "wrong")]
    row = judge(spark, [decision("d1")], [outcome("d1", "recovered")], said).collect()[0]
    assert (row.action_right, row.judged_by, row.disputed) == (None, None, True)


def test_a_transient_failure_that_was_mailed_and_recovered_without_us_is_a_missed_retry(spark: SparkSession) -> None:
    mailed = [decision("d1", action="send_email"), decision("d2", action="send_email", transient=False)]
    ends = [outcome(d, "recovered", attributed_to="other") for d in ("d1", "d2")]
    rows = judge(spark, mailed, ends).orderBy("decision_id").collect()
    assert [r.missed_retry for r in rows] == [True, None]


def test_rates_rest_on_the_decisions_that_were_judged(spark: SparkSession) -> None:
    outcomes = [outcome("d1", "recovered"), outcome("d2", "recovered"), outcome("d3", "failed_same")]
    found = figures(spark, judge(spark, [decision(f"d{n}") for n in range(1, 6)], outcomes))
    assert overall(found, "decisions") == (5.0, 5)
    assert overall(found, "accuracy") == (pytest.approx(2 / 3), 3)
    assert overall(found, "wrong_retry_rate") == (pytest.approx(1 / 3), 3)
    assert overall(found, "retry_success_rate") == (pytest.approx(2 / 3), 3)
    assert overall(found, "missed_retry_rate") == (None, 0)
    assert found["accuracy", "rule", "jdbc-timeout"] == (pytest.approx(2 / 3), 3)


def test_money_is_saved_by_our_recoveries_and_wasted_by_failed_retries(spark: SparkSession) -> None:
    ends = [
        outcome("d1", "recovered"),
        outcome("d2", "recovered", attributed_to="other"),
        outcome("d3", "failed_same", cost_usd=0.75),
    ]
    found = figures(spark, judge(spark, [decision(f"d{n}") for n in (1, 2, 3)], ends))
    assert overall(found, "saved_usd") == (10.0, 2)
    assert overall(found, "wasted_usd") == (0.75, 2)


def test_macro_f1_agrees_with_scikit_learn(spark: SparkSession) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    chosen = ["network", "network", "quota", "timeout", "network", "quota"]
    right = ["network", "permission", "quota", "timeout", "timeout", "quota"]
    rows = [decision(f"d{n}", category=c) for n, c in enumerate(chosen)]
    said = [
        verdict(f"d{n}", "ann", *([] if c == r else ["wrong"]), correct_category=r)
        for n, (c, r) in enumerate(zip(chosen, right, strict=True))
    ]
    found = figures(spark, judge(spark, rows, feedback=said))
    assert overall(found, "macro_f1") == (pytest.approx(metrics.f1_score(right, chosen, average="macro")), 6)
    assert found["confusion", "confusion", "permission>network"] == (1.0, 1)


def test_calibration_weighs_the_gap_of_each_bin(spark: SparkSession) -> None:
    rows = [decision(f"d{n}", confidence=0.95 if n < 2 else 0.5) for n in range(4)]
    said = [verdict("d0", "ann"), verdict("d1", "ann"), verdict("d2", "ann")]
    said.append(verdict("d3", "ann", "wrong", correct_category="quota"))
    found = figures(spark, judge(spark, rows, feedback=said))
    assert overall(found, "ece") == (pytest.approx((0.05 * 2 + 0.0 * 2) / 4), 4)
    assert found["calibration_accuracy", "bin", "0.5"] == (0.5, 2)


def test_times_mails_incidents_and_model_use_are_counted(spark: SparkSession) -> None:
    rows = [decision("d1"), decision("d2", action="send_email", seconds_to_decide=120.0, task_keys=["a", "b", "c"])]
    at = DAY + timedelta(hours=4)
    used = [{"started_at": at, "model_calls": 2, "tokens_in": 900, "tokens_out": 80, "cost_usd": 0.01}] * 2
    found = figures(spark, judge(spark, rows, [outcome("d1", "recovered")]), used, [{"opened_at": at, "runs": 9}])
    assert overall(found, "seconds_to_decide_p50") == (90.0, 2)
    assert overall(found, "seconds_to_recover_p95") == (600.0, 1)
    assert overall(found, "mails_per_failure") == (0.25, 4)
    assert overall(found, "incidents") == (1.0, 9)
    assert overall(found, "tokens_in") == (1800.0, 4)


def test_decisions_outside_the_period_do_not_count(spark: SparkSession) -> None:
    rows = [decision("d1", decided_at=DAY + timedelta(days=1)), decision("d2", decided_at=DAY - timedelta(seconds=1))]
    assert figures(spark, judge(spark, rows)) == {}
