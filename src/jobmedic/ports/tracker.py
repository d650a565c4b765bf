"""The experiment tracker that keeps figures over time."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol


class TrackedRun(Protocol):
    @property
    def run_id(self) -> str | None:
        """None when the tracker could not be reached; every call is then a no-op that was logged once."""
        ...

    def metrics(self, values: Mapping[str, float]) -> None: ...

    def params(self, values: Mapping[str, str]) -> None: ...

    def artifact(self, path: Path) -> None: ...


class Tracker(Protocol):
    def run(self, name: str, *, tags: Mapping[str, str]) -> AbstractContextManager[TrackedRun]:
        """An unreachable tracker never fails the work inside; it is reported through the log."""
        ...
