"""One call to the workspace and the words for what can go wrong with it."""

import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from databricks.sdk.core import ApiClient, Config
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.errors.platform import STATUS_CODE_MAPPING, TooManyRequests

from jobmedic.edges.databricks_workspace.patience import GaveUp, Patience
from jobmedic.edges.redact import redact
from jobmedic.ports.workspace import RunGone, WorkspaceError

ORG_ID_HEADER = "X-Databricks-Org-Id"

# The platform answers 400 INVALID_PARAMETER_VALUE "Run 1 does not exist." for what others call 404.
_GONE_WORDS = ("does not exist", "doesn't exist")

_REMEDIES: Mapping[int, str] = {
    400: "The request was refused as it stands",
    401: "Set DATABRICKS_TOKEN to a valid token, or sign in with a profile (DATABRICKS_CONFIG_PROFILE)",
    403: "Check that DATABRICKS_TOKEN belongs to this workspace, and give its principal the right to it",
    404: "Check that DATABRICKS_HOST is the URL of a Databricks workspace",
    429: "The workspace limits the rate of calls: lower JOBMEDIC_CONCURRENCY or raise DATABRICKS_RETRY_TIMEOUT",
    503: "The workspace is overloaded or down: try again later",
}
_UNREACHED = "Check DATABRICKS_HOST, the network, the proxy and TLS"
_NOT_JSON = "Check that DATABRICKS_HOST is the URL of a Databricks workspace"
_MESSAGE_CHARACTERS = 600


class Calls:
    """GET and POST on the Jobs API as plain JSON, so that enumeration values nobody knows yet survive."""

    def __init__(
        self,
        config: Config,
        patience: Patience,
        *,
        workspace_id: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._config = config
        # Older SDKs know no such attribute; newer ones find it out from the host.
        self.known_workspace_id: str | None = workspace_id or getattr(config, "workspace_id", None) or None
        self._patience = patience
        self._sleep = sleep
        self._api = ApiClient(config)

    @property
    def host(self) -> str:
        return str(self._config.host or "")

    def get(self, path: str, query: Mapping[str, Any], *, headers: tuple[str, ...] = ()) -> dict[str, Any]:
        with self._patience.call():
            return self._do("GET", path, query=dict(query), response_headers=list(headers))

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """May be sent again by the SDK: only for calls that carry an idempotency token."""
        with self._patience.call():
            return self._do("POST", path, body=dict(body))

    def post_once(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Sent again only after 429, which says that nothing was executed."""
        deadline = self._patience.time() + self._patience.budget_seconds
        while True:
            try:
                with self._patience.call(once=True):
                    return self._do("POST", path, body=dict(body))
            except WorkspaceError as error:
                wait = _throttled(error)
                if wait is None or self._patience.time() + wait > deadline:
                    raise
                self._sleep(wait)

    def pages(self, path: str, query: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Follows `next_page_token` to the end; a server that hands out one token twice is stopped."""
        asked: dict[str, Any] = dict(query)
        seen: set[str] = set()
        while True:
            page = self.get(path, asked)
            yield page
            token = page.get("next_page_token")
            if not token:
                return
            if token in seen:
                raise WorkspaceError(f"{self._name('GET', path)}: the same page token came twice; the listing is cut")
            seen.add(token)
            asked["page_token"] = token

    def _do(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        headers = {"Accept": "application/json"}
        if self.known_workspace_id:  # as the SDK's own typed calls do, for hosts that serve several workspaces
            headers["X-Databricks-Workspace-Id"] = self.known_workspace_id
        try:
            answer = self._api.do(method, path, headers=headers, **arguments)
        except (OSError, ValueError, GaveUp) as error:
            looked_up = {"run_id", "job_id"} & {*arguments.get("query", ()), *arguments.get("body", ())}
            raise self._explain(method, path, error, lookup=bool(looked_up)) from error
        if not isinstance(answer, dict):
            raise WorkspaceError(f"{self._name(method, path)}: the answer is no JSON object. {_NOT_JSON}.")
        return answer

    def _explain(self, method: str, path: str, error: BaseException, *, lookup: bool) -> WorkspaceError:
        cause = _root(error)
        name = self._name(method, path)
        if isinstance(cause, DatabricksError):
            return _refused(name, cause, lookup=lookup, read=method == "GET")
        # requests' own JSON error is both an OSError and a ValueError
        if isinstance(cause, ValueError):
            if isinstance(cause, OSError):
                return WorkspaceError(f"{name}: the answer is no JSON ({_shown(cause)}). {_NOT_JSON}.")
            return WorkspaceError(f"{name}: {_shown(cause)}. {_REMEDIES[401]}.")
        return WorkspaceError(f"{name}: no answer ({type(cause).__name__}: {_shown(cause)}). {_UNREACHED}.")

    def _name(self, method: str, path: str) -> str:
        return f"{method} {path} on {self.host}"


def status_of(error: DatabricksError) -> int | None:
    """The SDK maps status codes to classes and forgets the number; None where it knew no class."""
    for status, kind in STATUS_CODE_MAPPING.items():
        if isinstance(error, kind):
            return status
    return None


def _root(error: BaseException) -> BaseException:
    """What the last attempt met, under the SDK's `TimeoutError: Timed out after …`."""
    if isinstance(error, GaveUp):
        return error.cause
    if type(error) is TimeoutError and error.__cause__ is not None:
        return error.__cause__
    return error


def _refused(name: str, error: DatabricksError, *, lookup: bool, read: bool) -> WorkspaceError:
    status = status_of(error)
    said = _shown(error)
    gone = status == HTTPStatus.NOT_FOUND or (
        status == HTTPStatus.BAD_REQUEST and read and any(words in said for words in _GONE_WORDS)
    )
    if gone and lookup and error.error_code != "ENDPOINT_NOT_FOUND":
        return RunGone(f"{name}: {said}", status=status, code=error.error_code)
    remedy = _REMEDIES.get(status or 0, "Try again later")
    return WorkspaceError(
        f"{name}: answered {status or 'an error'}: {said}. {remedy}.", status=status, code=error.error_code
    )


def _throttled(error: WorkspaceError) -> float | None:
    cause = error.__cause__
    root = _root(cause) if cause is not None else None
    if isinstance(root, TooManyRequests):
        return float(root.retry_after_secs or 1)
    return None


def _shown(error: BaseException) -> str:
    # The SDK adds its configuration to refusals ("… Config: host=…, token=***"): noise in a one-line message.
    said = " ".join(str(error).split(". Config: ")[0].split())
    return redact(said)[:_MESSAGE_CHARACTERS].rstrip(". ")
