"""An action happens once, whoever else is at work and whenever a pass dies."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from jobmedic.ports.workspace import RepairRequest, RunStarter, WorkspaceError
from jobmedic.sandbox import Ending, Fault, MailFaults, PersonRepair, TaskPlan
from jobmedic.sandbox.sandbox import JOBMEDIC_USER
from tests.pipeline.ward import SYNTAX, Admit, Ward, cause, failing, job

RECOVERS = cause(ends=Ending(after_retries=1))


class Killed(BaseException):
    """What a pass meets in the middle of its work; nothing in it may catch this."""


class Dying:
    """A starter whose process dies before or after its first repair."""

    def __init__(self, starter: RunStarter, *, after: bool) -> None:
        self.starter, self.after = starter, after

    def repair(self, request: RepairRequest) -> int:
        if self.after:
            self.starter.repair(request)
        raise Killed

    def submit(self, payload: Mapping[str, Any], *, idempotency_token: str) -> int:
        if self.after:
            self.starter.submit(payload, idempotency_token=idempotency_token)
        raise Killed


def killed(ward: Ward, *, after: bool) -> None:
    starter = ward.ports.starter
    ward.use(starter=Dying(starter, after=after))
    with pytest.raises(Killed):
        ward.treat()
    ward.use(starter=starter)


def test_a_second_pass_does_nothing_again(admit: Admit) -> None:
    ward = admit(failing(why=RECOVERS))
    first, second = ward.treat(), ward.treat()
    assert (first.tally.actions, second.tally.actions) == ({"applied": 1}, {})
    assert ward.repairs() == (JOBMEDIC_USER,)
    assert ward.row("decisions")["status"] == "done"


def test_two_passes_at_once_repair_once(admit: Admit) -> None:
    ward = admit(failing(why=RECOVERS))
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda _: ward.treat(), range(2)))
    ward.treat()
    assert ward.repairs() == (JOBMEDIC_USER,)
    assert sum(report.tally.actions["applied"] for report in reports) == 1
    assert ward.row("decisions")["status"] == "done"


def test_a_pass_killed_before_the_call_is_made_good_by_the_next(admit: Admit) -> None:
    ward = admit(failing(why=RECOVERS))
    killed(ward, after=False)
    assert (ward.row("actions")["status"], ward.repairs()) == ("intended", ())
    ward.treat()
    assert (ward.row("actions")["status"], ward.repairs()) == ("applied", (JOBMEDIC_USER,))


def test_a_pass_killed_after_the_call_is_written_down_and_not_repeated(admit: Admit) -> None:
    ward = admit(failing(why=RECOVERS))
    killed(ward, after=True)
    ward.minutes(3)
    ward.treat()
    action = ward.row("actions")
    assert (action["status"], ward.repairs()) == ("applied", (JOBMEDIC_USER,))
    assert action["repair_id"] == ward.sandbox.world.run(ward.run_id()).repairs[0].repair_id


def test_a_claim_of_a_pass_that_still_lives_is_left_to_it(admit: Admit) -> None:
    ward = admit(failing(why=RECOVERS))
    killed(ward, after=False)
    other = {"decision_id": ward.row("actions")["decision_id"], "claimed_by": "p@ffffffff.1"}
    ward.ledger.merge("actions", ward.ledger.frame("actions", [other]).select("decision_id", "claimed_by"))
    ward.treat()
    assert ward.repairs() == ()
    ward.minutes(20)  # longer than a living pass can take
    ward.treat()
    assert ward.repairs() == (JOBMEDIC_USER,)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("runs/repair", drop=True, applied=True),
        Fault(
            "runs/repair", status=400, body={"error_code": "INVALID_STATE", "message": "run is active"}, applied=True
        ),
        Fault("runs/repair", status=504, applied=True),
    ],
    ids=["cut", "refused", "timed out"],
)
def test_a_repair_answered_with_an_error_that_happened_is_applied(admit: Admit, fault: Fault) -> None:
    ward = admit(failing(why=RECOVERS))
    ward.sandbox.workspace_faults.add(fault)
    ward.treat()
    ward.treat()
    assert (ward.row("actions")["status"], ward.repairs()) == ("applied", (JOBMEDIC_USER,))


def test_a_repair_that_did_not_happen_is_tried_again_by_the_next_pass(admit: Admit) -> None:
    ward = admit(failing(why=RECOVERS))
    ward.sandbox.workspace_faults.add(Fault("runs/repair", status=503, times=1))
    assert ward.treat().tally.actions == {"given_back": 1}
    assert ward.treat().tally.actions == {"applied": 1}
    assert ward.repairs() == (JOBMEDIC_USER,)


def test_a_refused_repair_is_failed_with_the_reason_and_not_tried_again(admit: Admit) -> None:
    ward = admit(failing(why=RECOVERS))
    refusal = {"error_code": "INVALID_PARAMETER_VALUE", "message": "no such task"}
    ward.sandbox.workspace_faults.add(Fault("runs/repair", status=400, body=refusal))
    ward.treat()
    ward.treat()
    action = ward.row("actions")
    assert (action["status"], ward.repairs()) == ("failed", ())
    assert "no such task" in action["error"]


def test_a_repair_by_a_person_between_decision_and_action_stands(admit: Admit) -> None:
    ward = admit(failing(why=RECOVERS))
    starter = ward.ports.starter
    ward.use(starter=Unreachable())
    ward.treat()
    ward.use(starter=starter)
    ward.minutes(10)
    ward.sandbox.world.repair({"run_id": ward.run_id(), "rerun_tasks": ["load"]}, by="bob@example.com")
    ward.minutes(30)
    ward.treat()
    assert ward.repairs() == ("bob@example.com",)


class Unreachable:
    def repair(self, request: RepairRequest) -> int:
        raise WorkspaceError("no answer", status=503)

    def submit(self, payload: Mapping[str, Any], *, idempotency_token: str) -> int:
        raise WorkspaceError("no answer", status=503)


def test_a_run_that_a_person_repairs_while_it_waits_is_superseded(admit: Admit) -> None:
    ward = admit(failing(why=RECOVERS), seconds=300)
    ward.rules(backoff={"first_seconds": 1800})
    ward.treat()
    assert ward.row("decisions")["status"] == "deferred"
    ward.minutes(25)
    ward.sandbox.world.repair({"run_id": ward.run_id(), "rerun_tasks": ["load"]}, by="bob@example.com")
    ward.minutes(8)
    ward.treat()
    assert ward.repairs() == ("bob@example.com",)
    assert ward.row("decisions")["status"] == "done"


def test_a_run_mended_by_a_person_needs_nothing_any_more(admit: Admit) -> None:
    story = failing(why=RECOVERS, repairs=(PersonRepair(job="nightly", run=1, after=5, by="bob@example.com"),))
    ward = admit(story, seconds=300)
    ward.rules(backoff={"first_seconds": 3600})
    ward.treat()
    ward.minutes(50)
    ward.treat()
    decision = ward.row("decisions")
    assert (decision["status"], decision["gate"]) == ("done", "settled")
    assert (ward.rows("actions"), ward.repairs()) == ([], ("bob@example.com",))


def test_one_token_never_starts_two_one_time_runs(admit: Admit) -> None:
    overrun = cause(result_state="TIMEDOUT", termination_code="CANCELED", error=None)
    ward = admit(failing(job(TaskPlan(key="load", minutes=10, timeout_minutes=3)), why=overrun))
    killed(ward, after=True)
    ward.treat()
    action = ward.row("actions")
    assert (action["status"], action["repair_id"]) == ("applied", None)
    assert ward.sandbox.truth()[ward.run_id()].submits == (action["new_run_id"],)


class Forgetful:
    """Sends, and dies before anybody hears of it."""

    def __init__(self, mailer: Any) -> None:
        self.mailer = mailer

    def send(self, mail: Any) -> None:
        self.mailer.send(mail)
        raise Killed


def test_a_mail_sent_again_after_a_crash_has_the_same_message_id(admit: Admit) -> None:
    ward = admit(failing(why=SYNTAX))
    mailer = ward.ports.mailer
    ward.use(mailer=Forgetful(mailer))
    with pytest.raises(Killed):
        ward.treat()
    ward.use(mailer=mailer)
    ward.treat()
    ward.treat()
    ids = [mail.message_id for mail in ward.sandbox.mails]
    assert len(ids) == 2
    assert set(ids) == {ward.row("actions")["message_id"]}


def test_a_mail_that_did_not_go_out_goes_out_with_the_next_pass(admit: Admit) -> None:
    ward = admit(failing(why=SYNTAX))
    ward.sandbox.mailbox.plan(MailFaults(temporary=1))
    ward.treat()
    assert ward.row("actions")["status"] == "intended"
    ward.treat()
    ward.treat()
    assert (ward.row("actions")["status"], len(ward.sandbox.mails)) == ("applied", 1)
