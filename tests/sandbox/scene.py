"""The words of this folder's tests: small scenarios, and the real SDK pointed at a running sandbox."""

from collections.abc import Callable
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config

from jobmedic.knowledge.words import Category
from jobmedic.sandbox import Cause, Ending, Failure, JobPlan, Sandbox, Scenario, SchedulePlan, TaskPlan

Start = Callable[..., Sandbox]
TIMEOUT = Cause(
    id="timeout",
    category=Category.TIMEOUT,
    transient=True,
    error="java.net.SocketTimeoutException: Read timed out after {{ms}} ms from {{ip}}",
    trace="java.net.SocketTimeoutException: Read timed out\n\tat Main.run(Main.java:{{line}})",
)


def cause(**changes: Any) -> Cause:
    return TIMEOUT.model_copy(update=changes)


def until_retried(retries: int) -> Cause:
    return cause(ends=Ending(after_retries=retries))


def job(*tasks: TaskPlan, **fields: Any) -> JobPlan:
    """A job that runs once, at minute 0."""
    shown: dict[str, Any] = {"name": "nightly", "owner": "ann@example.com", "schedule": SchedulePlan(), **fields}
    return JobPlan(tasks=tasks or (TaskPlan(key="load", minutes=10),), **shown)


def failing(plan: JobPlan, why: Cause = TIMEOUT, *, task: str | None = None, **fields: Any) -> Scenario:
    """A scenario in which all runs of the job meet the cause."""
    failures = (Failure(job=plan.name, cause=why.id, task=task),)
    return Scenario(name="test", causes=(why,), jobs=(plan,), failures=failures, **fields)


def sdk(sandbox: Sandbox, token: str | None = None, **fields: Any) -> Any:
    """A WorkspaceClient. Untyped: every field of its answers may be None, and the tests know which are not."""
    config = Config(host=sandbox.workspace_url, token=token or sandbox.token, retry_timeout_seconds=10, **fields)
    return WorkspaceClient(config=config)


def run_id_of(sandbox: Sandbox, name: str = "nightly", ordinal: int = 1) -> int:
    return sandbox.stage.run_ids[name, ordinal]
