"""Many runs with one cause: one incident, one canary; breakers, the budget, backoff."""

from typing import Any

from jobmedic.sandbox import Ending, Scenario, SchedulePlan, TaskPlan
from jobmedic.sandbox.sandbox import JOBMEDIC_USER
from tests.pipeline.ward import NETWORK, SAFE, Admit, Ward, cause, failing, job

RECOVERS = cause(ends=Ending(after_retries=1))


def storm(why: Any = RECOVERS, **fields: Any) -> Scenario:
    """Six jobs that fail within the same minutes."""
    tasks = fields.pop("tasks", ())
    jobs = [job(*tasks, name=f"job{n}", schedule=SchedulePlan(first=40 + n), **fields) for n in range(6)]
    return failing(*jobs, why=why)


def repaired(ward: Ward) -> int:
    return sum(bool(told.repairs) for told in ward.sandbox.truth().values())


def statuses(ward: Ward) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in ward.rows("decisions", attempt=0):
        found[row["status"]] = found.get(row["status"], 0) + 1
    return found


def test_a_storm_is_one_incident_and_one_canary(admit: Admit) -> None:
    ward = admit(storm())
    ward.treat()
    assert (repaired(ward), statuses(ward)) == (1, {"done": 1, "held": 5})
    assert [row["runs"] for row in ward.rows("incidents")] == [6]
    assert len(ward.sandbox.incidents) == 1
    assert [mail.recipients for mail in ward.sandbox.mails] == [("oncall@example.com",)]


def test_the_others_are_released_when_the_canary_recovers(admit: Admit) -> None:
    ward = admit(storm())
    ward.treat()
    ward.minutes(20)
    ward.treat()
    ward.minutes(20)
    ward.treat()
    assert (repaired(ward), statuses(ward)) == (6, {"done": 6})
    assert ward.row("incidents")["status"] == "resolved"
    assert len(ward.sandbox.incidents) == 1


def test_the_others_are_not_retried_when_the_canary_fails(admit: Admit) -> None:
    ward = admit(storm(NETWORK))
    ward.treat()
    ward.minutes(20)
    ward.treat()
    assert repaired(ward) == 1
    others = [row for row in ward.rows("decisions", attempt=0) if row["storm_role"] != "canary"]
    assert {(row["action"], row["gate"]) for row in others} == {("send_email", "storm")}
    assert sum("oncall@example.com" not in mail.recipients for mail in ward.sandbox.mails) == 1


def test_a_canary_that_takes_hours_is_waited_for(admit: Admit) -> None:
    early = cause(fails_after=0.02, ends=Ending(after_retries=1))
    ward = admit(storm(early, tasks=(TaskPlan(key="load", minutes=200),)))
    for _ in range(3):
        ward.treat()
        ward.minutes(50)
    assert (repaired(ward), statuses(ward)) == (1, {"done": 1, "held": 5})
    ward.minutes(80)
    ward.treat()
    assert repaired(ward) == 6


def test_a_canary_that_may_not_run_again_makes_room_for_another(admit: Admit) -> None:
    ward = admit(storm())
    ward.rules(backoff={"first_seconds": 1800})
    ward.treat()
    canary = ward.row("decisions", storm_role="canary")
    ward.sandbox.world.update_job(canary["job_id"], {"tags": {"jobmedic_idempotent": "false"}})
    ward.minutes(20)
    ward.treat()
    assert (repaired(ward), ward.row("actions")["action"]) == (0, "send_email")
    ward.treat()
    assert repaired(ward) == 1


def test_a_job_that_is_switched_off_is_no_canary(admit: Admit) -> None:
    story = storm()
    first = story.jobs[0].model_copy(update={"tags": {**SAFE, "jobmedic_mode": "off"}})
    ward = admit(story.model_copy(update={"jobs": (first, *story.jobs[1:])}))
    ward.treat()
    assert ward.row("decisions", storm_role="canary")["job_name"] == "job1"
    assert ward.row("decisions", job_name="job0")["storm_role"] is None


def test_a_second_storm_after_the_first_is_told_again(admit: Admit) -> None:
    later = [job(name=f"late{n}", schedule=SchedulePlan(first=200 + n)) for n in range(6)]
    story = storm()
    more = failing(*story.jobs, *later, why=RECOVERS)
    ward = admit(more)
    for minutes in (20, 20, 160, 0):
        ward.treat()
        ward.minutes(minutes)
    assert len(ward.sandbox.incidents) == 2
    assert sorted(row["status"] for row in ward.rows("incidents")) == ["open", "resolved"]


def test_the_retry_budget_of_the_workspace_defers_what_is_above_it(admit: Admit) -> None:
    ward = admit(storm())
    ward.rules(budget={"retries_share": 0.0, "retries_minimum": 2, "window_hours": 1}, storm={"runs": 99})
    ward.treat()
    assert (repaired(ward), statuses(ward)) == (2, {"done": 2, "deferred": 4})
    assert {row["gate"] for row in ward.rows("decisions", status="deferred")} == {"budget"}
    ward.minutes(61)
    ward.treat()
    assert repaired(ward) == 4


def test_a_retry_waits_for_its_backoff_and_a_later_pass_applies_it(admit: Admit) -> None:
    ward = admit(failing(why=RECOVERS), seconds=300)
    ward.rules(backoff={"first_seconds": 1800})
    ward.treat()
    deferred = ward.row("decisions")
    assert (deferred["status"], deferred["gate"], ward.repairs()) == ("deferred", "backoff", ())
    assert (deferred["not_before"] - deferred["failed_at"]).total_seconds() == 1800
    ward.minutes(10)
    ward.treat()
    assert ward.repairs() == ()
    ward.minutes(30)
    ward.treat()
    assert ward.repairs() == (JOBMEDIC_USER,)


def test_a_failure_whose_retries_keep_failing_is_left_alone_until_one_probe(admit: Admit) -> None:
    nightly = SchedulePlan(first=0, every=60, runs=8)
    ward = admit(failing(job(schedule=nightly), why=NETWORK), seconds=600)
    ward.rules(breaker={"failures": 2, "cooldown_minutes": 180}, retries={"max": 1})
    opened_at = None
    for n in range(8):
        ward.treat()
        ward.minutes(30)
        ward.treat()
        ward.minutes(30)
        newest = max(ward.rows("decisions", attempt=0), key=lambda row: row["failed_at"])
        if newest["gate"] == "breaker" and opened_at is None:
            opened_at = n
    gates = [row["gate"] for row in sorted(ward.rows("decisions", attempt=0), key=lambda row: row["failed_at"])]
    assert opened_at == 2
    assert gates[:2] == [None, None]
    assert gates[2] == "breaker"
    assert None in gates[3:]  # the probe after the cool-down
