"""The workspace port over the Jobs API 2.2. Safe to call from many threads."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from jobmedic.edges.databricks_workspace import records
from jobmedic.edges.databricks_workspace.calls import ORG_ID_HEADER, Calls
from jobmedic.edges.databricks_workspace.fields import number
from jobmedic.edges.databricks_workspace.outputs import GET_RUN, read_output
from jobmedic.edges.databricks_workspace.pages import RUN_LISTS, merged, merged_job
from jobmedic.ports.workspace import (
    Job,
    RepairRequest,
    Run,
    RunSummary,
    TaskOutput,
    WorkspaceError,
    WorkspaceIdentity,
)

LIST_RUNS = "/api/2.2/jobs/runs/list"
GET_JOB = "/api/2.2/jobs/get"
REPAIR = "/api/2.2/jobs/runs/repair"
SUBMIT = "/api/2.2/jobs/runs/submit"
ME = "/api/2.0/preview/scim/v2/Me"

# "Greater than 0 and less than 25", says the reference of `runs/list`; 25 is taken as well, but 24 fits every reading.
PAGE_SIZE = 24
TOKEN_CHARACTERS = 64

# adb-<workspace id>.<number>.azuredatabricks.net
_AZURE_HOST = re.compile(r"adb-([0-9]{5,20})\.[0-9]{1,3}\.(?:[a-z0-9-]+\.)?azuredatabricks\.[a-z]{2,3}")

_log = logging.getLogger(__name__)
_Record = TypeVar("_Record")


class DatabricksWorkspace:
    """RunReader, JobReader and RunStarter of one workspace."""

    def __init__(self, calls: Calls, *, max_error_bytes: int) -> None:
        self._calls = calls
        self._max_error_bytes = max_error_bytes

    def identity(self) -> WorkspaceIdentity:
        """The same id every time, or else WorkspaceError: the tables' keys rest on it.

        Configured, or in the host's name (Azure), or in the header that every answer of a workspace carries; a server
        that tells it in none of these ways is known by its host name.
        """
        host = self._calls.host
        known = self._calls.known_workspace_id or _id_in_host(host) or self._id_in_header()
        return WorkspaceIdentity(workspace_id=known or urlsplit(host).netloc or host, host=host)

    def list_runs(
        self, *, started_from: datetime | None = None, started_to: datetime | None = None, active_only: bool = False
    ) -> Iterator[RunSummary]:
        query: dict[str, Any] = {"limit": PAGE_SIZE, "expand_tasks": False}
        if active_only:
            query["active_only"] = True
        if started_from is not None:
            query["start_time_from"] = _milliseconds(started_from)
        if started_to is not None:
            query["start_time_to"] = _milliseconds(started_to)
        for page in self._calls.pages(LIST_RUNS, query):
            for raw in page.get("runs") or ():
                try:
                    yield records.summary(raw, datetime.now(UTC))
                except (KeyError, TypeError, ValueError, AttributeError):
                    _log.warning("%s on %s: one entry cannot be read and is left out", LIST_RUNS, self._calls.host)

    def get_run(self, run_id: int) -> Run:
        query = {"run_id": run_id, "include_history": True}
        raw = merged(self._calls.pages(GET_RUN, query), RUN_LISTS)
        return self._read(records.run, {"run_id": run_id, **raw}, f"run {run_id}")

    def get_output(self, task_run_id: int) -> TaskOutput:
        return read_output(self._calls, task_run_id, self._max_error_bytes)

    def get_job(self, job_id: int) -> Job:
        raw = merged_job(self._calls.pages(GET_JOB, {"job_id": job_id}))
        return self._read(records.job, {"job_id": job_id, **raw}, f"job {job_id}")

    def repair(self, request: RepairRequest) -> int:
        """A WorkspaceError does not say that nothing happened, whatever its status: read the run again."""
        body: dict[str, Any] = {
            "run_id": request.run_id,
            # The one excludes the other.
            **({"rerun_tasks": list(request.rerun_tasks)} if request.rerun_tasks else {"rerun_all_failed_tasks": True}),
            "rerun_dependent_tasks": True,
        }
        if request.job_parameters:
            body["job_parameters"] = dict(request.job_parameters)
        if request.latest_repair_id is not None:
            body["latest_repair_id"] = request.latest_repair_id
        return self._started(self._calls.post_once(REPAIR, body), "repair_id", REPAIR)

    def submit(self, payload: Mapping[str, Any], *, idempotency_token: str) -> int:
        if not 0 < len(idempotency_token) <= TOKEN_CHARACTERS:
            raise WorkspaceError(f"POST {SUBMIT}: the idempotency token must have 1 to {TOKEN_CHARACTERS} characters")
        body = {**payload, "idempotency_token": idempotency_token}
        return self._started(self._calls.post(SUBMIT, body), "run_id", SUBMIT)

    def _started(self, answer: Mapping[str, Any], field: str, path: str) -> int:
        started = number(answer.get(field))
        if started is None:
            raise WorkspaceError(f"POST {path} on {self._calls.host}: the answer has no {field}; look at the run")
        return started

    def _read(self, build: Callable[[Mapping[str, Any]], _Record], raw: Mapping[str, Any], what: str) -> _Record:
        try:
            return build(raw)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WorkspaceError(f"{what} on {self._calls.host}: the answer cannot be read ({error!r})") from error

    def _id_in_header(self) -> str | None:
        answer = self._calls.get(LIST_RUNS, {"limit": 1}, headers=(ORG_ID_HEADER,))
        if answer.get(ORG_ID_HEADER):
            return str(answer[ORG_ID_HEADER])
        try:
            answer = self._calls.get(ME, {}, headers=(ORG_ID_HEADER,))
        except WorkspaceError:
            return None
        return str(answer[ORG_ID_HEADER]) if answer.get(ORG_ID_HEADER) else None


def _id_in_host(host: str) -> str | None:
    match = _AZURE_HOST.fullmatch(urlsplit(host).hostname or "")
    return match[1] if match else None


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
