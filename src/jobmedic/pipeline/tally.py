"""What a pass did, counted while it goes; becomes the row of `passes`, the line on the screen and the MLflow metrics."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

MOST_ERRORS = 50

log = logging.getLogger("jobmedic")


@dataclass(slots=True)
class Tally:
    """Mutable on purpose, and only ever added to. Safe to call from many threads."""

    on_stage: Callable[[str], None] = field(default=lambda _stage: None)
    runs_seen: int = 0
    runs_failed: int = 0
    failures: int = 0
    new_fingerprints: int = 0
    model_calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    decisions: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    now_in: str = ""
    """The stage that was entered last."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        self.on_stage(name)
        self.now_in = name
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began

    def problem(self, message: str) -> None:
        """Something went wrong and the pass goes on; the first fifty are kept."""
        log.warning(message)
        self.note(message)

    def note(self, message: str) -> None:
        """The same without the log."""
        with self._lock:
            if len(self.errors) < MOST_ERRORS:
                self.errors.append(message)
            elif len(self.errors) == MOST_ERRORS:
                self.errors.append("more errors than are kept here; see the log")
