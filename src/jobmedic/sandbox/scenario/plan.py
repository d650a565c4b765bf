"""What a scenario may say: jobs, the causes they fail for, and when. Frozen; the loader and the generator make them.

Times are minutes from the scenario's start and may be negative: a run that began days before it.
"""

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from jobmedic.knowledge.words import Category, Compute


class Plan(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Bound(Plan):
    """What a parameter must be for the cause to go away: equal to a text, or a number within bounds."""

    equals: str | None = None
    at_most: float | None = None
    at_least: float | None = None


class Ending(Plan):
    """How a cause ends. All conditions given must hold at once; with none it never ends."""

    probability: float | None = Field(default=None, ge=0, le=1)
    """Of every re-run."""
    after_retries: int | None = Field(default=None, ge=1)
    after_minutes: float | None = Field(default=None, gt=0)
    """Minutes after the first failure, or after a storm began."""
    params: dict[str, Bound] = Field(default_factory=dict)
    compute: Compute | None = None
    then: str | None = None
    """Another cause that shows once this one has ended."""

    @property
    def never(self) -> bool:
        return not (
            self.params
            or self.compute
            or any(x is not None for x in (self.probability, self.after_retries, self.after_minutes))
        )


class Cause(Plan):
    """Why tasks fail. `{{word}}` in the texts is filled in anew for every failure."""

    id: str
    category: Category
    transient: bool
    error: str | None = None
    trace: str | None = None
    result_state: str = "FAILED"
    life_cycle_state: str = "TERMINATED"
    termination_code: str = "RUN_EXECUTION_ERROR"
    termination_type: str = "CLIENT_ERROR"
    state_message: str = "Workload failed, see run output for details"
    fails_after: float = Field(default=0.4, gt=0, le=1)
    """Share of the task's usual time that passes before it fails."""
    ends: Ending = Ending()


class ClusterPlan(Plan):
    node: str = "Standard_D4ds_v5"
    workers: int = Field(default=2, ge=0)
    max_workers: int | None = None
    """With it the cluster scales from `workers` up to here."""
    shared: bool = True
    """A job cluster that tasks name by key; otherwise each task brings its own `new_cluster`."""


class TaskPlan(Plan):
    key: str
    type: Literal["notebook", "spark_python", "python_wheel", "jar", "sql", "for_each", "condition"] = "notebook"
    minutes: float = Field(default=5, gt=0)
    needs: tuple[str, ...] = ()
    """Task keys; `check=true` waits for that outcome of a condition task."""
    run_if: str = "ALL_SUCCESS"
    retries: int | None = Field(default=None, ge=-1)
    retry_wait_seconds: float = Field(default=30, ge=0)
    retry_on_timeout: bool = False
    timeout_minutes: float | None = Field(default=None, gt=0)
    parameters: dict[str, str] = Field(default_factory=dict)
    inputs: int = Field(default=3, ge=1)
    """Iterations of a for_each task."""
    outcome: Literal["true", "false"] = "true"
    """What a condition task finds."""


class SchedulePlan(Plan):
    first: float = 0
    every: float | None = Field(default=None, gt=0)
    runs: int = Field(default=1, ge=1)


class JobPlan(Plan):
    name: str
    owner: str
    tasks: tuple[TaskPlan, ...] = Field(min_length=1)
    cluster: ClusterPlan | None = ClusterPlan()
    """None is serverless."""
    tags: dict[str, str] = Field(default_factory=dict)
    parameters: dict[str, str] = Field(default_factory=dict)
    failure_emails: tuple[str, ...] = ()
    run_as: str | None = None
    schedule: SchedulePlan | None = None
    max_concurrent_runs: int | None = None
    trigger: str = "PERIODIC"
    """What its runs say that they were started by; RUN_JOB_TASK for a job that other jobs call as a task of theirs."""
    one_time: bool = False
    """Its runs are `runs/submit` calls by the owner's orchestrator: there is no job to look up or repair."""
    taskless: bool = False
    """Its runs are shown without tasks, as old single-task runs are."""


class Failure(Plan):
    """Which runs of a job meet which cause, by ordinal from 1; without `runs` all of them."""

    job: str
    cause: str
    task: str | None = None
    """Default: the job's first task."""
    runs: tuple[int, ...] | None = None
    fails_at: float | None = Field(default=None, gt=0)
    """Minutes into the task, where that is not the cause's own share of its time."""


class Storm(Plan):
    """One shared resource is bad for a while: whatever these jobs start meanwhile fails for one cause."""

    cause: str
    jobs: tuple[str, ...] = Field(min_length=1)
    task: str | None = None
    at: float
    minutes: float = Field(gt=0)


class Cancel(Plan):
    """A person stops a run by hand."""

    job: str
    run: int
    after: float
    by: str


class PersonRepair(Plan):
    """Somebody repairs a failed run so many minutes after it failed, before or after jobmedic gets to it."""

    job: str
    run: int
    after: float
    by: str


class JobChange(Plan):
    """Somebody edits or deletes a job."""

    job: str
    at: float
    parameters: dict[str, str] = Field(default_factory=dict)
    delete: bool = False


class Scenario(Plan):
    name: str
    description: str = ""
    seed: int = 0
    start: datetime = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
    minutes: float = 1440
    """How long the story lasts."""
    causes: tuple[Cause, ...] = ()
    jobs: tuple[JobPlan, ...] = ()
    failures: tuple[Failure, ...] = ()
    storms: tuple[Storm, ...] = ()
    cancels: tuple[Cancel, ...] = ()
    repairs: tuple[PersonRepair, ...] = ()
    changes: tuple[JobChange, ...] = ()
