import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from jobmedic.edges.clock import SystemClock

if TYPE_CHECKING:
    from jobmedic.ports.clock import Clock


def test_now_is_aware_and_utc() -> None:
    clock: Clock = SystemClock()
    now = clock.now()
    assert now.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - now) < timedelta(seconds=5)


def test_sleeping_for_less_than_nothing_is_no_error() -> None:
    began = time.monotonic()
    SystemClock().sleep(-5)
    assert time.monotonic() - began < 1
