"""The few endpoints of a workspace that `databricks bundle validate` asks, over real HTTP on loopback."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

USER = "engineer@example.com"
HOME = f"/Workspace/Users/{USER}"
MANAGED = {"all_permissions": [{"permission_level": "CAN_MANAGE", "inherited": False}]}

Reply = tuple[int, dict[str, Any]]


class Workspace:
    """Nothing was deployed yet: there is a user, and the user's folder."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.folders = {HOME}

    def get(self, path: str, query: dict[str, list[str]]) -> Reply:
        if path == "/.well-known/databricks-config":
            return 200, {"workspace_id": "900", "oidc_endpoint": f"http://{self.address}/oidc"}
        if path == "/api/2.0/preview/scim/v2/Me":
            return 200, {"id": "1", "userName": USER, "emails": [{"value": USER, "primary": True}]}
        if path == "/api/2.0/workspace/get-status":
            if query["path"][0] in self.folders:
                return 200, {"object_type": "DIRECTORY", "object_id": 7, "path": query["path"][0]}
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Path does not exist."}
        if path == "/api/2.0/permissions/directories/7":
            return 200, {"object_id": "/directories/7", "access_control_list": [{"user_name": USER, **MANAGED}]}
        return self.unknown(path)

    def post(self, path: str, body: dict[str, Any]) -> Reply:
        if path == "/api/2.0/workspace/mkdirs":
            self.folders.add(body["path"])
            return 200, {}
        return self.unknown(path)

    @staticmethod
    def unknown(path: str) -> Reply:
        return 404, {"error_code": "ENDPOINT_NOT_FOUND", "message": f"No API found for {path}"}


class WorkspaceServer(ThreadingHTTPServer):
    workspace: Workspace


class Endpoint(BaseHTTPRequestHandler):
    server: WorkspaceServer

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.reply(self.server.workspace.get(parts.path, parse_qs(parts.query)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.reply(self.server.workspace.post(urlsplit(self.path).path, json.loads(body or b"{}")))

    def reply(self, reply: Reply) -> None:
        content = json.dumps(reply[1]).encode()
        self.send_response(reply[0])
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Tests are quiet."""


@contextmanager
def serve() -> Iterator[str]:
    server = WorkspaceServer(("127.0.0.1", 0), Endpoint)
    address = f"127.0.0.1:{server.server_port}"
    server.workspace = Workspace(address)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{address}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
