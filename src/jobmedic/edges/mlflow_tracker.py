"""The tracker port on MLflow, on Databricks or a local SQLite file, and the tracing of model calls.

MLflow takes seconds to import and to open a store, and its calls may hang: all of it happens on one background thread,
so that a pass only waits at its end, and not for long.
"""

import atexit
import logging
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jobmedic.edges.background import BackgroundThread
from jobmedic.edges.mlflow_store import bound_mlflow, local_store, make_store
from jobmedic.edges.redact import redact
from jobmedic.ports.model import LanguageModel, ModelReply, Question
from jobmedic.ports.tracker import TrackedRun

_log = logging.getLogger(__name__)
_BATCH = 100  # parameters a request; metrics may be 1,000
_GIVE_UP_AFTER = 3
_TEXT = 4000
_LOGIN = re.compile(r"//[^/@\s]*@")


@dataclass(frozen=True, slots=True)
class _Store:
    client: Any
    experiment_id: str


class MlflowTracker:
    """`patience_seconds` bounds each wait for the background thread: for a run id, at a run's end, and at `close`."""

    def __init__(
        self, *, tracking_uri: str, experiment: str, artifacts: Path | None = None, patience_seconds: float = 10.0
    ) -> None:
        self._uri, self._experiment, self._artifacts = tracking_uri, experiment, artifacts
        self._patience = patience_seconds
        self._thread = BackgroundThread("mlflow")
        self._store: _Store | None = None
        self._failures = 0
        atexit.register(self.close)
        # Opened at once: importing MLflow takes seconds, in which the caller starts Spark and reads the workspace.
        self._submit(lambda _: None)

    @contextmanager
    def run(self, name: str, *, tags: Mapping[str, str]) -> Iterator[TrackedRun]:
        started = _now_ms()
        future = self._submit(lambda store: _start(store, name, dict(tags), started))
        tracked = _Run(self, future)
        status = "FAILED"
        try:
            yield tracked
            status = "FINISHED"
        finally:
            ended = _now_ms()
            tracked.write(lambda store, run_id: store.client.set_terminated(run_id, status=status, end_time=ended))
            self._thread.drain(min(self._patience, 2.0))

    def traced(self, model: LanguageModel) -> LanguageModel:
        """The same model; each call leaves a span with prompt version, fingerprint, tokens and cost."""
        return _TracedModel(model, self)

    def close(self) -> None:
        """Gives what is still being written the time to get there."""
        if not self._thread.drain(self._patience) and not self._broken:
            _log.warning("MLflow at %s is slow: the last figures of this process may be missing there", self._where)
        atexit.unregister(self.close)

    @property
    def patience_seconds(self) -> float:
        return self._patience

    def span(self, question: Question, reply: ModelReply, started_ns: int, ended_ns: int) -> None:
        self._submit(lambda store: _span(store, question, reply, started_ns, ended_ns))

    @property
    def _broken(self) -> bool:
        return self._failures >= _GIVE_UP_AFTER

    @property
    def _where(self) -> str:
        """Without credentials that a URI may carry."""
        return _LOGIN.sub("//", self._uri)

    def _submit(self, work: Callable[[_Store], Any]) -> Future[Any]:
        """Done on the background thread, with the store; None instead of whatever MLflow raises."""

        def task() -> Any:
            if self._broken:
                return None
            try:
                self._store = self._store or _open(self._uri, self._experiment, self._artifacts)
                return work(self._store)
            except Exception as problem:  # noqa: BLE001 - the tracker never fails the work
                self._failed(problem)
                return None

        return self._thread.submit(task)

    def _failed(self, problem: Exception) -> None:
        if not self._failures:
            first_line = _LOGIN.sub("//", (str(problem).splitlines() or [""])[0])[:300]
            _log.warning(
                "MLflow at %s does not take the figures (%s: %s). The pass goes on, they stand in the tables; "
                "check MLFLOW_TRACKING_URI",
                self._where,
                type(problem).__name__,
                first_line,
            )
        self._failures = _GIVE_UP_AFTER if self._store is None else self._failures + 1


class _Run:
    def __init__(self, tracker: MlflowTracker, future: Future[str | None]) -> None:
        self._tracker, self._future = tracker, future

    @property
    def run_id(self) -> str | None:
        try:
            return self._future.result(self._tracker.patience_seconds)
        except TimeoutError:
            return None

    def metrics(self, values: Mapping[str, float]) -> None:
        figures, at_ms = dict(values), _now_ms()
        self.write(lambda store, run_id: _put(store, run_id, figures, {}, at_ms))

    def params(self, values: Mapping[str, str]) -> None:
        texts, at_ms = dict(values), _now_ms()
        self.write(lambda store, run_id: _put(store, run_id, {}, texts, at_ms))

    def artifact(self, path: Path) -> None:
        self.write(lambda store, run_id: store.client.log_artifact(run_id, str(path)))

    def write(self, work: Callable[[_Store, str], Any]) -> None:
        """Tasks keep their order, so the run has been started, or could not be, when this one's turn comes."""

        def task(store: _Store) -> None:
            run_id = self._future.result()
            if run_id is not None:
                work(store, run_id)

        self._tracker._submit(task)  # noqa: SLF001 - the run is a part of its tracker


class _TracedModel:
    def __init__(self, model: LanguageModel, tracker: MlflowTracker) -> None:
        self._model, self._tracker = model, tracker

    def diagnose(self, question: Question) -> ModelReply:
        started = time.time_ns()
        reply = self._model.diagnose(question)
        self._tracker.span(question, reply, started, time.time_ns())
        return reply


def _open(uri: str, experiment: str, artifacts: Path | None) -> _Store:
    bound_mlflow()
    import mlflow
    from mlflow.exceptions import MlflowException

    make_store(uri)
    local = local_store(uri)
    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(experiment)
    if found is None:
        place = artifacts or (local.parent / "mlflow-artifacts" if local else None)
        try:
            return _Store(client, client.create_experiment(experiment, place.absolute().as_uri() if place else None))
        except MlflowException:
            # Another process was first, or the name cannot be had at all: then this raises what is wrong.
            found = client.get_experiment_by_name(experiment)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return _Store(client, found.experiment_id)


def _start(store: _Store, name: str, tags: dict[str, str], started_ms: int) -> str:
    run = store.client.create_run(store.experiment_id, start_time=started_ms, tags=tags, run_name=name)
    return str(run.info.run_id)


def _put(store: _Store, run_id: str, metrics: Mapping[str, float], params: Mapping[str, str], at_ms: int) -> None:
    from mlflow.entities import Metric, Param

    figures = [Metric(name, float(value), at_ms, 0) for name, value in metrics.items() if math.isfinite(value)]
    texts = [Param(name, str(value)) for name, value in params.items()]
    for at in range(0, max(len(figures), len(texts)), _BATCH):
        store.client.log_batch(run_id, metrics=figures[at : at + _BATCH], params=texts[at : at + _BATCH])


def _span(store: _Store, question: Question, reply: ModelReply, started_ns: int, ended_ns: int) -> None:
    import mlflow

    span = mlflow.start_span_no_context(
        "diagnose",
        span_type="CHAT_MODEL",
        experiment_id=store.experiment_id,
        start_time_ns=started_ns,
        inputs={
            "fingerprint": question.fingerprint,
            "task_type": question.task_type,
            "termination_code": question.termination_code,
            "error": question.error[:_TEXT],
            "error_trace": (question.error_trace or "")[-_TEXT:],
            "parameters": sorted(question.parameters),
            "precedents": len(question.precedents),
        },
        tags={"fingerprint": question.fingerprint, "prompt_version": reply.prompt_version},
    )
    usage = {"input_tokens": reply.tokens_in, "output_tokens": reply.tokens_out}
    span.set_attributes(
        {
            "mlflow.chat.tokenUsage": {**usage, "total_tokens": reply.tokens_in + reply.tokens_out},
            "mlflow.llm.model": reply.model,
            "prompt_version": reply.prompt_version,
            "fingerprint": question.fingerprint,
            "cost_usd": reply.cost_usd,
        }
    )
    outputs = asdict(reply.diagnosis) if reply.diagnosis else {"refusal": reply.refusal}
    span.end(outputs=_redacted(outputs), status="OK" if reply.diagnosis else "ERROR", end_time_ns=ended_ns)


def _redacted(value: Any) -> Any:
    """What a model says is text from outside too."""
    if isinstance(value, Mapping):
        return {key: _redacted(inner) for key, inner in value.items()}
    return redact(str(value)) if isinstance(value, str) else value


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
