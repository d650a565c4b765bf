"""Shadow mode decides and records and touches nothing; what it recorded can be acted on later."""

from datetime import timedelta

from jobmedic.knowledge.words import Mode
from jobmedic.sandbox import Ending, Failure, Scenario, SchedulePlan
from jobmedic.sandbox.sandbox import JOBMEDIC_USER
from tests.pipeline.ward import NETWORK, STRANGE, SYNTAX, Admit, cause, failing, job

RECOVERS = cause(ends=Ending(after_retries=1))
THREE = Scenario(
    name="three",
    causes=(RECOVERS, SYNTAX, STRANGE),
    jobs=tuple(job(name=name) for name in ("network", "syntax", "strange")),
    failures=tuple(Failure(job=name, cause=name) for name in ("network", "syntax", "strange")),
)


def test_shadow_touches_nothing_and_says_what_it_would_have_done(admit: Admit) -> None:
    ward = admit(THREE)
    ward.treat(Mode.SHADOW)
    posts = {name for name in ward.sandbox.workspace.calls if name.startswith("POST")}
    assert (posts, list(ward.sandbox.mails), list(ward.sandbox.incidents)) == (set(), [], [])
    assert {row["action"] for row in ward.rows("decisions")} == {"retry", "send_email", "escalate"}
    assert ward.rows("actions") == []


def test_what_shadow_recorded_is_acted_on_once(admit: Admit) -> None:
    ward = admit(THREE)
    ward.treat(Mode.SHADOW)
    ward.treat()
    ward.treat()
    assert ward.repairs("network") == (JOBMEDIC_USER,)
    assert {row["status"] for row in ward.rows("actions")} == {"applied"}
    assert len(ward.rows("decisions")) == len(ward.rows("actions")) == 3


def test_what_shadow_recorded_long_ago_is_left_alone(admit: Admit) -> None:
    ward = admit(failing(why=RECOVERS))
    ward.treat(Mode.SHADOW)
    ward.minutes(180)
    ward.treat(since=timedelta(hours=2))
    assert (ward.repairs(), ward.row("decisions")["status"]) == ((), "shadow")


def test_a_job_in_shadow_is_recorded_only(admit: Admit) -> None:
    ward = admit(failing(job(tags={"jobmedic_idempotent": "true", "jobmedic_mode": "Shadow "}), why=RECOVERS))
    ward.treat()
    assert (ward.repairs(), ward.row("decisions")["status"]) == ((), "shadow")


def test_a_job_that_was_switched_off_since_the_decision_is_left_alone(admit: Admit) -> None:
    ward = admit(failing(why=RECOVERS), seconds=300)
    ward.rules(backoff={"first_seconds": 1200})
    ward.treat()
    job_id = ward.sandbox.stage.job_ids["nightly"]
    ward.sandbox.world.update_job(job_id, {"tags": {"jobmedic_idempotent": "true", "jobmedic_mode": "off"}})
    ward.minutes(30)
    ward.treat()
    assert (ward.repairs(), ward.rows("actions")) == ((), [])
    assert (ward.row("decisions")["status"], ward.row("decisions")["gate"]) == ("shadow", "off")


def test_jobmedics_own_job_is_never_treated(admit: Admit) -> None:
    ward = admit(failing(why=RECOVERS))
    ward.treat(own_job_ids=(ward.sandbox.stage.job_ids["nightly"],))
    assert (ward.repairs(), ward.row("decisions")["gate"]) == ((), "own_job")


def test_runs_left_alone_do_not_make_a_storm_by_being_looked_at_again(admit: Admit) -> None:
    every = SchedulePlan(first=48, every=1, runs=3)
    ward = admit(failing(job(schedule=every, tags={"jobmedic_mode": "off"}), why=NETWORK))
    for _ in range(2):
        ward.treat()
    assert {row["storm_role"] for row in ward.rows("decisions")} == {None}
    assert ward.rows("incidents") == []


def test_one_run_can_be_treated_alone(admit: Admit) -> None:
    ward = admit(THREE)
    report = ward.treat(run_id=ward.run_id("network"))
    assert (ward.repairs("network"), len(ward.rows("decisions"))) == ((JOBMEDIC_USER,), 1)
    assert ward.row("passes")["watermark"] is None
    assert report.tally.actions == {"applied": 1}
    ward.treat()
    assert len(ward.rows("decisions")) == 3
