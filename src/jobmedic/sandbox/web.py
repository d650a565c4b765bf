"""A small HTTP server on loopback: requests in, replies out, faults in between."""

import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body) if self.body else {}


@dataclass(frozen=True, slots=True)
class Reply:
    status: int = 200
    body: Any = None
    """JSON, or bytes that go out as they are."""
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    """The connection is cut instead of an answer."""


App = Callable[[Request], Reply]


class LoopbackServer:
    """Serves an app on 127.0.0.1 at a port that the system chooses."""

    def __init__(self, app: App, name: str) -> None:
        self._server = _Server(("127.0.0.1", 0), _Talk)
        self._server.app = app
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name=name, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    app: App

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is nobody's news."""


class _Talk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={k.lower(): v for k, v in self.headers.items()},
            body=self._body(),
        )
        try:
            reply = self.server.app(request)
        except Exception as error:  # noqa: BLE001 - a server answers 500 and lives on
            reply = Reply(500, {"error_code": "INTERNAL_ERROR", "message": f"{type(error).__name__}: {error}"})
        self._answer(reply)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815 - the base class looks for these

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(iter(self._chunk, b""))
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().split(b";")[0], 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data

    def _answer(self, reply: Reply) -> None:
        """Head and body leave in one write: two would wait for each other's acknowledgement."""
        if reply.drop:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        payload = reply.body if isinstance(reply.body, bytes) else _dumped(reply.body)
        head = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}", f"Content-Length: {len(payload)}"]
        if not any(name.lower() == "content-type" for name in reply.headers):
            head.append("Content-Type: application/json")
        head.extend(f"{name}: {value}" for name, value in reply.headers.items())
        data = b"" if self.command == "HEAD" else payload
        self.wfile.write(("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Silent: the sandbox records what it was asked in its own way."""


def _dumped(body: Any) -> bytes:
    return b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
