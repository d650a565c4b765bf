"""The workspace's REST face: the Jobs API, and what the SDK asks to find its way."""

import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping

from jobmedic.sandbox.web import Reply, Request
from jobmedic.sandbox.workspace.listing import list_runs
from jobmedic.sandbox.workspace.views import RunView, job_json
from jobmedic.sandbox.world.state import Attempt, Json, Refusal, Run
from jobmedic.sandbox.world.world import World

_JOBS = re.compile(r"^/api/2\.[0-2]/jobs/")
JOBS_PAGE = 100
LOG_LIMIT = 5 * 1024 * 1024


class WorkspaceApi:
    """Answers for one world. `tokens` says who calls with which bearer token."""

    def __init__(self, world: World, tokens: Mapping[str, str], workspace_id: int) -> None:
        self.world = world
        self.tokens = dict(tokens)
        self.workspace_id = workspace_id
        self.base_url = ""
        self.calls: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._routes: dict[tuple[str, str], Callable[[Request], Json]] = {
            ("GET", "runs/list"): self._list,
            ("GET", "runs/get"): self._get,
            ("GET", "runs/get-output"): self._output,
            ("POST", "runs/repair"): self._repair,
            ("POST", "runs/submit"): self._submit,
            ("POST", "runs/cancel"): self._cancel,
            ("POST", "runs/delete"): self._delete_run,
            ("POST", "run-now"): self._run_now,
            ("GET", "get"): self._job,
            ("GET", "list"): self._jobs,
            ("POST", "create"): self._create,
            ("POST", "update"): self._update,
            ("POST", "delete"): self._delete_job,
        }

    def __call__(self, request: Request) -> Reply:
        with self._lock:
            self.calls[f"{request.method} {request.path}"] += 1
        if open_to_all := self._open(request):
            return open_to_all
        if self._user(request) is None:
            return _denied(request)
        if request.path.startswith("/api/2.0/preview/scim/v2/Me"):
            return self._me(request)
        if request.path == "/api/2.0/workspace/get-status":
            return Reply(200, {"object_type": "DIRECTORY", "path": request.query.get("path", "/"), "object_id": 1})
        return self._jobs_api(request)

    def _open(self, request: Request) -> Reply | None:
        """What needs no token: how to sign in."""
        oidc = f"{self.base_url}/oidc"
        if request.path == "/.well-known/databricks-config":
            return Reply(200, {"oidc_endpoint": oidc, "workspace_id": str(self.workspace_id), "cloud": "AZURE"})
        if request.path == "/oidc/.well-known/oauth-authorization-server":
            endpoints = {"authorization_endpoint": f"{oidc}/v1/authorize", "token_endpoint": f"{oidc}/v1/token"}
            return Reply(200, {"issuer": oidc, **endpoints})
        if request.path == "/oidc/v1/token":
            token = next(iter(self.tokens))
            return Reply(200, {"access_token": token, "token_type": "Bearer", "expires_in": 3600})
        return None

    def _user(self, request: Request) -> str | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return self.tokens.get(token) if scheme.lower() == "bearer" else None

    def _me(self, request: Request) -> Reply:
        user = self._user(request)
        headers = {"X-Databricks-Org-Id": str(self.workspace_id)}
        return Reply(200, {"id": "7001", "userName": user, "displayName": user, "active": True}, headers)

    def _jobs_api(self, request: Request) -> Reply:
        route = self._routes.get((request.method, _JOBS.sub("", request.path)))
        if route is None or not _JOBS.match(request.path):
            return _refused(
                Refusal(f"No API found for '{request.method} {request.path}'", status=404, code="ENDPOINT_NOT_FOUND")
            )
        try:
            with self.world.lock:
                return Reply(200, route(request))
        except Refusal as refusal:
            return _refused(refusal)
        except (KeyError, ValueError, TypeError) as error:
            return _refused(Refusal(f"Malformed request: {type(error).__name__}: {error}", code="MALFORMED_REQUEST"))

    # runs

    @property
    def _view(self) -> RunView:
        return RunView(self.base_url, self.workspace_id)

    def _list(self, request: Request) -> Json:
        self.world.settle()
        expand = request.query.get("expand_tasks", "").lower() == "true"
        view = self._view
        return list_runs(self.world.runs.values(), request.query, lambda run: view.listed(run, expand_tasks=expand))

    def _get(self, request: Request) -> Json:
        run, attempt = self.world.find(_run_id(request))
        offset = int(request.query.get("page_token") or 0)
        if attempt is not None and not (run.taskless and attempt.run_id == run.run_id):
            return self._view.one_task(run, attempt, offset=offset)
        history = request.query.get("include_history", "").lower() == "true"
        resolved = request.query.get("include_resolved_values", "").lower() == "true"
        return self._view.full(run, offset=offset, history=history, resolved=resolved)

    def _output(self, request: Request) -> Json:
        run, attempt = self.world.find(_run_id(request))
        if attempt is None:
            # Wording: github.com/databricks/databricks-sdk-py issue 997
            raise Refusal(
                "Retrieving the output of runs with multiple tasks is not supported. "
                "Please retrieve the output of each individual task run instead."
            )
        return self._told(run, attempt)

    def _told(self, run: Run, attempt: Attempt) -> Json:
        taskless = run.taskless and attempt.run_id == run.run_id
        view: Json = {"metadata": self._view.full(run) if taskless else self._view.one_task(run, attempt)}
        if attempt.error is not None:
            view["error"] = attempt.error
        if attempt.trace is not None:
            view["error_trace"] = attempt.trace
        if "notebook_task" in attempt.spec:
            view["notebook_output"] = {}
        elif attempt.state.terminal:
            text = attempt.trace or ""
            view |= {"logs": text[-LOG_LIMIT:], "logs_truncated": len(text) > LOG_LIMIT}
        return view

    def _repair(self, request: Request) -> Json:
        return {"repair_id": self.world.repair(request.json(), by=self._user(request) or "")}

    def _submit(self, request: Request) -> Json:
        return {"run_id": self.world.submit(request.json(), by=self._user(request) or "")}

    def _run_now(self, request: Request) -> Json:
        body = request.json()
        run_id = self.world.run_now(
            int(body["job_id"]),
            by=self._user(request) or "",
            params=body.get("job_parameters"),
            idempotency_token=body.get("idempotency_token"),
        )
        return {"run_id": run_id, "number_in_job": self.world.run(run_id).number}

    def _cancel(self, request: Request) -> Json:
        self.world.cancel(int(request.json()["run_id"]))
        return {}

    def _delete_run(self, request: Request) -> Json:
        run = self.world.run(int(request.json()["run_id"]))
        if not run.state.terminal:
            raise Refusal(f"Run {run.run_id} is active; cancel it first.", code="INVALID_STATE")
        self.world.delete_run(run.run_id)
        return {}

    # jobs

    def _job(self, request: Request) -> Json:
        job = self.world.job(int(request.query["job_id"]))
        return job_json(job, offset=int(request.query.get("page_token") or 0))

    def _jobs(self, request: Request) -> Json:
        self.world.settle()
        name = request.query.get("name", "").lower()
        found = [j for j in self.world.jobs.values() if not name or str(j.settings.get("name")).lower() == name]
        found.sort(key=lambda j: j.job_id)
        limit = int(request.query.get("limit") or 20)
        if not 0 < limit <= JOBS_PAGE:
            raise Refusal(f"Invalid limit {limit} - it has to be between 1 and {JOBS_PAGE}.")
        offset = int(request.query.get("page_token") or request.query.get("offset") or 0)
        expand = request.query.get("expand_tasks", "").lower() == "true"
        answer: Json = {"jobs": [_brief(job_json(j), expand=expand) for j in found[offset : offset + limit]]}
        if offset + limit < len(found):
            answer |= {"has_more": True, "next_page_token": str(offset + limit)}
        return answer

    def _create(self, request: Request) -> Json:
        return {"job_id": self.world.create_job(request.json(), by=self._user(request) or "")}

    def _update(self, request: Request) -> Json:
        body = request.json()
        self.world.update_job(int(body["job_id"]), body.get("new_settings") or {})
        return {}

    def _delete_job(self, request: Request) -> Json:
        self.world.delete_job(int(request.json()["job_id"]))
        return {}


def _run_id(request: Request) -> int:
    if "run_id" not in request.query:
        raise Refusal("Missing required field: run_id")
    return int(request.query["run_id"])


def _brief(job: Json, *, expand: bool) -> Json:
    job.pop("next_page_token", None)
    if not expand:
        job["settings"] = {
            k: v for k, v in job["settings"].items() if k not in {"tasks", "job_clusters", "environments"}
        }
    return job


def _refused(refusal: Refusal) -> Reply:
    return Reply(refusal.status, {"error_code": refusal.code, "message": str(refusal)})


def _denied(request: Request) -> Reply:
    if "authorization" not in request.headers:
        message = "Credential was not sent or was of an unsupported type for this API."
        return Reply(401, {"error_code": "401", "message": message})
    return Reply(403, {"error_code": "403", "message": "Invalid access token."})
