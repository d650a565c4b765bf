import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.frames import rows_of
from jobmedic.knowledge.words import Action, Category, Outcome, Verdict
from jobmedic.transforms.judged import judged
from jobmedic.transforms.verdicts import verdicts

Row = dict[str, Any]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def decide(ledger: DeltaLedger, name: str, action: str = "retry", **values: Any) -> None:
    row = {"decision_id": name, "action": action, "category": "network", "decided_at": NOW, **values}
    ledger.merge("decisions", ledger.frame("decisions", [row]))
    ledger.merge("actions", ledger.frame("actions", [{"decision_id": name, "action": action, "status": "applied"}]))


def end(ledger: DeltaLedger, name: str, outcome: str, **values: Any) -> None:
    ledger.merge("outcomes", ledger.frame("outcomes", [{"decision_id": name, "outcome": outcome, **values}]))


def say(
    ledger: DeltaLedger, name: str, verdict: str | None, by: str | None = "ann", hour: int = 0, **more: str
) -> None:
    row = {"decision_id": name, "verdict": verdict, "given_by": by, "given_at": NOW + timedelta(hours=hour), **more}
    ledger.append("feedback", ledger.frame("feedback", [row]))


def one(ledger: DeltaLedger, name: str = "d") -> Row:
    (row,) = [row for row in rows_of(ledger.read("v_decisions")) if row["decision_id"] == name]
    return row


@pytest.mark.parametrize(
    ("action", "outcome", "right"),
    [
        ("retry", "recovered", True),
        ("retry", "failed_same", False),
        ("retry", "failed_other", None),
        ("retry", "pending", None),
        ("retry_with_new_params", "recovered", True),
        ("send_email", "pending", None),
        ("ignore", "cancelled", None),
    ],
)
def test_without_a_verdict_the_outcome_judges(
    ledger: DeltaLedger, action: str, outcome: str, right: bool | None
) -> None:
    decide(ledger, "d", action)
    end(ledger, "d", outcome)
    assert one(ledger)["judged_right"] is right


@pytest.mark.parametrize(
    ("seconds", "transient", "missed"), [(600.0, True, True), (9e3, True, None), (60.0, False, None)]
)
def test_a_mail_about_a_failure_that_passes_by_itself_missed_a_retry(
    ledger: DeltaLedger, seconds: float, transient: bool, missed: bool | None
) -> None:
    decide(ledger, "d", "send_email", transient=transient)
    end(ledger, "d", "recovered", attributed_to="other", seconds_to_recover=seconds)
    assert one(ledger)["missed_retry"] is missed


def test_the_newest_verdict_of_a_person_counts(ledger: DeltaLedger) -> None:
    decide(ledger, "d")
    say(ledger, "d", "wrong", hour=1, correct_action="send_email")
    say(ledger, "d", "correct", hour=2)
    row = one(ledger)
    assert (row["judged_right"], row["judged_by"], row["verdicts"]) == (True, "people", ["ann: correct"])


def test_a_withdrawn_verdict_leaves_the_word_to_the_outcome(ledger: DeltaLedger) -> None:
    decide(ledger, "d")
    end(ledger, "d", "recovered")
    say(ledger, "d", "wrong")
    say(ledger, "d", "withdrawn", hour=1)
    assert (one(ledger)["judged_right"], one(ledger)["judged_by"]) == (True, "outcome")


def test_people_who_contradict_each_other_are_shown_and_judge_nothing(ledger: DeltaLedger) -> None:
    decide(ledger, "d")
    end(ledger, "d", "recovered")
    say(ledger, "d", "wrong", by="ann")
    say(ledger, "d", "correct", by="bob")
    row = one(ledger)
    assert (row["verdicts_disagree"], row["judged_right"], row["verdict"]) == (True, None, None)
    assert row["verdicts"] == ["ann: wrong", "bob: correct"]


def test_a_right_category_makes_no_action_wrong(ledger: DeltaLedger) -> None:
    decide(ledger, "d")
    say(ledger, "d", "wrong", correct_category="quota")
    row = one(ledger)
    assert (row["judged_right"], row["category_right"], row["right_category"]) == (True, False, "quota")


def test_money_is_what_the_policy_held_a_recovery_to_be_worth(ledger: DeltaLedger) -> None:
    for name, outcome in (("a", "recovered"), ("b", "failed_same"), ("c", "pending")):
        decide(ledger, name, retry_success_probability=0.5, expected_gain_usd=2.0)
        end(ledger, name, outcome, cost_usd=0.25)
    (day,) = rows_of(ledger.read("v_costs"))
    assert day["day"] == date(2026, 3, 1)
    assert [day[name] for name in ("retries", "saved_usd", "wasted_usd", "retry_usd")] == [3, 4.0, 0.25, 0.75]


def test_a_recovery_by_somebody_else_saves_nothing(ledger: DeltaLedger) -> None:
    decide(ledger, "d", retry_success_probability=0.5, expected_gain_usd=2.0)
    end(ledger, "d", "recovered", attributed_to="other")
    assert (one(ledger)["saved_usd"], one(ledger)["judged_right"]) == (None, True)


def test_accuracy_counts_what_was_judged(ledger: DeltaLedger) -> None:
    for name, outcome in (("a", "recovered"), ("b", "failed_same"), ("c", "pending"), ("d", "recovered")):
        decide(ledger, name)
        end(ledger, name, outcome)
    (row,) = rows_of(ledger.read("v_accuracy"))
    assert [row[name] for name in ("decisions", "judged", "right_decisions", "wrong_retries")] == [4, 3, 2, 1]
    assert row["accuracy"] == pytest.approx(2 / 3)


def test_retry_success_counts_retries_that_ended(ledger: DeltaLedger) -> None:
    for name, outcome in (("a", "recovered"), ("b", "failed_same"), ("c", "pending")):
        decide(ledger, name, rule="reset", fingerprint="v1:aa")
        end(ledger, name, outcome)
    (row,) = rows_of(ledger.read("v_retry_success"))
    assert [row[name] for name in ("rule", "retries", "ended", "recovered", "success_rate")] == ["reset", 3, 2, 1, 0.5]


def test_failures_are_counted_by_day_category_and_job(ledger: DeltaLedger) -> None:
    rows = [
        {"workspace_id": "w", "task_run_id": n, "run_id": n // 2, "job_id": 1, "fingerprint": "f", "failed_at": NOW}
        for n in range(4)
    ]
    ledger.merge("failures", ledger.frame("failures", rows))
    ledger.merge("diagnoses", ledger.frame("diagnoses", [{"fingerprint": "f", "category": "quota"}]))
    (row,) = rows_of(ledger.read("v_categories"))
    assert [row[name] for name in ("category", "failures", "runs", "fingerprints")] == ["quota", 4, 2, 1]


def test_resolved_incidents_are_not_shown_as_open(ledger: DeltaLedger) -> None:
    rows = [{"incident_id": status, "status": status, "opened_at": NOW} for status in ("open", "resolved")]
    ledger.merge("incidents", ledger.frame("incidents", rows))
    assert [row["incident_id"] for row in rows_of(ledger.read("v_open_incidents"))] == ["open"]


@pytest.fixture
def muddle(ledger: DeltaLedger) -> DeltaLedger:
    """Two hundred decisions with every mix of action, outcome and verdict, malformed ones included."""
    pick = random.Random(7).choice
    names = [f"d{n}" for n in range(200)]
    ledger.merge("decisions", ledger.frame("decisions", [
        {"decision_id": name, "action": pick(list(Action)), "category": pick(list(Category)), "decided_at": NOW,
         "transient": pick([True, False, None]), "retry_success_probability": pick([0.0, 0.5, None]), "expected_gain_usd": 1.0}
        for name in names
    ]))  # fmt: skip
    ledger.merge("actions", ledger.frame("actions", [
        {"decision_id": name, "status": pick(["applied", "refused"])} for name in names if pick([True, True, False])
    ]))  # fmt: skip
    ledger.merge("outcomes", ledger.frame("outcomes", [
        {"decision_id": name, "outcome": pick(list(Outcome)), "attributed_to": pick(["jobmedic", "other", None]),
         "seconds_to_recover": pick([60.0, 7200.0, None]), "cost_usd": pick([0.5, None])}
        for name in names if pick([True, True, False])
    ]))  # fmt: skip
    ledger.append("feedback", ledger.frame("feedback", [
        {"decision_id": pick(names), "verdict": pick([*Verdict, " Wrong", "bad", None]), "given_by": pick(["ann", "bob ", None]),
         "correct_category": pick([*Category, "nonsense", None, None, None]), "correct_action": pick([*Action, "", None, None, None]),
         "given_at": NOW + timedelta(minutes=n * 7919 % 300) if n % 50 else None}
        for n in range(300)
    ]))  # fmt: skip
    return ledger


def test_the_view_judges_as_learning_does(muddle: DeltaLedger) -> None:
    tables = [muddle.read(name) for name in ("decisions", "actions", "outcomes", "feedback")]
    same = [
        "category_right",
        "wrong_retry",
        "missed_retry",
        "judged_by",
        "right_action",
        "right_category",
        "retry_outcome",
    ]
    learned = {r["decision_id"]: [r["action_right"], *(r[n] for n in same)] for r in rows_of(judged(*tables))}
    viewed = {r["decision_id"]: [r["judged_right"], *(r[n] for n in same)] for r in rows_of(muddle.read("v_decisions"))}
    assert viewed == learned
    assert len({tuple(row) for row in viewed.values()}) > 30


def test_the_view_reads_verdicts_as_learning_does(muddle: DeltaLedger) -> None:
    learned = {(r["decision_id"], r["given_by"]): r for r in rows_of(verdicts(muddle.read("feedback")))}
    viewed = {(r["decision_id"], r["given_by"]): r for r in rows_of(muddle.read("v_verdicts"))}
    assert {key: row["disagreement"] for key, row in learned.items()} == {
        k: r["verdicts_disagree"] for k, r in viewed.items()
    }
    for column in ("verdict", "correct_category", "correct_action", "people", "given_at"):
        assert {key: row[column] for key, row in learned.items()} == {key: row[column] for key, row in viewed.items()}
