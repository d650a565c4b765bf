import socket
import time
from dataclasses import dataclass

import pytest

from jobmedic.edges.databricks_workspace import DatabricksWorkspace, connect
from jobmedic.edges.databricks_workspace.outputs import GET_RUN
from jobmedic.edges.databricks_workspace.patience import GaveUp, Patience
from jobmedic.edges.databricks_workspace.workspace import LIST_RUNS, ME
from jobmedic.ports.workspace import RunGone, WorkspaceError
from jobmedic.settings import Settings
from tests.edges.databricks_workspace.api_json import RUN, listed, run, task
from tests.edges.databricks_workspace.workspace_server import Answer, WorkspaceServer, refusal


def test_429_is_waited_out_as_the_server_asks(server: WorkspaceServer, workspace: DatabricksWorkspace) -> None:
    server.on(GET_RUN, refusal(429, "REQUEST_LIMIT_EXCEEDED", "slow down", Retry_After="1"), run(task(11, "a")))
    began = time.monotonic()
    assert workspace.get_run(RUN).run_id == RUN
    assert time.monotonic() - began >= 1.0


def test_a_retry_after_beyond_the_budget_is_not_slept_through(
    server: WorkspaceServer, workspace: DatabricksWorkspace
) -> None:
    server.on(GET_RUN, refusal(503, "TEMPORARILY_UNAVAILABLE", "maintenance", Retry_After="3600"))
    began = time.monotonic()
    with pytest.raises(WorkspaceError, match=r"maintenance.*overloaded or down") as caught:
        workspace.get_run(RUN)
    assert caught.value.status == 503
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("status", "remedy"), [(401, "DATABRICKS_TOKEN"), (403, "Check that DATABRICKS_TOKEN belongs")]
)
def test_a_refusal_names_call_host_and_remedy_and_no_token(
    server: WorkspaceServer, workspace: DatabricksWorkspace, status: int, remedy: str
) -> None:
    server.on(LIST_RUNS, refusal(status, "DENIED", "Invalid access token dapi0123456789abcdef0123456789abcdef."))
    with pytest.raises(WorkspaceError) as caught:
        list(workspace.list_runs())
    said = str(caught.value)
    assert "runs/list on http://127.0.0.1" in said
    assert remedy in said
    assert "dapi0123" not in said
    assert "\n" not in said
    assert (caught.value.status, caught.value.code) == (status, "DENIED")


def test_a_host_that_is_no_workspace_is_not_a_run_that_is_gone(
    server: WorkspaceServer, workspace: DatabricksWorkspace
) -> None:
    server.on(LIST_RUNS, Answer("<html><title>Not here</title></html>", 404))
    with pytest.raises(WorkspaceError, match="DATABRICKS_HOST") as caught:
        list(workspace.list_runs())
    assert not isinstance(caught.value, RunGone)


@pytest.mark.parametrize("body", ["<html>sign in</html>", [1, 2], "{not json"])
def test_an_answer_that_is_no_json_object_points_at_the_host(
    server: WorkspaceServer, workspace: DatabricksWorkspace, body: object
) -> None:
    server.on(GET_RUN, Answer(body))
    with pytest.raises(WorkspaceError, match="DATABRICKS_HOST"):
        workspace.get_run(RUN)


def test_a_host_that_nobody_answers_at_is_given_up_within_the_budget() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    where = f"http://127.0.0.1:{port}"
    settings = Settings(env_file=None, databricks_host=where, databricks_token="t", databricks_retry_timeout="1s")
    began = time.monotonic()
    with pytest.raises(WorkspaceError, match=r"no answer .* Check DATABRICKS_HOST, the network"):
        list(connect(settings).list_runs())
    assert time.monotonic() - began < 15


def test_without_any_way_to_sign_in_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(WorkspaceError, match="Set DATABRICKS_HOST and DATABRICKS_TOKEN"):
        connect(Settings(env_file=None))


def test_the_sdk_finds_what_stands_in_the_dotenv_file(
    server: WorkspaceServer, sign_in: Settings, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"  # type: ignore[operator]
    file.write_text(
        f"DATABRICKS_WORKSPACE_URL={sign_in.databricks_host}\nDATABRICKS_PAT_TOKEN=abc\nDATABRICKS_CLUSTER_ID=c\n"
    )
    server.on(LIST_RUNS, {"runs": [listed(1)]})
    assert [one.run_id for one in connect(Settings(env_file=file)).list_runs()] == [1]
    asked = server.asked_of(LIST_RUNS)[0]
    assert asked.headers["Authorization"] == "Bearer abc"
    assert asked.headers["User-Agent"].startswith("jobmedic/")


def test_the_workspace_id_comes_from_the_header(server: WorkspaceServer, workspace: DatabricksWorkspace) -> None:
    server.on(LIST_RUNS, Answer({}, headers={"X-Databricks-Org-Id": "42"}))
    assert workspace.identity().workspace_id == "42"


def test_the_workspace_id_may_come_from_the_second_call(
    server: WorkspaceServer, workspace: DatabricksWorkspace
) -> None:
    server.on(LIST_RUNS, {})
    server.on(ME, Answer({}, headers={"X-Databricks-Org-Id": "43"}))
    assert workspace.identity().workspace_id == "43"


def test_a_server_that_tells_no_id_is_known_by_its_host(
    server: WorkspaceServer, workspace: DatabricksWorkspace
) -> None:
    server.on(LIST_RUNS, {})
    found = workspace.identity()
    assert found.host == f"http://{found.workspace_id}"
    assert found.workspace_id.startswith("127.0.0.1:")


def test_a_configured_workspace_id_asks_nobody_and_goes_along(server: WorkspaceServer, sign_in: Settings) -> None:
    workspace = connect(sign_in.model_copy(update={"databricks_workspace_id": "77"}))
    assert workspace.identity().workspace_id == "77"
    assert not server.asked_of(LIST_RUNS)
    server.on(LIST_RUNS, {})
    assert list(workspace.list_runs()) == []
    assert server.asked_of(LIST_RUNS)[0].headers["X-Databricks-Workspace-Id"] == "77"


@dataclass
class Ticking(Patience):
    """Patience on a clock of the test's own."""

    at: float = 0.0

    def time(self) -> float:
        return self.at


def test_a_broken_connection_has_a_shorter_budget_than_a_busy_server() -> None:
    patience = Ticking(budget_seconds=1_000, unreachable_seconds=20)
    with patience.call():
        try:
            socket.create_connection(("127.0.0.1", 1))
        except OSError:
            patience.sleep(0)
            patience.at = 21.0
            with pytest.raises(GaveUp, match="refused"):
                patience.sleep(0)
