"""The workspace's mutable records: jobs, runs, task attempts, repairs. Times are milliseconds since 1970."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jobmedic.sandbox.scenario.plan import Cause
from jobmedic.sandbox.world.compute import Size

Json = dict[str, Any]

TERMINAL = frozenset({"TERMINATED", "SKIPPED", "INTERNAL_ERROR"})


class Refusal(Exception):  # noqa: N818 - an answer, not a fault
    """A call that the workspace turns down, as the API words it."""

    def __init__(self, message: str, *, status: int = 400, code: str = "INVALID_PARAMETER_VALUE") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a task would behave if nothing went wrong."""

    minutes: float = 1.0
    outcome: str = "true"


@dataclass(slots=True)
class Baseline:
    """Compute that the first failure had, against which a remedy is measured."""

    size: Size
    timeout_seconds: int


@dataclass(slots=True)
class Hit:
    """A cause at work on one task of one run; a one-time submit of the task shares it."""

    cause: Cause
    since: int
    failures: int = 0
    baseline: Baseline | None = None
    cured_at: int | None = None
    until: int | None = None
    """End of the storm that it came with."""


@dataclass(slots=True)
class State:
    life_cycle: str = "BLOCKED"
    result: str | None = None
    code: str | None = None
    type: str | None = None
    message: str = ""
    by_user_or_timeout: bool = False

    @property
    def terminal(self) -> bool:
        return self.life_cycle in TERMINAL


@dataclass(slots=True)
class Attempt:
    """One attempt of one task, or one iteration of a for_each task."""

    run_id: int
    parent: int
    task_key: str
    number: int
    repair_id: int | None
    state: State = field(default_factory=State)
    started: int = 0
    ended: int = 0
    setup_ms: int = 0
    error: str | None = None
    trace: str | None = None
    cause: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    spec: Json = field(default_factory=dict)
    size: Size | None = None
    iterations: list["Attempt"] = field(default_factory=list)

    @property
    def execution_ms(self) -> int:
        return max(0, self.ended - self.started - self.setup_ms) if self.ended else 0


@dataclass(slots=True)
class Repair:
    repair_id: int
    by: str
    started: int
    params: Mapping[str, str]
    attempts: list[int] = field(default_factory=list)
    ended: int = 0
    state: State = field(default_factory=lambda: State("RUNNING"))


@dataclass(slots=True)
class Job:
    job_id: int
    settings: Json
    creator: str
    created: int
    behaviours: Mapping[str, Behaviour] = field(default_factory=dict)
    runs: int = 0
    taskless: bool = False


@dataclass(slots=True)
class Run:
    run_id: int
    job_id: int
    name: str
    run_type: str
    creator: str
    trigger: str
    started: int
    number: int
    settings: Json
    """As they were when the run or its latest repair began."""
    defaults: Mapping[str, str]
    overrides: Mapping[str, str]
    behaviours: Mapping[str, Behaviour]
    state: State = field(default_factory=lambda: State("RUNNING"))
    ended: int = 0
    attempts: list[Attempt] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
    first_state: State | None = None
    """How it stood before the first repair."""
    first_ended: int = 0
    params: Mapping[str, str] = field(default_factory=dict)
    """In force now: those of the latest repair."""
    hits: dict[str, Hit] = field(default_factory=dict)
    pending: list[str] = field(default_factory=list)
    active: set[str] = field(default_factory=set)
    round: int = 0
    origin: int | None = None
    """The failed run that this one-time submit runs again."""
    taskless: bool = False

    def latest(self, task_key: str) -> Attempt:
        return next(a for a in reversed(self.attempts) if a.task_key == task_key)

    def specs(self) -> dict[str, Json]:
        return {t["task_key"]: t for t in self.settings.get("tasks", [])}
