"""A chat completions endpoint on loopback that answers by a script and remembers what it was asked."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GOOD_ANSWER: dict[str, Any] = {
    "evidence": "Connection refused",
    "root_cause": "The warehouse does not listen.",
    "category": "network",
    "transient": True,
    "confidence": 0.9,
    "fix": "Run it again.",
    "suggested_params": [{"name": "retries", "value": "3"}],
}


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0


def completion(content: Any = None, *, finish: str = "stop", refusal: str | None = None) -> Answer:
    text = content if isinstance(content, str) or content is None else json.dumps(content)
    message = {"role": "assistant", "content": text, "refusal": refusal}
    choice = {"index": 0, "finish_reason": finish, "message": message}
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    head = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "some-model"}
    return Answer(body={**head, "choices": [choice], "usage": usage})


def failure(status: int, message: str, *, code: str | None = None, param: str | None = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"error": {"message": message, "type": None, "param": param, "code": code}}, named)


@dataclass
class Endpoint:
    url: str = ""
    script: list[Answer] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)

    def next_answer(self) -> Answer:
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


@contextmanager
def chat_endpoint(*script: Answer) -> Iterator[Endpoint]:
    """Each answer is given once, the last one for ever."""
    endpoint = Endpoint(script=list(script))

    class Responder(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            endpoint.paths.append(self.path)
            endpoint.headers.append({name.lower(): value for name, value in self.headers.items()})
            endpoint.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            answer = endpoint.next_answer()
            time.sleep(answer.delay)
            body = answer.body.encode() if isinstance(answer.body, str) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                **answer.headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):  # a client whose patience was up has hung up
                self.wfile.write(body)

        def log_message(self, *_: Any, **__: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Responder)
    server.daemon_threads = True
    endpoint.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
