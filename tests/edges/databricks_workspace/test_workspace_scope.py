import base64

import pytest

from jobmedic.edges.databricks_workspace import secret_reader
from jobmedic.edges.databricks_workspace.scope import GET_SECRET
from jobmedic.ports.workspace import WorkspaceError
from jobmedic.settings import Settings
from tests.edges.databricks_workspace.workspace_server import Answer, WorkspaceServer, refusal


def test_a_secret_is_read_from_its_scope(server: WorkspaceServer, sign_in: Settings) -> None:
    server.on(GET_SECRET, Answer({"key": "k", "value": base64.b64encode("größe".encode()).decode()}))
    assert secret_reader(sign_in)("s", "k") == "größe"
    assert server.asked_of(GET_SECRET)[0].query == {"scope": "s", "key": "k"}


def test_a_missing_key_is_no_secret(server: WorkspaceServer, sign_in: Settings) -> None:
    said = "Secret does not exist with scope: s and key: k"
    server.on(GET_SECRET, refusal(404, "RESOURCE_DOES_NOT_EXIST", said))
    assert secret_reader(sign_in)("s", "k") is None


def test_a_missing_scope_is_named(server: WorkspaceServer, sign_in: Settings) -> None:
    server.on(GET_SECRET, refusal(404, "RESOURCE_DOES_NOT_EXIST", "Scope s does not exist!"))
    with pytest.raises(WorkspaceError, match="secret scope s, key k"):
        secret_reader(sign_in)("s", "k")
