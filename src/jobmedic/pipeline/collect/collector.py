"""Observe and collect: which runs to look at, their failures into the ledger, and what became of earlier actions.

A failure is stored before anything else happens to it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pyspark.sql import functions as F

from jobmedic.knowledge.states import SUCCESS
from jobmedic.knowledge.words import ActionStatus
from jobmedic.pipeline.collect.bites import SeenRun, bites
from jobmedic.pipeline.collect.outcomes import Pending, failed_again, judged, pending_actions
from jobmedic.pipeline.collect.read_runs import JobShelf, ReadRun, Resubmitted, RunsReader, chunked
from jobmedic.pipeline.plan import Plan, Ports
from jobmedic.pipeline.tally import Tally
from jobmedic.ports.workspace import RunSummary
from jobmedic.transforms.columns import from_micros, instant
from jobmedic.transforms.fingerprint import fingerprint

# Clocks differ, and a run may be listed a little after it started.
OVERLAP = timedelta(minutes=10)

# A failed run is looked at again for this long: somebody may repair it.
WATCHED_FOR = timedelta(hours=24)

KNOWN_TOGETHER = 5_000
"""Runs whose stored failures are looked up at once."""

# What a later look at a stored failure may change; its text and fingerprint stay.
CHANGING = (
    "repair_id",
    "repairs",
    "executions",
    "native_retries_pending",
    "run_result_state",
    "tags",
    "job_exists",
    "owner",
)


WatchRow = dict[str, Any]
"""Columns of `open_runs`; without `closed_at` where the run is to be looked at again."""


@dataclass(frozen=True, slots=True)
class Collected:
    watermark: datetime
    """From where the next pass lists."""
    found: int
    """Failures stored for the first time."""
    settled: tuple[int, ...]
    """Runs that are gone or ended in success: nothing that waits for them needs doing."""


@dataclass(slots=True)
class Collector:
    ports: Ports
    plan: Plan
    tally: Tally
    jobs: JobShelf
    workspace_id: str
    now: datetime

    def collect(self, run_id: int | None = None) -> Collected:
        """All failed runs since the watermark and all watched ones, or just `run_id`."""
        pending = pending_actions(self.ports.ledger, self.workspace_id)
        watched = self._watched()
        moved: dict[int, WatchRow] = {}
        if run_id is not None:
            watermark, ids = self.now, [run_id]
            pending = {run: waiting for run, waiting in pending.items() if run == run_id}
        else:
            watermark, ids, moved = self._due(pending, watched)
        reader = RunsReader(
            self.ports, self.plan, self.tally, self.jobs, self.workspace_id, self.now, self._resubmitted()
        )
        found, settled = 0, []
        for group in chunked(ids, KNOWN_TOGETHER):
            stored = self._stored(group)
            unread = set(group)
            for bite in bites(reader.read(group, frozenset(stored)), pending, self.plan.chunk_bytes):
                found += self._store(bite.rows, stored)
                self._judge(bite.awaited, pending, reader)
                settled += bite.settled
                moved |= {run.run_id: self._watch(run) for run in bite.seen}
                unread -= {run.run_id for run in bite.seen}
            moved |= {run: {"run_id": run} for run in unread}  # could not be read: to be looked at again
            self._remember(moved, watched)
            moved = {}
        self._remember(moved, watched)
        self.tally.failures += found
        return Collected(watermark, found, tuple(settled))

    def _due(
        self, pending: dict[int, list[Pending]], watched: frozenset[int]
    ) -> tuple[datetime, list[int], dict[int, WatchRow]]:
        """Runs listed as failed, runs watched, and runs that an action waits for, each once; and what runs and is new."""
        ids: dict[int, None] = dict.fromkeys([*sorted(watched), *pending])
        active: dict[int, WatchRow] = {}
        listed_at = self.ports.clock.now()
        start, oldest_end = self._window()
        first_pass, newest = oldest_end is not None, None
        for summary in self._listed(start, first_pass=first_pass):
            self.tally.runs_seen += 1
            newest = max(newest or summary.started_at, summary.started_at)
            if summary.active:
                active[summary.run_id] = {"run_id": summary.run_id, "started_at": summary.started_at}
            elif summary.result_state != SUCCESS and (
                oldest_end is None or (summary.ended_at or self.now) >= oldest_end
            ):
                self.tally.runs_failed += 1
                ids[summary.run_id] = None
        return self._watermark(start, listed_at, newest), list(ids), active

    def _watermark(self, start: datetime, listed_at: datetime, newest: datetime | None) -> datetime:
        """By the workspace's own clock, which may be behind ours: what starts next is no older than the newest run seen.

        Never further back than `since`: what a first pass left out as too old stays out.
        """
        theirs = start if newest is None else max(start, newest - OVERLAP)
        return min(listed_at - OVERLAP, max(theirs, listed_at - self.plan.since))

    def _listed(self, start: datetime, *, first_pass: bool) -> Iterator[RunSummary]:
        yield from self.ports.runs.list_runs(started_from=start)
        if first_pass:  # whatever still runs, however long ago it started
            yield from self.ports.runs.list_runs(started_to=start, active_only=True)

    def _window(self) -> tuple[datetime, datetime | None]:
        """Where the listing starts; on a first pass also the oldest end that still counts."""
        newest = (
            self.ports.ledger.read("passes")
            .where((F.col("workspace_id") == self.workspace_id) & F.col("watermark").isNotNull())
            .agg(F.max(F.unix_micros("watermark")).alias("micros"))
            .collect()[0]["micros"]
        )
        if newest is None or self.plan.look_back:
            return self.now - self.plan.since - self.plan.longest_run, self.now - self.plan.since
        return from_micros(newest), None

    def _watched(self) -> frozenset[int]:
        rows = (
            self.ports.ledger.read("open_runs")
            .where((F.col("workspace_id") == self.workspace_id) & F.col("closed_at").isNull())
            .select("run_id")
            .collect()
        )
        return frozenset(row["run_id"] for row in rows)

    def _watch(self, seen: SeenRun) -> WatchRow:
        """Watches what may still change: active runs and fresh failures."""
        ended = seen.ended_at or self.now
        over = seen.gone or (not seen.active and (seen.succeeded or self.now - ended > WATCHED_FOR))
        return {"run_id": seen.run_id, "started_at": seen.started_at, "closed_at": self.now if over else None}

    def _remember(self, moved: dict[int, WatchRow], watched: frozenset[int]) -> None:
        """Writes down which runs are watched from now on, and which no more; what stands there so already is left out."""
        closed = [run for run, row in moved.items() if row.get("closed_at") and run not in watched]
        known = self._known(closed)
        rows = [
            {"workspace_id": self.workspace_id, "seen_at": self.now, "closed_at": None, "started_at": None, **row}
            for run, row in moved.items()
            if (row.get("closed_at") is None) != (run in watched) and run not in known
        ]
        self.ports.ledger.merge("open_runs", rows, update=("seen_at", "closed_at"))

    def _known(self, run_ids: Sequence[int]) -> set[int]:
        """Of runs that are not watched, those that once were."""
        if not run_ids:
            return set()
        rows = (
            self.ports.ledger.read("open_runs")
            .where((F.col("workspace_id") == self.workspace_id) & F.col("run_id").isin(list(run_ids)))
            .select("run_id")
            .collect()
        )
        return {row["run_id"] for row in rows}

    def _stored(self, run_ids: Sequence[int]) -> dict[int, tuple[Any, ...]]:
        """By task run id of the stored failures of these runs, what tells whether they changed since."""
        rows = (
            self.ports.ledger.read("failures")
            .where((F.col("workspace_id") == self.workspace_id) & F.col("run_id").isin(list(run_ids)))
            .select("task_run_id", *CHANGING)
            .collect()
        )
        return {row["task_run_id"]: tuple(row[name] for name in CHANGING) for row in rows}

    def _store(self, rows: Sequence[dict[str, Any]], stored: dict[int, tuple[Any, ...]]) -> int:
        """Failures that stand in the ledger exactly so already are left out: a quiet pass writes nothing."""
        changed = [row for row in rows if stored.get(row["task_run_id"]) != tuple(row[name] for name in CHANGING)]
        if changed:
            frame = fingerprint(self.ports.ledger.frame("failures", changed), self.plan.masks)
            self.ports.ledger.merge("failures", frame, update=CHANGING)
        return sum(row["task_run_id"] not in stored for row in rows)

    def _judge(self, reads: Sequence[ReadRun], pending: dict[int, list[Pending]], reader: RunsReader) -> None:
        failed = failed_again(reads, pending)
        prints = self._fingerprints([run.run_id for run, _ in failed])
        overtaken = [reader.overtaken(run, attempt) for run, attempt in failed if attempt.task_run_id not in prints]
        if overtaken:
            frame = fingerprint(self.ports.ledger.frame("failures", overtaken), self.plan.masks)
            prints |= {row["task_run_id"]: row["fingerprint"] for row in frame.collect()}
        outcomes = judged(reads, pending, prints, self.plan.policy, self.now)
        self.ports.ledger.merge("outcomes", outcomes)
        self.tally.outcomes.update(row["outcome"] for row in outcomes)

    def _fingerprints(self, run_ids: Sequence[int]) -> dict[int, str]:
        if not run_ids:
            return {}
        rows = (
            self.ports.ledger.read("failures")
            .where((F.col("workspace_id") == self.workspace_id) & F.col("run_id").isin(list(run_ids)))
            .select("task_run_id", "fingerprint")
            .collect()
        )
        return {row["task_run_id"]: row["fingerprint"] for row in rows}

    def _resubmitted(self) -> dict[int, Resubmitted]:
        started = (
            self.ports.ledger.read("actions")
            .where((F.col("workspace_id") == self.workspace_id) & F.col("new_run_id").isNotNull())
            .where(F.col("status") == ActionStatus.APPLIED.value)
            .where(F.col("requested_at") >= instant(self.now - timedelta(days=7)))
            .select("decision_id", "new_run_id")
        )
        decided = self.ports.ledger.read("decisions").select(
            "decision_id", "run_id", "job_name", "owner", "attempts_before"
        )
        return {
            row["new_run_id"]: Resubmitted(row["run_id"], row["job_name"], row["owner"], row["attempts_before"] or 1)
            for row in started.join(decided, "decision_id", "inner").collect()
        }
