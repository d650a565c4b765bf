"""A web server on loopback that answers every path with what the path was given."""

import json
import socket
import ssl
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {}


class _Answers(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        path = self.path.split("?")[0]
        if path.startswith("/slow"):
            time.sleep(4)
        if path.startswith("/reset"):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        if path.startswith("/gone"):
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        status, headers, body = next(
            (answer for start, answer in ANSWERS.items() if path.startswith(start)), (404, {}, b"no such path")
        )
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _answer

    def log_message(self, *_: object) -> None:
        return


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        return


def start(context: ssl.SSLContext | None = None) -> str:
    """The URL of a new server."""
    server = _Quiet(("127.0.0.1", 0), _Answers)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}"


def answer(path: str, status: int, body: object = b"", **headers: str) -> str:
    """Prescribes the answer for every path that starts with `path`."""
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    fixed = {name.replace("_", "-"): value for name, value in headers.items()}
    if not isinstance(body, bytes):
        fixed.setdefault("Content-Type", "application/json")
    ANSWERS[path] = (status, fixed, payload)
    return path


def dead_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
