"""What `learn` logs, what the scores table holds and what the views show are the same figures."""

import random
from datetime import timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.frames import rows_of
from jobmedic.edges.spark import Features
from jobmedic.knowledge.catalogue import Catalogue
from jobmedic.knowledge.policy import Policy
from jobmedic.pipeline.learn.daily import Known, learn
from jobmedic.pipeline.learn.printed import LearnReport
from tests.pipeline.tuning_ground import NotedTracker
from tests.table_rows import DAY, applied, decision, outcome, verdict

Learnt = tuple[DeltaLedger, LearnReport, dict[str, Any]]


def messy_day(ledger: DeltaLedger) -> None:
    """A seeded mix of everything that can be said of a decision."""
    dice = random.Random(11)
    tables: dict[str, list[dict[str, Any]]] = {"decisions": [], "actions": [], "outcomes": [], "feedback": []}
    for n in range(120):
        name, action = f"d{n:03}", dice.choice(["retry", "retry", "send_email", "escalate"])
        category = dice.choice(["network", "quota", "permission"])
        at = DAY + timedelta(minutes=10 * n)
        tables["decisions"].append(decision(name, action=action, category=category, decided_at=at))
        if dice.random() < 0.9:
            status = dice.choice(["applied", "applied", "applied", "refused"])
            tables["actions"].append(applied(name, action=action, status=status))
        if dice.random() < 0.8:
            end = dice.choice(["recovered", "failed_same", "failed_other", "cancelled", "pending"])
            tables["outcomes"].append(outcome(name, end, attributed_to=dice.choice(["jobmedic", "jobmedic", "other"])))
        for person in ("ann", "bob"):
            if dice.random() < 0.3:
                said = dice.choice(["correct", "wrong", "withdrawn"])
                right = {"correct_category": "timeout", "correct_action": dice.choice([None, "retry", "send_email"])}
                tables["feedback"].append(verdict(name, person, said, **(right if said == "wrong" else {})))
    for table, rows in tables.items():
        ledger.append(table, ledger.frame(table, rows))
    used = {"pass_id": "p1", "started_at": DAY, "model_calls": 3, "tokens_in": 800, "tokens_out": 90, "cost_usd": 0.02}
    ledger.append("passes", ledger.frame("passes", [used]))


@pytest.fixture(scope="module")
def learnt(spark: SparkSession, features: Features, tmp_path_factory: pytest.TempPathFactory) -> Learnt:
    folder = tmp_path_factory.mktemp("views")
    ledger, tracker = DeltaLedger(spark, folder / "tables", features), NotedTracker()
    messy_day(ledger)
    known = Known(Policy.load(), Catalogue.load(), prompt_version="1+abc")
    report = learn(ledger, tracker, known, now=DAY + timedelta(days=1), folder=folder / "pictures")
    return ledger, report, next(iter(tracker.runs.values()))


def test_accuracy_is_the_same_in_the_view_the_table_and_the_tracker(learnt: Learnt) -> None:
    ledger, report, logged = learnt
    seen = rows_of(ledger.read("v_accuracy"))
    judged, right = sum(r["judged"] for r in seen), sum(r["right_decisions"] for r in seen)
    assert judged > 20
    assert (logged["accuracy"], report.figures["accuracy"].n) == (pytest.approx(right / judged), judged)
    categories = sum(r["category_right"] for r in seen) / sum(r["category_judged"] for r in seen)
    assert logged["category_accuracy"] == pytest.approx(categories)


@pytest.mark.parametrize("dimension", ["category", "action"])
def test_accuracy_by_member_is_the_same_too(learnt: Learnt, dimension: str) -> None:
    ledger, _, logged = learnt
    seen = rows_of(ledger.read("v_accuracy"))
    for member in {r[dimension] for r in seen}:
        judged = sum(r["judged"] for r in seen if r[dimension] == member)
        right = sum(r["right_decisions"] for r in seen if r[dimension] == member)
        assert logged[f"accuracy.{dimension}.{member}"] == pytest.approx(right / judged)


def test_wrong_and_missed_retries_and_disputes_are_counted_alike(learnt: Learnt) -> None:
    ledger, report, _ = learnt
    seen = rows_of(ledger.read("v_accuracy"))
    for metric, column in (("wrong_retry_rate", "wrong_retries"), ("missed_retry_rate", "missed_retries")):
        figure = report.figures[metric]
        assert round((figure.value or 0.0) * figure.n) == sum(r[column] for r in seen) > 0
    assert report.figures["disputed"].value == sum(r["disputed"] for r in seen) > 0


def test_retries_money_and_model_use_are_the_same(learnt: Learnt) -> None:
    ledger, report, logged = learnt
    money = rows_of(ledger.read("v_costs"))
    for metric, column in (("saved_usd", "saved_usd"), ("wasted_usd", "wasted_usd"), ("model_cost_usd", "model_usd")):
        assert logged[metric] == pytest.approx(sum(r[column] for r in money))
    assert (logged["retries"], logged["model_calls"]) == (sum(r["retries"] for r in money), 3)
    success = rows_of(ledger.read("v_retry_success"))
    ended = sum(r["ended"] for r in success)
    assert report.figures["retry_success_rate"].n == ended
    assert logged["retry_success_rate"] == pytest.approx(sum(r["recovered"] for r in success) / ended)
