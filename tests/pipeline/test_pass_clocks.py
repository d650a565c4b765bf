"""The workspace's clock and ours go apart."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from jobmedic.ports.clock import Clock
from jobmedic.sandbox import Ending, SchedulePlan
from jobmedic.sandbox.sandbox import JOBMEDIC_USER
from tests.pipeline.ward import Admit, Ward, cause, failing, job

RECOVERS = cause(ends=Ending(after_retries=1))


@dataclass(frozen=True)
class Apart:
    clock: Clock
    by: timedelta

    def now(self) -> datetime:
        return self.clock.now() + self.by

    def sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)


def apart(ward: Ward, minutes: float) -> Ward:
    """Our clock goes before the workspace's by so many minutes, or behind it."""
    ward.use(clock=Apart(ward.sandbox.clock, timedelta(minutes=minutes)))
    return ward


def test_a_run_that_starts_after_a_pass_is_seen_though_the_workspaces_clock_is_late(admit: Admit) -> None:
    ward = apart(admit(failing(job(schedule=SchedulePlan(every=65, runs=2)), why=RECOVERS)), 120)
    ward.treat()
    ward.minutes(15)
    ward.treat()
    assert [ward.repairs(ordinal=n) for n in (1, 2)] == [(JOBMEDIC_USER,)] * 2


def test_what_a_first_pass_left_out_as_too_old_stays_out(admit: Admit) -> None:
    ward = admit(failing(why=RECOVERS), seconds=26 * 3600)
    for _ in range(2):
        ward.treat()
        ward.minutes(5)
    assert (ward.rows("failures"), ward.repairs()) == ([], ())


def test_no_decision_comes_before_its_failure(admit: Admit) -> None:
    ward = apart(admit(failing(why=RECOVERS), seconds=300), -30)
    ward.treat()
    assert ward.row("decisions")["seconds_to_decide"] == 0
