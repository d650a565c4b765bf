"""The sandbox's time: moved by hand, or following real time at a chosen rate."""

import threading
import time
from datetime import UTC, datetime


class SandboxClock:
    """Has the shape of jobmedic's own clock, so that a pass can be run on the sandbox's time."""

    def __init__(self, start: datetime, *, rate: float = 0.0) -> None:
        """`rate` is simulated seconds a real second; 0 stands still until it is advanced."""
        self._lock = threading.Lock()
        self._base = start.timestamp()
        self._rate = rate
        self._since = time.monotonic()

    def seconds(self) -> float:
        """Seconds since 1970, UTC."""
        with self._lock:
            return self._base + self._rate * (time.monotonic() - self._since)

    def milliseconds(self) -> int:
        return int(self.seconds() * 1000)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds(), UTC)

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._base += seconds

    def follow(self, rate: float) -> None:
        """Goes on from now at another rate."""
        now = self.seconds()
        with self._lock:
            self._base, self._since, self._rate = now, time.monotonic(), rate

    def sleep(self, seconds: float) -> None:
        """A clock that stands still is advanced; a running one is waited for."""
        if self._rate == 0:
            self.advance(seconds)
        else:
            time.sleep(seconds / self._rate)
