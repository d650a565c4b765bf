"""One night that holds every trap of the Jobs API, so that two passes over it serve many tests."""

from typing import Any

from jobmedic.knowledge.words import Category
from jobmedic.sandbox import (
    Cancel,
    Cause,
    Ending,
    Failure,
    JobChange,
    JobPlan,
    PersonRepair,
    Scenario,
    SchedulePlan,
    TaskPlan,
)
from tests.pipeline.ward import NETWORK, OWNER, SAFE

DAY = 24 * 60
SOON = {"schedule": SchedulePlan(first=20)}
LOAD = TaskPlan(key="load", minutes=10)


def refused(job: str, **changes: Any) -> Cause:
    """A cause of the job's own, so that no two jobs share a fingerprint."""
    host = job.replace("-", "")
    error = f"java.net.ConnectException: Connection refused: {host}.example.com"
    return NETWORK.model_copy(update={"id": job, "error": error, "ends": Ending(after_retries=1), **changes})


def plan(name: str, *tasks: TaskPlan, **fields: Any) -> JobPlan:
    return JobPlan(**{"name": name, "owner": OWNER, "tags": SAFE, "tasks": tasks or (LOAD,), **SOON, **fields})


def platform_end(job: str, result: str, code: str) -> Cause:
    return refused(job, error=None, result_state=result, termination_code=code, category=Category.TIMEOUT)


WIDE = tuple(TaskPlan(key=f"t{n:03d}", minutes=1) for n in range(120))
CHAIN = (
    TaskPlan(key="extract", minutes=5),
    TaskPlan(key="load", minutes=5, needs=("extract",)),
    TaskPlan(key="report", minutes=5, needs=("load",)),
    TaskPlan(key="other", minutes=5),
)
JOBS = (
    plan("marathon", TaskPlan(key="load", minutes=3 * DAY + 60), schedule=SchedulePlan(first=-3 * DAY)),
    plan("late", TaskPlan(key="load", minutes=200)),
    plan("native", TaskPlan(key="load", minutes=5, retries=1, retry_wait_seconds=60)),
    plan("mended-natively", TaskPlan(key="load", minutes=5, retries=1, retry_wait_seconds=60)),
    plan("tolerated", LOAD, TaskPlan(key="publish", needs=("load",), run_if="ALL_DONE")),
    plan("user-cancel"),
    plan("platform-cancel"),
    plan("timed-out", TaskPlan(key="load", minutes=10, timeout_minutes=5), cluster=None, tags={}),
    plan("repaired-before"),
    plan("deleted"),
    plan("submitted", one_time=True),
    plan("called", trigger="RUN_JOB_TASK"),
    plan("wide", *WIDE),
    plan("unheard-of"),
    plan("chain", *CHAIN),
    plan("switched-off", tags={**SAFE, "jobmedic_mode": "off"}),
    plan("untagged", tags={}),
    plan("taskless", taskless=True),
    plan("loop", TaskPlan(key="each", type="for_each", minutes=5)),
    plan("serverless-memory", cluster=None),
)
CAUSES = (
    refused("marathon", fails_after=0.99),
    refused("late", fails_after=0.5),
    refused("native", ends=Ending(after_retries=2)),
    refused("mended-natively"),
    refused("tolerated"),
    platform_end("platform-cancel", "CANCELED", "CANCELED"),
    platform_end("timed-out", "TIMEDOUT", "CANCELED"),
    refused("repaired-before", ends=Ending(after_retries=2)),
    refused("deleted"),
    refused("submitted"),
    refused("called"),
    refused("wide"),
    refused("unheard-of", result_state="MELTED", termination_code="GREMLINS", termination_type="MAGIC"),
    refused("chain"),
    refused("switched-off"),
    refused("untagged"),
    refused("taskless"),
    refused("loop"),
    refused(
        "serverless-memory",
        error="java.lang.OutOfMemoryError: Java heap space",
        category=Category.RESOURCE,
        ends=Ending(),
    ),
)
TASKS = {"wide": "t117", "chain": "extract"}
SCENARIO = Scenario(
    name="night of traps",
    jobs=JOBS,
    causes=CAUSES,
    failures=tuple(Failure(job=one.id, cause=one.id, task=TASKS.get(one.id)) for one in CAUSES),
    cancels=(Cancel(job="user-cancel", run=1, after=5, by="bob@example.com"),),
    repairs=(PersonRepair(job="repaired-before", run=1, after=5, by="bob@example.com"),),
    changes=(JobChange(job="deleted", at=40, delete=True),),
)
