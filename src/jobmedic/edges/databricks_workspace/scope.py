"""Reads a secret scope of the workspace."""

import base64
import binascii
import re
from functools import cache
from http import HTTPStatus

from jobmedic.edges.databricks_workspace.calls import Calls
from jobmedic.edges.databricks_workspace.connect import open_calls
from jobmedic.ports.workspace import WorkspaceError
from jobmedic.settings import ReadSecret, Settings

GET_SECRET = "/api/2.0/secrets/get"  # noqa: S105 - a path

# The platform says "Scope x does not exist!" and "Secret does not exist with scope: x and key: y".
_NO_SCOPE = re.compile(r"scope [^:]{0,200}does not exist", re.IGNORECASE)


def secret_reader(settings: Settings) -> ReadSecret:
    """For `with_secrets`. Connects at the first secret asked for.

    A missing key is None; a missing scope, or one that may not be read, is a WorkspaceError that names it.
    """

    @cache
    def calls() -> Calls:
        return open_calls(settings)

    def read(scope: str, key: str) -> str | None:
        try:
            answer = calls().get(GET_SECRET, {"scope": scope, "key": key})
        except WorkspaceError as error:
            if error.status == HTTPStatus.NOT_FOUND and not _NO_SCOPE.search(str(error)):
                return None
            raise WorkspaceError(f"secret scope {scope}, key {key}: {error}", status=error.status) from error
        try:
            return base64.b64decode(answer.get("value") or "", validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise WorkspaceError(f"secret scope {scope}, key {key}: the value is no UTF-8 text") from None

    return read
