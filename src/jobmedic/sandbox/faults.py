"""Bad days on purpose: what an endpoint does instead of its work, or after it."""

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobmedic.sandbox.web import App, Reply, Request


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to the next `times` requests whose path matches.

    `applied` lets the call take effect before the fault shows, as when an answer is lost on its way back.
    """

    path: str = ""
    """A regular expression that is searched in the path."""
    times: int | None = 1
    """None is every time."""
    skip: int = 0
    """Matching requests that are spared first."""
    method: str | None = None
    status: int | None = None
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Real seconds before the answer."""
    drop: bool = False
    applied: bool = False
    then: Callable[[Request], None] | None = None
    """Done after the answer is ready: deletes a run between two calls, say."""


def throttled(path: str = "", *, times: int | None = 1, retry_after: int = 1, status: int = 429) -> Fault:
    code = "REQUEST_LIMIT_EXCEEDED" if status == 429 else "TEMPORARILY_UNAVAILABLE"  # noqa: PLR2004
    body = {"error_code": code, "message": "Too many requests; slow down."}
    return Fault(path, times=times, status=status, body=body, headers={"Retry-After": str(retry_after)})


class Faults:
    """The faults of one endpoint, in the order in which they were added; the first that matches strikes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[tuple[Fault, list[int]]] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append((fault, [0]))

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def wrap(self, app: App) -> App:
        def with_faults(request: Request) -> Reply:
            fault = self._next(request)
            return app(request) if fault is None else _struck(fault, app, request)

        return with_faults

    def _next(self, request: Request) -> Fault | None:
        with self._lock:
            for fault, met in self._faults:
                if not re.search(fault.path, request.path) or fault.method not in {None, request.method}:
                    continue
                met[0] += 1
                if met[0] > fault.skip and (fault.times is None or met[0] <= fault.skip + fault.times):
                    return fault
        return None


def _struck(fault: Fault, app: App, request: Request) -> Reply:
    replaces = fault.status is not None or fault.drop
    reply = app(request) if fault.applied or not replaces else Reply()
    if fault.delay:
        time.sleep(fault.delay)
    if fault.then is not None:
        fault.then(request)
    if fault.drop:
        return Reply(drop=True)
    if fault.status is not None:
        return Reply(fault.status, fault.body or {"message": "a fault of the sandbox"}, fault.headers)
    return reply
