"""A scripted workspace on loopback and the real adapter talking to it."""

from collections.abc import Iterator

import pytest

from jobmedic.edges.databricks_workspace import DatabricksWorkspace, connect
from jobmedic.settings import Settings
from tests.edges.databricks_workspace.workspace_server import WorkspaceServer, serving


@pytest.fixture
def server() -> WorkspaceServer:
    return WorkspaceServer()


@pytest.fixture
def sign_in(server: WorkspaceServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/nonexistent")
    with serving(server) as host:
        yield Settings(
            env_file=None,
            databricks_host=host,
            databricks_token="t",
            databricks_http_timeout="2s",
            databricks_retry_timeout="5s",
            jobmedic_max_error_bytes=1_000,
        )


@pytest.fixture
def workspace(sign_in: Settings) -> DatabricksWorkspace:
    return connect(sign_in)
