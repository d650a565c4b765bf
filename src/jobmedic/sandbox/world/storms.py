"""Shared trouble: for a while, whatever certain jobs start fails for one cause."""

from collections.abc import Mapping
from dataclasses import dataclass

from jobmedic.sandbox.scenario.plan import Cause
from jobmedic.sandbox.world.state import Hit, Run


@dataclass(frozen=True, slots=True)
class ActiveStorm:
    cause: str
    job_ids: frozenset[int]
    task: str | None
    begins: int
    ends: int


class Storms:
    def __init__(self, causes: Mapping[str, Cause]) -> None:
        self._causes = causes
        self._storms: list[ActiveStorm] = []

    def add(self, storm: ActiveStorm) -> None:
        self._storms.append(storm)

    def hit(self, run: Run, task_key: str, now: int) -> Hit | None:
        """What hits a task that starts now. Without a named task it is the run's first, by its specification."""
        for storm in self._storms:
            if run.job_id not in storm.job_ids or not storm.begins <= now < storm.ends:
                continue
            if task_key == (storm.task or next(iter(run.specs()))):
                return Hit(self._causes[storm.cause], storm.begins, until=storm.ends)
        return None
