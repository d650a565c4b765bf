"""Passes that die at one write of the ledger after another; what they leave behind, the next ones make good."""

from dataclasses import dataclass
from typing import Any

import pytest

from jobmedic.ports.ledger import Ledger
from jobmedic.sandbox import Ending, Failure, Scenario, SchedulePlan
from jobmedic.sandbox.sandbox import JOBMEDIC_USER
from tests.pipeline.ward import ON_CALL, STRANGE, SYNTAX, Admit, Ward, cause, job

RECOVERS = cause(ends=Ending(after_retries=1))
WORDS = ("amber", "birch", "cedar", "delta", "ember", "flint", "grove", "heron", "ivory")


@dataclass(frozen=True)
class Death:
    table: str
    write: int = 1
    committed: bool = True


DEATHS = (
    Death("failures", committed=False),
    Death("failures"),
    Death("diagnoses"),
    Death("decisions"),
    Death("incidents"),
    Death("actions"),
    Death("letters"),
    Death("letters", 2, committed=False),
    Death("actions", 2, committed=False),
)


class Killed(BaseException):
    """What a pass meets in the middle of its work; nothing in it may catch this."""


class Dying:
    """A ledger whose process dies at its n-th write of a table, before or after the commit."""

    def __init__(self, ledger: Ledger, death: Death) -> None:
        self._ledger, self._death, self._left = ledger, death, death.write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def merge(self, table: str, *args: Any, **kwargs: Any) -> None:
        self._left -= table == self._death.table
        if self._left == 0 and not self._death.committed:
            raise Killed
        self._ledger.merge(table, *args, **kwargs)
        if self._left == 0:
            raise Killed


def killed(ward: Ward, death: Death) -> None:
    ledger = ward.ports.ledger
    ward.use(ledger=Dying(ledger, death))
    with pytest.raises(Killed):
        ward.treat()
    ward.use(ledger=ledger)


def night() -> Scenario:
    """Every five minutes, so within one hour, a run fails that recovers, one that its owner has to mend, and one that nobody knows."""
    every = SchedulePlan(every=5, runs=len(DEATHS))
    jobs = [job(name=name, schedule=every) for name in ("recovers", "syntax")]
    strange = [
        job(name=f"strange{n}", owner=f"{word}@example.com", schedule=SchedulePlan(first=5 * n))
        for n, word in enumerate(WORDS)
    ]
    causes = [
        STRANGE.model_copy(update={"id": word, "error": f"the {word} sulks: frobnicator of the wobble gateway"})
        for word in WORDS
    ]
    failures = [Failure(job="recovers", cause="network"), Failure(job="syntax", cause="syntax")]
    failures += [Failure(job=f"strange{n}", cause=word) for n, word in enumerate(WORDS)]
    return Scenario(name="night", jobs=(*jobs, *strange), causes=(RECOVERS, SYNTAX, *causes), failures=tuple(failures))


def test_no_deed_is_lost_or_done_twice_at_whichever_write_a_pass_dies(admit: Admit) -> None:
    ward = admit(night(), seconds=300)
    ward.rules(storm={"runs": 99}, budget={"retries_minimum": 99})
    for death in DEATHS:
        killed(ward, death)
        ward.minutes(5)
    for _ in range(3):
        ward.treat()
    truth = ward.sandbox.truth()
    repairs = [truth[ward.run_id("recovers", n)].repairs for n in range(1, len(DEATHS) + 1)]
    assert repairs == [(JOBMEDIC_USER,)] * len(DEATHS)
    told = {mail.message_id for mail in ward.sandbox.mails if ON_CALL in mail.recipients}
    assert len(told) == len(WORDS)
    assert {row["status"] for row in ward.rows("incidents")} == {"open"}
    assert {row["status"] for row in ward.rows("actions")} == {"applied"}
    assert {row["status"] for row in ward.rows("decisions")} == {"done"}
    assert len(ward.rows("decisions")) == 3 * len(DEATHS)
