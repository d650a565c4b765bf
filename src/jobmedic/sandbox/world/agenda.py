"""What is to happen when: a queue of events in the order of their time."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any


@dataclass(order=True, slots=True)
class _Event:
    at: int
    order: int
    what: Callable[..., None] = field(compare=False)
    args: tuple[Any, ...] = field(compare=False)


class Agenda:
    """Not safe to use from several threads; the world's lock stands before it."""

    def __init__(self) -> None:
        self._events: list[_Event] = []
        self._order = count()
        self._settling = False
        self.now = 0
        """Time of the event that is happening."""

    def add(self, at: int, what: Callable[..., None], *args: Any) -> None:
        heapq.heappush(self._events, _Event(at, next(self._order), what, args))

    def settle(self, until: int) -> None:
        """Lets everything happen that is due, each at its own time. What happens may ask for it again: to no effect."""
        if self._settling:
            return
        self._settling = True
        try:
            while self._events and self._events[0].at <= until:
                event = heapq.heappop(self._events)
                self.now = max(self.now, event.at)
                event.what(*event.args)
            self.now = max(self.now, until)
        finally:
            self._settling = False

    @property
    def next_at(self) -> int | None:
        return self._events[0].at if self._events else None
