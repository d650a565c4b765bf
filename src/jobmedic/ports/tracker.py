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

    @property
    def complete(self) -> bool:
        """True when the tracker has taken all figures that it was told so far; waits for it, though not for long."""
        ...

    def metrics(self, values: Mapping[str, float]) -> None: ...

    def params(self, values: Mapping[str, str]) -> None: ...

    def artifact(self, path: Path) -> None: ...


class Tracker(Protocol):
    def run(self, name: str, *, tags: Mapping[str, str], one: bool = False) -> AbstractContextManager[TrackedRun]:
        """An unreachable tracker never fails the work inside; it is reported through the log.

        With `one` there is a single run with these tags: an earlier one is taken up again. Figures that it is not told
        anew become NaN, and its parameters stay.
        """
        ...
