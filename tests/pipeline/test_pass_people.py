"""What people say of a decision changes the next one, and can be taken back."""

from datetime import timedelta
from typing import Any

from jobmedic.sandbox import Failure, Scenario, SchedulePlan
from tests.pipeline.ward import NETWORK, Admit, Ward, cause, failing, job

HOURLY = SchedulePlan(first=0, every=60, runs=4)


def says(ward: Ward, verdict: str, *, of: str | None = None, **more: Any) -> None:
    """Of the first decision, unless told otherwise."""
    first = min(ward.rows("decisions", attempt=0), key=lambda row: row["failed_at"])
    row = {
        "decision_id": of or first["decision_id"],
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


def test_a_rule_that_people_find_wrong_is_less_sure_of_what_it_diagnosed_before(admit: Admit) -> None:
    other = cause(id="other", error="java.net.ConnectException: Connection refused: lake.example.com")
    jobs = (job(schedule=HOURLY), job(name="daily", schedule=HOURLY))
    failures = tuple(Failure(job=one.name, cause=why.id) for one, why in zip(jobs, (NETWORK, other), strict=True))
    ward = admit(Scenario(name="two", causes=(NETWORK, other), jobs=jobs, failures=failures), seconds=600)
    ward.rules(breaker={"failures": 99})
    for _ in range(3):
        ward.treat()
        ward.minutes(60)
    judged = [row["decision_id"] for row in ward.rows("decisions", job_name="nightly")]
    for decision_id in judged:
        says(ward, "wrong", of=decision_id, correct_category="configuration", correct_action="send_email")
    ward.treat()
    unsure = max(ward.rows("decisions", job_name="daily", attempt=0), key=lambda row: row["failed_at"])
    assert (unsure["action"], unsure["gate"], unsure["rule"]) == ("send_email", "confidence", "refused")
    ward.minutes(1)
    for decision_id in judged:
        says(ward, "withdrawn", of=decision_id)
    ward.treat()
    assert {round(row["confidence"], 6) for row in ward.rows("diagnoses")} == {0.92}
