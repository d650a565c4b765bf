"""A ledger full of judged failures, a model endpoint on loopback that knows their truth, and a registry in memory."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

from jobmedic.edges.azure_openai.chat import AzureOpenAIModel
from jobmedic.edges.azure_openai.fine_tuning import AzureFineTuning
from jobmedic.knowledge.words import Category
from jobmedic.ports.fine_tuning import TuningJob, TuningRequest
from jobmedic.ports.ledger import Ledger
from jobmedic.ports.registry import Alias, Classifier, Registered
from jobmedic.sandbox.model.model import ModelApi
from jobmedic.sandbox.web import LoopbackServer
from tests.table_rows import DAY, decision, verdict

KINDS = {
    Category.NETWORK: ("Connection refused by", True),
    Category.PERMISSION: ("Access denied for", False),
    Category.DATA_QUALITY: ("Cast of a bad value in", False),
    Category.QUOTA: ("Too many requests to", True),
}
NAMES = ["".join(letters) for letters in product("bdfgk", "aeiou", "lmnr")]
KEY = "sandbox-key"


def error(category: Category, at: int) -> str:
    return f"{KINDS[category][0]} {NAMES[at]} (asked by ann@example.com)"


def fill(ledger: Ledger, count: int, *, judged: bool = True, kinds: tuple[Category, ...] = tuple(KINDS)) -> None:
    """`count` fingerprints, an hour apart, each judged by a person; the kinds take turns."""
    failures, decisions, said = [], [], []
    for n in range(count):
        category, mark = kinds[n % len(kinds)], f"v1:{n:04}"
        at = DAY + timedelta(hours=n)
        text = {"error": error(category, n), "fingerprint": mark, "failed_at": at, "task_type": "notebook"}
        failures.append(text | {"workspace_id": "w", "task_run_id": n, "run_id": n})
        decisions.append(
            decision(f"d{n:04}", fingerprint=mark, category="unknown", action="escalate", rule=None, decided_at=at)
        )
        action = "retry" if KINDS[category][1] else "send_email"
        said.append(verdict(f"d{n:04}", "ann", "wrong", correct_category=category.value, correct_action=action))
    ledger.append("failures", ledger.frame("failures", failures))
    ledger.append("decisions", ledger.frame("decisions", decisions))
    if judged:
        ledger.append("feedback", ledger.frame("feedback", said))


def truth(text: str) -> tuple[Category, bool] | None:
    return next(((kind, transient) for kind, (words, transient) in KINDS.items() if words in text), None)


@dataclass
class Endpoint:
    url: str
    api: ModelApi

    def model(self, deployment: str) -> AzureOpenAIModel:
        return AzureOpenAIModel(endpoint=self.url, deployment=deployment, api_key=KEY)

    def fine_tuning(self, *, api_version: str | None = None, key: str = KEY) -> AzureFineTuning:
        return AzureFineTuning(endpoint=self.url, api_key=key, api_version=api_version, poll_seconds=0.01)


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    api = ModelApi(KEY, truth)
    with LoopbackServer(api, "tuning") as server:
        yield Endpoint(server.url, api)


@dataclass
class Shelf:
    """A registry in memory."""

    versions: list[Classifier] = field(default_factory=list)
    aliases: dict[Alias, Registered] = field(default_factory=dict)

    def register(self, classifier: Classifier, *, note: str) -> Registered:
        if classifier not in self.versions:
            self.versions.append(classifier)
        return Registered(str(self.versions.index(classifier) + 1), classifier)

    def get(self, alias: Alias) -> Registered | None:
        return self.aliases.get(alias)

    def point(self, alias: Alias, registered: Registered) -> None:
        self.aliases[alias] = registered

    def register_prompt(self, name: str, version: str, text: str) -> None:
        return None


@dataclass
class SteppedClock:
    """Moves only by sleeping."""

    at: datetime = DAY

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class NotedTracker:
    """What was logged, by the run's name."""

    runs: dict[str, dict[str, Any]] = field(default_factory=dict)

    @contextmanager
    def run(self, name: str, *, tags: Mapping[str, str], one: bool = False) -> Iterator["NotedRun"]:
        self.runs[name] = {}
        yield NotedRun(self.runs[name])


@dataclass
class NotedRun:
    seen: dict[str, Any]
    run_id: str | None = "run"
    complete: bool = True

    def metrics(self, values: Mapping[str, float]) -> None:
        self.seen |= values

    def params(self, values: Mapping[str, str]) -> None:
        self.seen |= values

    def artifact(self, path: Path) -> None:
        self.seen[path.name] = path.read_text(encoding="utf-8")


@dataclass
class ScriptedTuning:
    """The far end by script: one status a look, the last for ever."""

    statuses: list[str]
    submitted: list[TuningRequest] = field(default_factory=list)

    def submit(self, request: TuningRequest) -> str:
        self.submitted.append(request)
        return f"ftjob-{len(self.submitted)}"

    def job(self, job_id: str) -> TuningJob:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        done = status == "succeeded"
        why = "out of capacity" if status == "failed" else None
        return TuningJob(job_id, status, "gpt.ft-1" if done else None, why, f"now {status}", 3000 if done else None)
