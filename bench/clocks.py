"""Both clocks around a piece of work."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Clocked(Generic[T]):
    value: T
    seconds: float
    cpu_seconds: float
    """Of this process, the embedded engine's threads included."""


def clocked(work: Callable[[], T]) -> Clocked[T]:
    wall, cpu = time.perf_counter(), time.process_time()
    value = work()
    return Clocked(value, time.perf_counter() - wall, time.process_time() - cpu)
