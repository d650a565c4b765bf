"""One letter is sent once, also by two passes that are at work at the same time, and by one that dies."""

from collections.abc import Callable
from typing import Any

import pytest

from jobmedic.ports.notices import Mail, Mailer
from jobmedic.sandbox import MailFaults, SchedulePlan
from tests.pipeline.ward import ON_CALL, OWNER, STRANGE, SYNTAX, Admit, Ward, failing, job

TWICE = job(schedule=SchedulePlan(every=62, runs=2))


class Killed(BaseException):
    """What a pass meets in the middle of its work; nothing in it may catch this."""


class Meanwhile:
    """A mail server's answer takes so long that something else happens before it."""

    def __init__(self, mailer: Mailer, happens: Callable[[], Any]) -> None:
        self.mailer, self.happens, self.sent = mailer, happens, 0

    def send(self, mail: Mail) -> None:
        self.sent += 1
        if self.sent == 1:
            self.happens()
        self.mailer.send(mail)


def another_pass(ward: Ward, *, minutes: float = 0) -> None:
    """Makes a second pass while the first sends its first letter."""
    mailer = ward.ports.mailer
    assert mailer is not None

    def happens() -> None:
        ward.use(mailer=mailer)
        ward.minutes(minutes)
        ward.treat()

    ward.use(mailer=Meanwhile(mailer, happens))


def recipients(ward: Ward) -> list[str]:
    return [to for mail in ward.sandbox.mails for to in mail.recipients]


def test_an_owner_gets_one_letter_though_two_passes_hold_failures_that_it_covers(admit: Admit) -> None:
    ward = admit(failing(TWICE, why=SYNTAX))
    another_pass(ward, minutes=10)
    ward.treat()
    assert recipients(ward) == [OWNER]
    ward.treat()
    assert recipients(ward) == [OWNER]
    assert [row["status"] for row in ward.rows("actions")] == ["applied", "applied"]
    assert {row["status"] for row in ward.rows("passes")} == {"ok"}


def test_the_on_call_is_told_once_by_two_passes_at_once(admit: Admit) -> None:
    ward = admit(failing(why=STRANGE))
    another_pass(ward)
    ward.treat()
    ward.treat()
    assert (recipients(ward), len(ward.sandbox.incidents)) == ([ON_CALL], 1)
    assert ward.row("actions")["status"] == "applied"
    assert ward.row("incidents")["notified_at"] is not None


def test_a_letter_that_went_out_before_the_pass_died_is_not_sent_again(admit: Admit) -> None:
    ward = admit(failing(job(name="a"), job(name="b", owner="bob@example.com"), why=SYNTAX))
    mailer = ward.ports.mailer
    assert mailer is not None

    def dies_at_the_second(mail: Mail) -> None:
        if ward.sandbox.mails:
            raise Killed
        mailer.send(mail)

    ward.use(mailer=type("Mailer", (), {"send": staticmethod(dies_at_the_second)})())
    with pytest.raises(Killed):
        ward.treat()
    ward.use(mailer=mailer)
    ward.treat()
    assert sorted(recipients(ward)) == [OWNER, "bob@example.com"]
    assert [row["status"] for row in ward.rows("actions")] == ["applied", "applied"]


def test_a_letter_of_a_pass_that_may_live_elsewhere_waits_for_it(admit: Admit) -> None:
    ward = admit(failing(why=SYNTAX))
    ward.sandbox.mailbox.plan(MailFaults(temporary=1))
    ward.treat()
    (letter,) = ward.rows("letters")
    held = {"letter_id": letter["letter_id"], "claimed_by": "p@ffffffff.1"}
    ward.ledger.merge("letters", ward.ledger.frame("letters", [held]).select("letter_id", "claimed_by"))
    ward.treat()
    assert recipients(ward) == []
    ward.minutes(20)  # longer than a living pass can take
    ward.treat()
    assert recipients(ward) == [OWNER]


def test_an_incident_that_is_opened_anew_is_a_new_letter(admit: Admit) -> None:
    ward = admit(failing(job(schedule=SchedulePlan(every=60 * 26, runs=2)), why=STRANGE))
    ward.treat()
    ward.minutes(25 * 60)
    ward.treat()
    assert ward.row("incidents")["status"] == "resolved"
    ward.minutes(2 * 60)
    ward.treat()
    ids = [mail.message_id for mail in ward.sandbox.mails]
    assert (len(ids), len(set(ids))) == (2, 2)
