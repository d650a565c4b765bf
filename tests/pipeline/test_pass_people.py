"""What people say of a decision changes the next one, and can be taken back."""

from datetime import timedelta
from typing import Any

from jobmedic.sandbox import SchedulePlan
from tests.pipeline.ward import NETWORK, Admit, Ward, failing, job

HOURLY = SchedulePlan(first=0, every=60, runs=4)


def says(ward: Ward, verdict: str, **more: Any) -> None:
    decision = min(ward.rows("decisions", attempt=0), key=lambda row: row["failed_at"])
    row = {
        "decision_id": decision["decision_id"],
        "verdict": verdict,
        "given_by": "ann@example.com",
        "given_at": ward.sandbox.clock.now() + timedelta(seconds=1),
        **more,
    }
    ward.ledger.append("feedback", ward.ledger.frame("feedback", [row]))


def newest(ward: Ward) -> dict[str, Any]:
    return max(ward.rows("decisions", attempt=0), key=lambda row: row["failed_at"])


def night(admit: Admit) -> Ward:
    ward = admit(failing(job(schedule=HOURLY), why=NETWORK), seconds=600)
    ward.treat()
    return ward


def an_hour_later(ward: Ward) -> dict[str, Any]:
    ward.minutes(60)
    ward.treat()
    return newest(ward)


def test_a_verdict_with_the_right_category_and_action_decides_the_next_one(admit: Admit) -> None:
    ward = night(admit)
    assert newest(ward)["action"] == "retry"
    says(ward, "wrong", correct_category="configuration", correct_action="send_email")
    decision = an_hour_later(ward)
    assert (decision["category"], decision["action"], decision["source"]) == ("configuration", "send_email", "human")
    assert ward.row("diagnoses")["source"] == "human"


def test_a_verdict_that_is_taken_back_counts_no_more(admit: Admit) -> None:
    ward = night(admit)
    says(ward, "wrong", correct_category="configuration", correct_action="send_email")
    an_hour_later(ward)
    says(ward, "withdrawn")
    decision = an_hour_later(ward)
    assert (decision["category"], decision["source"], decision["rule"]) == ("network", "rule", "refused")


def test_a_person_does_not_open_what_the_job_forbids(admit: Admit) -> None:
    ward = admit(failing(job(schedule=HOURLY, tags={}), why=NETWORK), seconds=600)
    ward.treat()
    says(ward, "wrong", correct_action="retry")
    decision = an_hour_later(ward)
    assert (decision["action"], decision["gate"], ward.repairs()) == ("send_email", "safety", ())
