"""Where incident channels may post: records everything, answers as the real ones would."""

import threading
from dataclasses import dataclass
from typing import Any

from jobmedic.sandbox.faults import Faults
from jobmedic.sandbox.web import Reply, Request


@dataclass(frozen=True, slots=True)
class Post:
    path: str
    body: Any
    """Parsed JSON; the raw text where it is none."""


class Sink:
    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.faults = Faults()
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Reply:
        try:
            body = request.json()
        except ValueError:
            body = request.body.decode("utf-8", "replace")
        with self._lock:
            self.posts.append(Post(request.path, body))
        if "/v2/enqueue" in request.path:  # PagerDuty's Events API v2
            key = body.get("dedup_key") if isinstance(body, dict) else None
            return Reply(202, {"status": "success", "message": "Event processed", "dedup_key": key})
        if "/services/" in request.path:  # Slack's incoming webhooks
            return Reply(200, b"ok", {"Content-Type": "text/plain"})
        if "webhookb2" in request.path or "/workflows/" in request.path:  # Teams
            return Reply(202, b"1", {"Content-Type": "text/plain"})
        return Reply(200, {"status": "success"})
