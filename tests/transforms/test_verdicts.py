from datetime import timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from jobmedic.transforms.verdicts import confirmed, disputes, judgements, malformed, taken_back, verdicts
from tests.table_rows import DAY, decision, table_frame, verdict

LATER = DAY + timedelta(hours=5)


def feedback(spark: SparkSession, *rows: dict[str, Any]) -> DataFrame:
    return table_frame(spark, "feedback", rows)


def decisions(spark: SparkSession, *rows: dict[str, Any]) -> DataFrame:
    return table_frame(spark, "decisions", rows)


def test_the_newest_verdict_of_a_person_counts(spark: SparkSession) -> None:
    said = verdicts(feedback(spark, verdict("d1", "ann"), verdict("d1", "ann", "wrong", given_at=LATER)))
    assert [(r.verdict, r.disagreement) for r in said.collect()] == [("wrong", False)]


def test_a_withdrawn_verdict_is_gone(spark: SparkSession) -> None:
    said = verdicts(feedback(spark, verdict("d1", "ann"), verdict("d1", "ann", "withdrawn", given_at=LATER)))
    assert said.collect() == []


def test_a_verdict_after_a_withdrawal_counts_again(spark: SparkSession) -> None:
    rows = [verdict("d1", "ann", "withdrawn"), verdict("d1", "ann", "wrong", given_at=LATER)]
    assert [r.verdict for r in verdicts(feedback(spark, *rows)).collect()] == ["wrong"]


def test_people_who_contradict_each_other_are_shown_and_not_averaged(spark: SparkSession) -> None:
    rows = [verdict("d1", "ann"), verdict("d1", "bob", "wrong", correct_category="quota")]
    assert [(r.people, r.disagreement) for r in verdicts(feedback(spark, *rows)).collect()] == [(2, True)] * 2
    judged = judgements(feedback(spark, *rows), decisions(spark, decision("d1"))).collect()
    assert [(r.disputed, r.verdict, r.right_category) for r in judged] == [(True, None, None)]


def test_saying_less_contradicts_nobody(spark: SparkSession) -> None:
    rows = [verdict("d1", "ann", "wrong"), verdict("d1", "bob", "wrong", correct_category="quota")]
    judged = judgements(feedback(spark, *rows), decisions(spark, decision("d1"))).collect()
    assert [(r.disputed, r.right_category, r.right_action) for r in judged] == [(False, "quota", "retry")]


def test_rows_of_plain_sql_that_cannot_be_used_are_listed(spark: SparkSession) -> None:
    rows = [
        verdict("d1", "ann", "Correct "),
        verdict("d2", "ann", "rubbish"),
        verdict("d3", "ann", "wrong", correct_category="nettwork"),
        verdict(None, "ann"),
    ]
    assert {r.decision_id for r in verdicts(feedback(spark, *rows)).collect()} == {"d1", "d3"}
    problems = {r.problem for r in malformed(feedback(spark, *rows)).collect()}
    assert problems == {"verdict is rubbish", "correct_category is nettwork", "decision_id is null"}


def test_a_correction_stands_for_its_fingerprint(spark: SparkSession) -> None:
    rows = [verdict("d1", "ann", "wrong", correct_category="permission", correct_action="send_email")]
    found = confirmed(feedback(spark, *rows), decisions(spark, decision("d1"))).collect()
    assert [(r.fingerprint, r.category, r.action, r.transient, r.source) for r in found] == [
        ("v1:aa", "permission", "send_email", False, "human")
    ]


def test_a_correct_verdict_on_a_gated_decision_confirms_the_category_alone(spark: SparkSession) -> None:
    gated = decision("d1", action="send_email") | {"proposed_action": "retry"}
    found = confirmed(feedback(spark, verdict("d1", "ann")), decisions(spark, gated)).collect()
    assert [(r.category, r.action, r.transient) for r in found] == [("network", None, None)]


def test_a_bare_wrong_confirms_nothing(spark: SparkSession) -> None:
    assert confirmed(feedback(spark, verdict("d1", "ann", "wrong")), decisions(spark, decision("d1"))).collect() == []


def test_the_newest_opinion_of_a_person_on_a_fingerprint_counts_over_all_its_decisions(spark: SparkSession) -> None:
    rows = [verdict("d1", "ann"), verdict("d2", "ann", "wrong", correct_category="quota", given_at=LATER)]
    found = confirmed(feedback(spark, *rows), decisions(spark, decision("d1"), decision("d2"))).collect()
    assert [(r.category, r.people) for r in found] == [("quota", 1)]


def test_a_disagreement_over_a_fingerprint_confirms_neither_and_is_listed(spark: SparkSession) -> None:
    said = feedback(
        spark,
        verdict("d1", "ann", "wrong", correct_category="quota"),
        verdict("d2", "bob", "wrong", correct_category="permission"),
    )
    made = decisions(spark, decision("d1"), decision("d2"))
    assert confirmed(said, made).collect() == []
    assert [(r.people, r.categories) for r in disputes(said, made).collect()] == [(2, ["permission", "quota"])]


def test_a_verdict_taken_back_sends_the_fingerprint_to_be_diagnosed_anew(spark: SparkSession) -> None:
    diagnoses = table_frame(
        spark,
        "diagnoses",
        [{"fingerprint": "v1:aa", "source": "human"}, {"fingerprint": "v1:bb", "source": "rule"}],
    )
    rows = [verdict("d1", "ann"), verdict("d1", "ann", "withdrawn", given_at=LATER)]
    standing = confirmed(feedback(spark, *rows), decisions(spark, decision("d1")))
    assert [r.fingerprint for r in taken_back(diagnoses, standing).collect()] == ["v1:aa"]


def test_feedback_for_a_decision_that_does_not_exist_changes_nothing(spark: SparkSession) -> None:
    said = feedback(spark, verdict("nowhere", "ann", "wrong", correct_category="quota"))
    assert confirmed(said, decisions(spark, decision("d1"))).collect() == []
