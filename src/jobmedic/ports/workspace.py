"""The Databricks workspace as jobmedic sees it: runs to read, runs to start again.

Records carry what the API said, raw where it is an enumeration: a code that nobody knows yet must survive.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


class WorkspaceError(Exception):
    """A call that did not do what was asked; the message names the call, the object and what to do."""

    def __init__(self, message: str, *, status: int | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class RunGone(WorkspaceError):  # noqa: N818 - it is a state of the world, not a fault
    """The run, task run or job does not exist (any more)."""


_ENDED = frozenset({"TERMINATED", "SKIPPED", "INTERNAL_ERROR"})
_GOING_ON = frozenset({"QUEUED", "PENDING", "BLOCKED", "WAITING", "RUNNING", "WAITING_FOR_RETRY", "TERMINATING"})


def _active(life_cycle_state: str, ended_at: datetime | None) -> bool:
    """A state that nobody knows yet goes by whether the run shows an end."""
    if life_cycle_state in _ENDED:
        return False
    return life_cycle_state in _GOING_ON or ended_at is None


@dataclass(frozen=True, slots=True)
class WorkspaceIdentity:
    workspace_id: str
    host: str


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One row of a run listing."""

    run_id: int
    job_id: int | None
    started_at: datetime
    ended_at: datetime | None
    life_cycle_state: str
    result_state: str | None

    @property
    def active(self) -> bool:
        return _active(self.life_cycle_state, self.ended_at)


@dataclass(frozen=True, slots=True)
class TaskAttempt:
    """One attempt of one task. A run without tasks is shown as one attempt that carries the run's own id."""

    task_run_id: int
    task_key: str
    task_type: str
    attempt_number: int
    life_cycle_state: str
    result_state: str | None
    termination_code: str | None
    termination_type: str | None
    termination_message: str | None
    state_message: str | None
    started_at: datetime | None
    ended_at: datetime | None
    execution_seconds: float
    max_retries: int | None
    depends_on: tuple[str, ...]
    run_page_url: str | None


@dataclass(frozen=True, slots=True)
class Repair:
    """One entry of `repair_history` of type REPAIR, oldest first in `Run.repairs`."""

    repair_id: int
    started_at: datetime | None
    ended_at: datetime | None
    life_cycle_state: str | None
    result_state: str | None
    task_run_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One run with all its task attempts (all pages) and its repair history."""

    run_id: int
    job_id: int | None
    run_name: str | None
    run_type: str | None
    creator: str | None
    life_cycle_state: str
    result_state: str | None
    termination_code: str | None
    termination_type: str | None
    termination_message: str | None
    state_message: str | None
    started_at: datetime | None
    ended_at: datetime | None
    run_page_url: str | None
    attempts: tuple[TaskAttempt, ...]
    repairs: tuple[Repair, ...]
    job_parameters: Mapping[str, str]
    """Value, else the default that the run shows."""
    original_attempt_run_id: int | None
    raw: Mapping[str, Any] = field(repr=False)
    """The API's own JSON, tasks of all pages merged: what a one-time submit is rebuilt from."""
    trigger: str | None = None

    @property
    def active(self) -> bool:
        return _active(self.life_cycle_state, self.ended_at)

    @property
    def latest_repair_id(self) -> int | None:
        return self.repairs[-1].repair_id if self.repairs else None


@dataclass(frozen=True, slots=True)
class TaskOutput:
    """What `runs/get-output` says of one task run; texts are redacted and cut by the adapter."""

    error: str | None
    error_trace: str | None
    error_bytes: int
    """UTF-8 bytes of the error before it was cut."""
    shared_from: int | None = None
    """Task run whose text this is where it stands for another's; None for a text of its own."""
    source: str = "api"
    """Where the failure was found: api or system_tables."""


@dataclass(frozen=True, slots=True)
class Job:
    job_id: int
    name: str | None
    creator: str | None
    run_as: str | None
    tags: Mapping[str, str]
    parameters: Mapping[str, str]
    """Declared job parameters with their defaults."""
    failure_emails: tuple[str, ...]
    max_retries: Mapping[str, int]
    """Native retries by task key; -1 unlimited; a task without the setting is absent."""
    raw: Mapping[str, Any] = field(repr=False)
    """Settings as the API's own JSON, all pages of tasks merged."""


@dataclass(frozen=True, slots=True)
class RepairRequest:
    run_id: int
    rerun_tasks: tuple[str, ...]
    """Empty for a run without tasks: whatever failed."""
    job_parameters: Mapping[str, str]
    latest_repair_id: int | None


class RunReader(Protocol):
    def identity(self) -> WorkspaceIdentity: ...

    def list_runs(
        self, *, started_from: datetime | None = None, started_to: datetime | None = None, active_only: bool = False
    ) -> Iterator[RunSummary]:
        """Newest first; pages are followed to the end."""
        ...

    def get_run(self, run_id: int) -> Run:
        """Raises RunGone."""
        ...

    def get_output(self, task_run_id: int) -> TaskOutput:
        """Raises RunGone."""
        ...


class JobReader(Protocol):
    def get_job(self, job_id: int) -> Job:
        """Raises RunGone."""
        ...


class RunStarter(Protocol):
    def repair(self, request: RepairRequest) -> int:
        """Starts a repair and returns its id. Never re-sent once the server may have seen it."""
        ...

    def submit(self, payload: Mapping[str, Any], *, idempotency_token: str) -> int:
        """Starts a one-time run from a `runs/submit` body and returns its run id."""
        ...
