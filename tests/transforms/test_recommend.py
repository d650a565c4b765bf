from typing import Any

from pyspark.sql import SparkSession

from jobmedic.transforms.judged import judged
from jobmedic.transforms.recommend import Thresholds, recommendations
from jobmedic.transforms.rule_confidence import rule_confidence
from jobmedic.transforms.verdicts import disputes
from tests.table_rows import applied, decision, outcome, table_frame, verdict

Rows = list[dict[str, Any]]


def advice(
    spark: SparkSession, decisions: Rows, outcomes: Rows, feedback: Rows, *, action: str = "retry", **limits: Any
) -> dict[tuple[str, str], str]:
    """`action` is what rule `jdbc-timeout` asks for today."""
    done = [applied(d["decision_id"], action=d["action"]) for d in decisions]
    made, said = table_frame(spark, "decisions", decisions), table_frame(spark, "feedback", feedback)
    seen = judged(made, table_frame(spark, "actions", done), table_frame(spark, "outcomes", outcomes), said)
    rules = [("jdbc-timeout", "network", action, 0.9), ("quiet", "quota", "retry", 0.9)]
    catalogue = spark.createDataFrame(rules, "rule STRING, category STRING, action STRING, confidence DOUBLE")
    found = recommendations(
        seen, catalogue, rule_confidence(seen, catalogue), disputes(said, made), Thresholds(**limits)
    )
    return {(r.kind, r.subject): r.text for r in found.collect()}


def many(count: int, **values: Any) -> Rows:
    return [decision(f"d{n:03}", **values) for n in range(count)]


def ended(count: int, recovered: int, **values: Any) -> Rows:
    return [outcome(f"d{n:03}", "recovered" if n < recovered else "failed_same", **values) for n in range(count)]


def test_futile_retries_name_the_rule_the_figure_and_the_change(spark: SparkSession) -> None:
    found = advice(spark, many(14), ended(14, 1), [])
    assert found == {
        (
            "futile_retries",
            "jdbc-timeout",
        ): "rule `jdbc-timeout` retried 14 times, 1 recovered: set its action to send_email"
    }


def test_a_few_failed_retries_are_an_anecdote(spark: SparkSession) -> None:
    assert advice(spark, many(4), ended(4, 0), []) == {}
    assert advice(spark, many(10), ended(10, 4), []) == {}


def test_futile_retries_without_a_rule_name_the_fingerprint(spark: SparkSession) -> None:
    found = advice(spark, many(6, rule=None, source="model"), ended(6, 0), [])
    assert list(found) == [("futile_retries", "v1:aa")]


def test_what_was_advised_and_done_is_not_advised_again(spark: SparkSession) -> None:
    assert advice(spark, many(14), ended(14, 1), [], action="send_email") == {}
    said = [verdict("d005", "ann", "wrong", correct_action="send_email")]
    assert advice(spark, many(6, rule=None, source="model"), ended(6, 0), said) == {}


def test_a_rule_that_mailed_what_recovers_by_itself_is_too_cautious(spark: SparkSession) -> None:
    mailed = many(4, action="send_email", transient=False)
    said = [verdict("d003", "ann", "wrong", correct_action="retry")]
    found = advice(spark, mailed, ended(3, 3, attributed_to="other"), said, action="send_email")
    assert found["too_cautious", "jdbc-timeout"] == (
        "rule `jdbc-timeout` did not retry 4 times; 3 of those runs recovered within the hour, "
        "people asked for 1: set its action to retry"
    )


def test_a_gate_that_stops_good_retries_is_blamed_instead_of_the_rule(spark: SparkSession) -> None:
    stopped = [d | {"proposed_action": "retry"} for d in many(4, action="send_email", gate="safety")]
    found = advice(spark, stopped, ended(4, 4, attributed_to="other"), [])
    assert [key for key in found if "cautious" in key[0]] == [("gate_too_cautious", "safety")]


def test_a_rule_whose_category_people_correct_gets_theirs(spark: SparkSession) -> None:
    said = [verdict(f"d{n:03}", "ann", "wrong", correct_category="permission") for n in range(4)] + [
        verdict("d004", "ann")
    ]
    found = advice(spark, many(5), [], said)
    assert found["wrong_category", "jdbc-timeout"] == (
        "rule `jdbc-timeout` says network, but people said otherwise of 4 in 5 judged decisions: set its category to permission"
    )


def test_a_rule_that_claims_more_than_it_keeps_is_told_its_figure(spark: SparkSession) -> None:
    said = [verdict(f"d{n:03}", "ann", "wrong", correct_category="quota") for n in range(5)]
    said += [verdict(f"d{n:03}", "ann") for n in range(5, 11)]
    found = advice(spark, many(11), [], said)
    assert found["overconfident", "jdbc-timeout"].endswith(
        "6 of 11 judged decisions and claims 0.90: set its confidence to 0.71"
    )


def test_rules_that_never_fired_are_listed_in_one_line(spark: SparkSession) -> None:
    found = advice(spark, many(3), [], [], never_fired_after=3)
    assert found == {
        ("never_fired", "catalogue"): "1 of 2 rules never fired in 3 decisions: check their patterns: quiet"
    }


def test_people_who_disagree_are_named(spark: SparkSession) -> None:
    said = [verdict("d000", "ann", "wrong", correct_category="quota"), verdict("d000", "bob")]
    found = advice(spark, many(1), [], said)
    assert ": ann says quota; bob says network and retry: agree" in found["disagreement", "v1:aa"]


def test_categories_and_causes_that_need_a_look_are_named(spark: SparkSession) -> None:
    found = advice(spark, many(20, category="unknown", action="escalate", rule=None), [], [])
    assert set(found) == {("unjudged", "unknown"), ("unknown_cause", "v1:aa")}


def test_nothing_to_say_is_no_row(spark: SparkSession) -> None:
    assert advice(spark, [], [], []) == {}


def test_a_rule_that_was_corrected_since_is_not_blamed_for_its_past(spark: SparkSession) -> None:
    said = [verdict(f"d{n:03}", "ann", "wrong", correct_category="network") for n in range(4)]
    found = advice(spark, many(4, category="quota"), [], said)
    assert not [key for key in found if key[0] in {"wrong_category", "overconfident"}]
