"""A job's failure webhook, as the platform posts it: ids as strings, and basic auth at most."""

import base64
import json
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.error import URLError

from jobmedic.sandbox.world.state import Attempt, Run


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the workspace's administrator had the notifications sent."""

    url: str
    user: str | None = None
    password: str | None = None


def run_failed(run: Run, workspace_id: int) -> dict[str, Any]:
    return {
        "event_type": "jobs.on_failure",
        "workspace_id": str(workspace_id),
        "run": {"run_id": str(run.run_id)},
        "job": {"job_id": str(run.job_id), "name": run.name},
    }


def task_failed(run: Run, attempt: Attempt, workspace_id: int) -> dict[str, Any]:
    return {
        **run_failed(run, workspace_id),
        "task": {"task_key": attempt.task_key},
        "run": {"run_id": str(attempt.run_id), "parent_run_id": str(run.run_id)},
    }


def post(destination: Destination, payload: dict[str, Any]) -> int:
    """Status of the answer, 0 when nobody answered. The platform does not care either."""
    request = urllib.request.Request(destination.url, json.dumps(payload).encode(), method="POST")  # noqa: S310 - loopback
    request.add_header("Content-Type", "application/json")
    if destination.user is not None:
        basic = base64.b64encode(f"{destination.user}:{destination.password or ''}".encode()).decode()
        request.add_header("Authorization", f"Basic {basic}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the caller's own address
            return int(answer.status)
    except URLError as error:
        return int(getattr(error, "code", 0))
