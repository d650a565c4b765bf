"""How long the SDK may go on repeating a call, and which calls it may not repeat at all.

The SDK's retry loop (databricks/sdk/retries.py, `retried`) repeats every call, POSTs included, after 429, 503,
time-outs and broken connections, and offers no switch. But before each repetition it sleeps on the `Clock` that its
`Config` was given, while the error is being handled. So a clock whose `sleep` raises ends the loop exactly there:
before anything is sent a second time.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from databricks.sdk.clock import Clock as SdkClock
from databricks.sdk.errors.base import DatabricksError

# A host that does not answer at all is given up long before one that answers 429: nobody waits minutes for a typo.
UNREACHABLE_SECONDS = 20.0


class GaveUp(Exception):  # noqa: N818 - not a fault of its own: `cause` is
    """Ends the SDK's retry loop; `cause` is what the last attempt met."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


@dataclass(slots=True)
class _Call:
    """State of the call that one thread is making."""

    once: bool
    started: float
    unreachable_since: float | None = None


@dataclass(slots=True)
class Patience(SdkClock):
    """The clock that the SDK's client is built with. Safe for many threads: each has its own call."""

    budget_seconds: float
    unreachable_seconds: float = UNREACHABLE_SECONDS
    _local: threading.local = field(default_factory=threading.local)

    @contextmanager
    def call(self, *, once: bool = False) -> Iterator[None]:
        """With `once`, nothing inside is ever sent a second time by the SDK."""
        self._local.call = _Call(once=once, started=self.time())
        try:
            yield
        finally:
            self._local.call = None

    def time(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        error = sys.exc_info()[1]
        call: _Call | None = getattr(self._local, "call", None)
        if call is not None and error is not None:
            self._judge(call, error, seconds)
        time.sleep(seconds)

    def _judge(self, call: _Call, error: BaseException, seconds: float) -> None:
        # A Retry-After beyond the budget would be slept through whole before the SDK looks at its deadline.
        if call.once or self.time() + seconds - call.started > self.budget_seconds:
            raise GaveUp(error) from error
        if isinstance(error, DatabricksError):
            call.unreachable_since = None  # the server answered
            return
        if call.unreachable_since is None:
            call.unreachable_since = self.time()
        if self.time() + seconds - call.unreachable_since > self.unreachable_seconds:
            raise GaveUp(error) from error
