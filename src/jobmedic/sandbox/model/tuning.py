"""Files and fine-tuning jobs of the model endpoint. A job moves one step each time somebody looks at it."""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import HTTP
from typing import Any, Literal

from jobmedic.sandbox.web import Reply, Request

CREATED = 1772409600
FEWEST_EXAMPLES = 10
"""The real endpoint refuses fewer, too."""
_JOB = re.compile(r"^fine_tuning/jobs/([^/]+)(?:/(events|cancel|checkpoints))?$")
_FILE = re.compile(r"^files/([^/]+)(/content)?$")
Outcome = Literal["succeeds", "fails", "never ends"]


@dataclass(slots=True)
class TuningFile:
    id: str
    name: str
    purpose: str
    content: bytes

    def view(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.content),
            "created_at": CREATED,
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
        }

    def problem(self) -> str | None:
        """Why it can't be trained on."""
        lines = [line for line in self.content.splitlines() if line.strip()]
        for number, line in enumerate(lines, 1):
            try:
                example = json.loads(line)
                roles = [m["role"] for m in example["messages"]]
            except (ValueError, KeyError, TypeError):
                return f"Line {number} of {self.name} is not an example in chat format."
            if "assistant" not in roles:
                return f"Line {number} of {self.name} has no assistant message to learn from."
        if len(lines) < FEWEST_EXAMPLES:
            return f"{self.name} has {len(lines)} examples; at least {FEWEST_EXAMPLES} are needed."
        return None


@dataclass(slots=True)
class TuningJob:
    id: str
    request: dict[str, Any]
    problem: str | None
    outcome: Outcome
    polls: int
    """Looks that it takes until the end."""
    status: str = "validating_files"
    seen: int = 0
    messages: list[str] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        return self.status in {"succeeded", "failed", "cancelled"}

    @property
    def tuned_model(self) -> str:
        return f"{self.request['model']}.ft-{self.id[-8:]}-{self.request.get('suffix') or 'jobmedic'}"

    def step(self) -> None:
        if self.ended:
            return
        self.seen += 1
        if self.problem:
            self._become("failed", self.problem)
        elif self.seen <= 1:
            self._become("queued", "Job enqueued.")
        elif self.outcome == "never ends" or self.seen <= self.polls:
            self._become("running", f"Step {self.seen}: training loss={1 / self.seen:.2f}")
        elif self.outcome == "fails":
            self._become("failed", "The training job ended with an internal error.")
        else:
            self._become("succeeded", "Completed results file.")

    def _become(self, status: str, message: str) -> None:
        self.status = status
        self.messages.append(message)

    def view(self) -> dict[str, Any]:
        done = self.status == "succeeded"
        code = "invalid_training_file" if self.problem else "internal_error"
        return {
            "id": self.id,
            "object": "fine_tuning.job",
            "created_at": CREATED,
            "finished_at": CREATED + 3600 if self.ended else None,
            "model": self.request["model"],
            "fine_tuned_model": self.tuned_model if done else None,
            "organization_id": "sandbox",
            "status": self.status,
            "hyperparameters": {"n_epochs": 3, "batch_size": 1, "learning_rate_multiplier": 1.0},
            "training_file": self.request["training_file"],
            "validation_file": self.request.get("validation_file"),
            "result_files": [f"file-results-{self.id}"] if done else [],
            "trained_tokens": 3000 if done else None,
            "error": {"code": code, "message": self.messages[-1], "param": None} if self.status == "failed" else None,
            "seed": self.request.get("seed") or 0,
            "estimated_finish": None,
            "integrations": [],
        }

    def events(self) -> list[dict[str, Any]]:
        return [
            {
                "id": f"ftevent-{number}",
                "object": "fine_tuning.job.event",
                "created_at": CREATED + number,
                "level": "error" if self.status == "failed" and number == len(self.messages) else "info",
                "message": message,
                "type": "message",
            }
            for number, message in reversed(list(enumerate(self.messages, 1)))
        ]


class Tuning:
    """`outcome`, `polls` and `quality` hold for jobs that are created from then on."""

    def __init__(self, deploy: Callable[..., None]) -> None:
        self.files: dict[str, TuningFile] = {}
        self.jobs: dict[str, TuningJob] = {}
        self.outcome: Outcome = "succeeds"
        self.polls = 3
        self.quality: float | None = None
        """Of the tuned model, which is deployed under its own name when its job succeeds."""
        self._deploy = deploy
        self._lock = threading.Lock()

    def serve(self, request: Request, path: str) -> Reply:
        with self._lock:
            if path == "files":
                return (
                    self._upload(request)
                    if request.method == "POST"
                    else _list([f.view() for f in self.files.values()])
                )
            if match := _FILE.match(path):
                return self._file(request, match[1], content=bool(match[2]))
            if path == "fine_tuning/jobs":
                return self._create(request) if request.method == "POST" else self._jobs()
            if match := _JOB.match(path):
                return self._job(match[1], match[2])
        return _error(404, "Resource not found")

    def _upload(self, request: Request) -> Reply:
        head = f"Content-Type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
        fields: dict[str, tuple[str, bytes]] = {}
        for part in message_from_bytes(head + request.body, policy=HTTP).iter_parts():
            name = str(part.get_param("name", header="content-disposition"))
            payload = part.get_payload(decode=True)
            fields[name] = (part.get_filename() or "", payload if isinstance(payload, bytes) else b"")
        if "file" not in fields or "purpose" not in fields:
            return _error(400, "A file and a purpose are required.")
        new = TuningFile(
            f"file-{len(self.files) + 1:08x}", fields["file"][0], fields["purpose"][1].decode(), fields["file"][1]
        )
        self.files[new.id] = new
        return Reply(201, new.view())

    def _file(self, request: Request, file_id: str, *, content: bool) -> Reply:
        found = self.files.get(file_id)
        if found is None:
            return _error(404, f"No such file: {file_id}")
        if content:
            return Reply(200, found.content, {"Content-Type": "application/octet-stream"})
        if request.method == "DELETE":
            del self.files[file_id]
            return Reply(200, {"id": file_id, "object": "file", "deleted": True})
        return Reply(200, found.view())

    def _create(self, request: Request) -> Reply:
        body = request.json()
        found = self.files.get(str(body.get("training_file")))
        if found is None or not body.get("model"):
            return _error(400, f"No such training file: {body.get('training_file')}, or no model named.")
        job = TuningJob(f"ftjob-{len(self.jobs) + 1:08x}", body, found.problem(), self.outcome, self.polls)
        job.messages.append("Job created.")
        self.jobs[job.id] = job
        return Reply(201, job.view())

    def _jobs(self) -> Reply:
        return _list([j.view() for j in reversed(self.jobs.values())])

    def _job(self, job_id: str, part: str | None) -> Reply:
        job = self.jobs.get(job_id)
        if job is None:
            return _error(404, f"No such fine-tuning job: {job_id}")
        if part == "events":
            return _list(job.events())
        if part == "checkpoints":
            return _list([])
        if part == "cancel":
            if job.ended:
                return _error(400, f"The job has already {job.status}.")
            job.status = "cancelled"
        else:
            job.step()
        if job.status == "succeeded":
            self._deploy(job.tuned_model, quality=self.quality)
        return Reply(200, job.view())


def _list(items: list[dict[str, Any]]) -> Reply:
    return Reply(200, {"object": "list", "data": items, "has_more": False})


def _error(status: int, message: str) -> Reply:
    return Reply(
        status, {"error": {"code": str(status), "message": message, "param": None, "type": "invalid_request_error"}}
    )
