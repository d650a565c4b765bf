"""One pass, the only place that knows its sequence: observe → collect → diagnose → decide → act → record."""

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from typing import Any

from pyspark.sql import functions as F
from pyspark.sql.types import TimestampType

from jobmedic.edges.delta_ledger.errors import of_spark, said
from jobmedic.pipeline.act.actor import Actor
from jobmedic.pipeline.act.incidents import IncidentBook
from jobmedic.pipeline.collect.collector import Collected, Collector
from jobmedic.pipeline.collect.read_runs import JobShelf
from jobmedic.pipeline.decisions import Decider
from jobmedic.pipeline.diagnose.diagnoser import Diagnoser
from jobmedic.pipeline.plan import Plan, Ports, living
from jobmedic.pipeline.tally import Tally
from jobmedic.ports.ledger import LedgerError
from jobmedic.ports.tracker import TrackedRun
from jobmedic.ports.workspace import WorkspaceError
from jobmedic.transforms.columns import from_micros

log = logging.getLogger("jobmedic")


class PassError(Exception):
    """A pass that could not do its work; the message says which part and why. What it stored before stays."""


@dataclass(frozen=True, slots=True)
class PassReport:
    pass_id: str
    workspace_id: str
    mode: str
    status: str
    started_at: datetime
    finished_at: datetime
    tally: Tally = field(repr=False)
    mlflow_run_id: str | None = None

    def as_dict(self) -> dict[str, Any]:
        tally = self.tally
        return {
            "pass_id": self.pass_id,
            "workspace_id": self.workspace_id,
            "mode": self.mode,
            "status": self.status,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "runs_seen": tally.runs_seen,
            "runs_failed": tally.runs_failed,
            "failures": tally.failures,
            "new_fingerprints": tally.new_fingerprints,
            "decisions": dict(tally.decisions),
            "actions": dict(tally.actions),
            "outcomes": dict(tally.outcomes),
            "seconds": {name: round(seconds, 3) for name, seconds in tally.seconds.items()},
            "model_calls": tally.model_calls,
            "tokens_in": tally.tokens_in,
            "tokens_out": tally.tokens_out,
            "cost_usd": tally.cost_usd,
            "errors": list(tally.errors),
            "mlflow_run_id": self.mlflow_run_id,
        }


def triage(
    ports: Ports, plan: Plan, *, run_id: int | None = None, on_stage: Callable[[str], None] | None = None
) -> PassReport:
    """Raises PassError when the workspace or the ledger cannot be used; smaller trouble is in the report's errors."""
    tally = Tally(on_stage or (lambda _stage: None))
    tags = {"jobmedic.kind": "pass", "jobmedic.pass_id": plan.pass_id, "jobmedic.mode": plan.mode.value}
    with living(plan.claimant), ports.tracker.run(f"pass {plan.pass_id}", tags=tags) as tracked:
        return _Pass(ports, plan, tally, ports.clock.now(), tracked).run(run_id)


@dataclass(slots=True)
class _Pass:
    ports: Ports
    plan: Plan
    tally: Tally
    started_at: datetime
    tracked: TrackedRun

    def run(self, run_id: int | None) -> PassReport:
        workspace_id = self._workspace_id()
        jobs = JobShelf(self.ports, self.tally)
        collector = Collector(self.ports, self.plan, self.tally, jobs, workspace_id, self.started_at)
        try:
            with self._reading(workspace_id), self.tally.stage("collect"):
                collected = collector.collect(run_id)
        except WorkspaceError as error:
            raise self._failed(workspace_id, f"the failed runs could not be read: {error}") from error
        except LedgerError as error:
            raise self._failed(workspace_id, f"the failures could not be stored: {error}") from error
        try:
            with self._reading(workspace_id):
                self._treat(workspace_id, jobs, collected, run_id)
        except LedgerError as error:
            raise self._failed(workspace_id, str(error)) from error
        try:
            return self._record(workspace_id, collected if run_id is None else None)
        except LedgerError as error:
            raise PassError(f"the pass did its work and could not write down its figures: {error}") from error

    @contextmanager
    def _reading(self, workspace_id: str) -> Generator[None]:
        """What Spark raises ends the pass with what to do."""
        try:
            yield
        except Exception as error:
            if of_spark(error):
                raise self._failed(workspace_id, self._unreadable(error)) from error
            raise

    def _unreadable(self, error: Exception) -> str:
        """A table is read when its rows are asked for, and damage that only shows then has no table's name at hand."""
        return (
            f"the stage {self.tally.now_in} could not read the tables: {said(error)}. "
            "Restore the damaged files from a copy, or name another place in JOBMEDIC_TABLES"
        )

    def _treat(self, workspace_id: str, jobs: JobShelf, collected: Collected, run_id: int | None) -> None:
        now = self.ports.clock.now()
        with self.tally.stage("diagnose"):
            Diagnoser(self.ports, self.plan, self.tally, now).diagnose()
        book = IncidentBook(self.ports, self.plan, self.tally, workspace_id, now)
        with self.tally.stage("decide"):
            decider = Decider(self.ports, self.plan, self.tally, workspace_id, now)
            decider.settle(collected.settled)
            decider.decide(run_id)
            book.write()
            book.resolve()
        with self.tally.stage("act"):
            Actor(self.ports, self.plan, self.tally, jobs, book, workspace_id, now).act(run_id)

    def _workspace_id(self) -> str:
        try:
            return self.ports.runs.identity().workspace_id
        except WorkspaceError as error:
            raise self._failed("", f"the workspace could not be reached: {error}") from error

    def _failed(self, workspace_id: str, message: str) -> PassError:
        self.tally.note(message)  # whoever catches the error tells it
        with suppress(LedgerError):  # the ledger itself may be what failed
            self._record(workspace_id, None, status="failed")
        return PassError(message)

    def _record(self, workspace_id: str, collected: Collected | None, status: str | None = None) -> PassReport:
        with self.tally.stage("record"):
            self.tracked.params(self._versions())
            self.tracked.metrics(self._metrics())
            told = status or ("partial" if self.tally.errors else "ok")
            report = PassReport(
                self.plan.pass_id,
                workspace_id,
                self.plan.mode.value,
                told,
                self.started_at,
                self.ports.clock.now(),
                self.tally,
                self.tracked.run_id,
            )
            row = report.as_dict() | self._versions() | {"watermark": collected.watermark if collected else None}
            self.ports.ledger.append("passes", [row])
        return report

    def _versions(self) -> dict[str, str]:
        return {
            "policy_version": self.plan.policy.digest,
            "rules_version": self.plan.catalogue.version,
            "prompt_version": self.plan.prompt_version or "",
            "jobmedic_version": version("jobmedic"),
        }

    def _metrics(self) -> dict[str, float]:
        tally = self.tally
        plain = (
            "runs_seen",
            "runs_failed",
            "failures",
            "new_fingerprints",
            "model_calls",
            "tokens_in",
            "tokens_out",
            "cost_usd",
        )
        counted = {name: float(getattr(tally, name)) for name in plain} | {"errors": float(len(tally.errors))}
        for name in ("decisions", "actions", "outcomes", "seconds"):
            counted |= {f"{name}.{key}": float(value) for key, value in getattr(tally, name).items()}
        return counted


def decision_of(ports: Ports, workspace_id: str, run_id: int) -> dict[str, Any] | None:
    """The newest decision on a run with what was done, times aware and UTC; None when there is none."""
    newest = (
        ports.ledger.read("v_decisions")
        .where((F.col("workspace_id") == workspace_id) & (F.col("run_id") == run_id))
        .orderBy(F.desc("decided_at"), F.desc("attempts_before"))
        .limit(1)
    )
    times = [field.name for field in newest.schema.fields if isinstance(field.dataType, TimestampType)]
    rows = newest.withColumns({name: F.unix_micros(name) for name in times}).collect()
    if not rows:
        return None
    told = rows[0].asDict(recursive=True)
    return told | {name: from_micros(told[name]) for name in times if told[name] is not None}
