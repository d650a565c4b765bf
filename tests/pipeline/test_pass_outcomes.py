"""What came of each action, and who is credited with it."""

import pytest

from jobmedic.knowledge.words import Category
from jobmedic.sandbox import Ending, PersonRepair, Scenario
from tests.pipeline.ward import NETWORK, SYNTAX, Admit, Ward, cause, failing, job

RECOVERS = cause(ends=Ending(after_retries=1))
OTHER = cause(
    id="other", error="[TABLE_OR_VIEW_NOT_FOUND] The table cannot be found.", category=Category.DATA_NOT_FOUND
)


def treated_twice(admit: Admit, story: Scenario, *, minutes: float = 30) -> Ward:
    ward = admit(story)
    ward.treat()
    ward.minutes(minutes)
    ward.treat()
    return ward


def first(ward: Ward, table: str = "outcomes") -> dict[str, object]:
    (decision,) = ward.rows("decisions", attempt=0)
    return ward.row(table, decision_id=decision["decision_id"])


def test_a_run_that_recovered_tells_how_long_it_took_and_what_it_cost(admit: Admit) -> None:
    ward = treated_twice(admit, failing(why=RECOVERS))
    outcome, told = ward.row("outcomes"), ward.sandbox.truth()[ward.run_id()]
    assert (outcome["outcome"], outcome["final_state"], outcome["attributed_to"]) == (
        "recovered",
        "SUCCESS",
        "jobmedic",
    )
    failed = ward.row("failures")
    assert outcome["compute_seconds_used"] == pytest.approx(told.compute_seconds - failed["run_seconds"] - 90, abs=1)
    assert outcome["cost_usd"] == pytest.approx(outcome["compute_seconds_used"] / 3600 * 3)
    assert 60 < outcome["seconds_to_recover"] / 60 < 90


def test_a_run_that_fails_the_same_way_is_told_from_one_that_fails_another_way(admit: Admit) -> None:
    same = treated_twice(admit, failing(why=NETWORK))
    assert first(same)["outcome"] == "failed_same"
    assert first(same)["fingerprint"] == same.rows("failures")[0]["fingerprint"]


def test_a_run_that_fails_another_way_says_which(admit: Admit) -> None:
    turns = cause(ends=Ending(after_retries=1, then="other"))
    story = failing(why=turns)
    ward = treated_twice(admit, story.model_copy(update={"causes": (turns, OTHER)}))
    assert first(ward)["outcome"] == "failed_other"
    (newest,) = [row for row in ward.rows("failures") if row["repairs"] == 1]
    assert first(ward)["fingerprint"] == newest["fingerprint"]


def test_a_retry_that_a_person_cancels_is_cancelled(admit: Admit) -> None:
    ward = admit(failing(why=RECOVERS))
    ward.treat()
    ward.minutes(3)
    ward.sandbox.world.cancel(ward.run_id())
    ward.treat()
    assert ward.row("outcomes")["outcome"] == "cancelled"


def test_what_still_runs_has_no_outcome_yet(admit: Admit) -> None:
    ward = treated_twice(admit, failing(why=RECOVERS), minutes=3)
    assert ward.rows("outcomes") == []


def test_a_person_who_mends_what_we_could_not_gets_the_credit(admit: Admit) -> None:
    ward = admit(failing(why=cause(ends=Ending(after_retries=2))))
    ward.treat()
    ward.minutes(15)
    ours = ward.sandbox.world.run(ward.run_id()).repairs[0].repair_id
    again = {"run_id": ward.run_id(), "rerun_tasks": ["load"], "latest_repair_id": ours}
    ward.sandbox.world.repair(again, by="bob@example.com")
    ward.minutes(30)
    ward.treat()
    outcome = ward.row("outcomes")
    assert (outcome["outcome"], outcome["final_state"]) == ("failed_same", "FAILED, mended later")
    assert ward.sandbox.truth()[ward.run_id()].recovered_by == "repair by bob@example.com"


def test_a_mailed_run_that_its_owner_mends_is_credited_to_the_owner(admit: Admit) -> None:
    owner = PersonRepair(job="nightly", run=1, after=70, by="ann@example.com")
    mended = SYNTAX.model_copy(update={"ends": Ending(after_retries=1)})
    ward = treated_twice(admit, failing(why=mended, repairs=(owner,)), minutes=60)
    assert (ward.row("outcomes")["outcome"], ward.row("outcomes")["attributed_to"]) == ("recovered", "other")


def test_a_run_that_is_purged_before_it_ends_stays_pending(admit: Admit) -> None:
    ward = admit(failing(why=RECOVERS))
    ward.treat()
    ward.sandbox.world.delete_run(ward.run_id())
    for _ in range(2):
        ward.treat()
    assert (ward.row("outcomes")["outcome"], ward.row("outcomes")["final_state"]) == ("pending", "purged")


def test_the_chance_of_the_next_retry_follows_what_the_last_ones_came_to(admit: Admit) -> None:
    jobs = [job(name=name, schedule=schedule) for name, schedule in (("nightly", job().schedule), ("later", None))]
    ward = admit(failing(*jobs, why=NETWORK))
    ward.treat()
    ward.minutes(20)
    ward.treat()
    chances = {row["attempt"]: row["retry_success_probability"] for row in ward.rows("decisions")}
    assert chances[1] < chances[0]
    assert "0 of 1 retries of this failure recovered" in ward.row("decisions", attempt=1)["reason"]


def test_retries_of_one_run_stop_at_the_policys_number(admit: Admit) -> None:
    ward = admit(failing(why=NETWORK))
    ward.rules(breaker={"failures": 99}, backoff={"seconds": 0})
    for _ in range(6):
        ward.treat()
        ward.minutes(20)
    assert len(ward.repairs()) == 3
    last = max(ward.rows("decisions"), key=lambda row: row["attempt"])
    assert (last["attempt"], last["gate"], last["action"]) == (3, "retries", "send_email")
