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
from pathlib import Path
from typing import Any

from jobmedic.edges.mlflow_tracker.background import BackgroundThread
from jobmedic.edges.mlflow_tracker.runs import Started, Store, open_store, put, span, start
from jobmedic.ports.model import LanguageModel, ModelReply, Question
from jobmedic.ports.tracker import TrackedRun

_log = logging.getLogger(__name__)
_GIVE_UP_AFTER = 3
_LOGIN = re.compile(r"//[^/@\s]*@")


class MlflowTracker:
    """`patience_seconds` bounds each wait for the background thread: for a run id, at a run's end, and at `close`."""

    def __init__(
        self, *, tracking_uri: str, experiment: str, artifacts: Path | None = None, patience_seconds: float = 10.0
    ) -> None:
        self._uri, self._experiment, self._artifacts = tracking_uri, experiment, artifacts
        self._patience = patience_seconds
        self._thread = BackgroundThread("mlflow")
        self._store: Store | None = None
        self._failures = 0
        atexit.register(self.close)
        # Opened at once: importing MLflow takes seconds, in which the caller starts Spark and reads the workspace.
        self._submit(lambda _: None)

    @contextmanager
    def run(self, name: str, *, tags: Mapping[str, str], one: bool = False) -> Iterator[TrackedRun]:
        started = _now_ms()
        future = self._submit(lambda store: start(store, name, dict(tags), started, one=one))
        tracked = _Run(self, future)
        status = "FAILED"
        try:
            yield tracked
            status = "FINISHED"
        finally:
            ended = _now_ms()
            tracked.write(lambda store, run: store.client.set_terminated(run.run_id, status=status, end_time=ended))
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
        self._submit(lambda store: span(store, question, reply, started_ns, ended_ns))

    @property
    def _broken(self) -> bool:
        return self._failures >= _GIVE_UP_AFTER

    @property
    def _where(self) -> str:
        """Without credentials that a URI may carry."""
        return _LOGIN.sub("//", self._uri)

    def _submit(self, work: Callable[[Store], Any]) -> Future[Any]:
        """Done on the background thread, with the store; None instead of whatever MLflow raises."""

        def task() -> Any:
            if self._broken:
                return None
            try:
                self._store = self._store or open_store(self._uri, self._experiment, self._artifacts)
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
    def __init__(self, tracker: MlflowTracker, future: Future[Started | None]) -> None:
        self._tracker, self._future = tracker, future
        self._written: list[Future[Any]] = []

    @property
    def run_id(self) -> str | None:
        try:
            started = self._future.result(self._tracker.patience_seconds)
        except TimeoutError:
            return None
        return started.run_id if started is not None else None

    @property
    def complete(self) -> bool:
        try:
            return all(one.result(self._tracker.patience_seconds) for one in self._written)
        except TimeoutError:
            return False

    def metrics(self, values: Mapping[str, float]) -> None:
        figures, at_ms = {name: value for name, value in values.items() if math.isfinite(value)}, _now_ms()

        def work(store: Store, run: Started) -> None:
            gone = dict.fromkeys((run.known or frozenset()) - set(figures), math.nan)
            put(store, run.run_id, gone | figures, {}, at_ms)

        self.write(work)

    def params(self, values: Mapping[str, str]) -> None:
        texts, at_ms = dict(values), _now_ms()
        # MLflow refuses to change a parameter; those of a run that goes on are what held then.
        self.write(lambda store, run: put(store, run.run_id, {}, texts, at_ms) if run.known is None else None)

    def artifact(self, path: Path) -> None:
        self._submit(lambda store, run: store.client.log_artifact(run.run_id, str(path)))

    def write(self, work: Callable[[Store, Started], None]) -> None:
        """What `complete` waits for."""
        self._written.append(self._submit(work))

    def _submit(self, work: Callable[[Store, Started], None]) -> Future[Any]:
        """Tasks keep their order, so the run has been started, or could not be, when this one's turn comes."""

        def task(store: Store) -> bool:
            run = self._future.result()
            if run is not None:
                work(store, run)
            return run is not None

        return self._tracker._submit(task)  # noqa: SLF001 - the run is a part of its tracker


class _TracedModel:
    def __init__(self, model: LanguageModel, tracker: MlflowTracker) -> None:
        self._model, self._tracker = model, tracker

    def diagnose(self, question: Question) -> ModelReply:
        started = time.time_ns()
        reply = self._model.diagnose(question)
        self._tracker.span(question, reply, started, time.time_ns())
        return reply


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
