"""A Databricks workspace on loopback that answers by a script and remembers what it was asked."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    body: Any = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    hang_up: bool = False


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    body: Json
    headers: dict[str, str]


Script = Callable[[Asked], Answer]


def refusal(status: int, code: str, message: str, **headers: str) -> Answer:
    return Answer(
        {"error_code": code, "message": message}, status, {k.replace("_", "-"): v for k, v in headers.items()}
    )


class WorkspaceServer:
    """Answers of a path are used up one by one; the last one stays."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.scripts: dict[str, Script | list[Answer]] = {}
        self._lock = threading.Lock()

    def on(self, path: str, *answers: Answer | Json, script: Script | None = None) -> None:
        listed = [one if isinstance(one, Answer) else Answer(one) for one in answers]
        self.scripts[path] = script or listed

    def asked_of(self, path: str) -> list[Asked]:
        return [one for one in self.asked if one.path == path]

    def answer(self, asked: Asked) -> Answer:
        with self._lock:
            self.asked.append(asked)
            script = self.scripts.get(asked.path)
            if script is None:
                return refusal(404, "ENDPOINT_NOT_FOUND", f"No API found for {asked.method} {asked.path}")
            if callable(script):
                return script(asked)
            return script.pop(0) if len(script) > 1 else script[0]


def _answering(server: WorkspaceServer) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            asked = Asked(self.command, url.path, dict(parse_qsl(url.query)), body, dict(self.headers))
            answer = server.answer(asked)
            time.sleep(answer.delay)
            if answer.hang_up:
                self.close_connection = True
                return
            text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
            data = text.encode("utf-8", "surrogatepass")
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(data)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET  # noqa: N815 - the base class looks it up by this name

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    return Answering


@contextmanager
def serving(workspace: WorkspaceServer) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(workspace))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
