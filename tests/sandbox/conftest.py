"""A stage for one test: a scenario in a running sandbox, and the real SDK pointed at it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config

from jobmedic.knowledge.words import Category
from jobmedic.sandbox import Cause, Ending, Failure, JobPlan, Sandbox, Scenario, SchedulePlan, TaskPlan

TIMEOUT = Cause(
    id="timeout",
    category=Category.TIMEOUT,
    transient=True,
    error="java.net.SocketTimeoutException: Read timed out after {{ms}} ms from {{ip}}",
    trace="java.net.SocketTimeoutException: Read timed out\n\tat Main.run(Main.java:{{line}})",
)


def cause(**changes: Any) -> Cause:
    return TIMEOUT.model_copy(update=changes)


def job(*tasks: TaskPlan, **fields: Any) -> JobPlan:
    """A job that runs once, at minute 0."""
    shown = {"name": "nightly", "owner": "ann@example.com", "schedule": SchedulePlan(), **fields}
    return JobPlan(tasks=tasks or (TaskPlan(key="load", minutes=10),), **shown)


def failing(plan: JobPlan, why: Cause = TIMEOUT, *, task: str | None = None, **fields: Any) -> Scenario:
    failures = (Failure(job=plan.name, cause=why.id, task=task),)
    return Scenario(name="test", causes=(why,), jobs=(plan,), failures=failures, **fields)


def until_retried(retries: int) -> Cause:
    return cause(ends=Ending(after_retries=retries))


Start = Callable[..., Sandbox]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts sandboxes that end with the test."""
    with ExitStack() as stack:
        yield lambda *args, **fields: stack.enter_context(Sandbox(*args, **fields))


@pytest.fixture
def scene() -> "Scene":
    return Scene()


class Scene:
    """The words of this folder's tests, since modules beside them can't be imported by name."""

    cause = staticmethod(cause)
    job = staticmethod(job)
    failing = staticmethod(failing)
    until_retried = staticmethod(until_retried)

    @staticmethod
    def sdk(sandbox: Sandbox, token: str | None = None, **fields: Any) -> WorkspaceClient:
        config = Config(host=sandbox.workspace_url, token=token or sandbox.token, retry_timeout_seconds=10, **fields)
        return WorkspaceClient(config=config)

    @staticmethod
    def run_id(sandbox: Sandbox, name: str = "nightly", ordinal: int = 1) -> int:
        return sandbox.stage.run_ids[name, ordinal]
