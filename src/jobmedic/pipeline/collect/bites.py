"""Runs as they are read, in bites that memory can hold however many runs and whatever their texts."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jobmedic.knowledge.states import SUCCESS
from jobmedic.pipeline.collect.read_runs import ReadRun

ROW_BYTES = 2_000
"""What a failure takes beside its texts."""

RUN_BYTES = 20_000
"""What a run takes that is kept whole: some have a hundred tasks with a cluster each."""


@dataclass(frozen=True, slots=True)
class SeenRun:
    """What is remembered of a run when its bite was stored."""

    run_id: int
    gone: bool
    active: bool
    succeeded: bool
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, read: ReadRun) -> "SeenRun":
        run = read.run
        if run is None:
            return cls(read.run_id, gone=True, active=False, succeeded=False, started_at=None, ended_at=None)
        return cls(read.run_id, False, run.active, run.result_state == SUCCESS, run.started_at, run.ended_at)


@dataclass(slots=True)
class Bite:
    rows: list[dict[str, Any]] = field(default_factory=list)
    """Of `failures`."""
    awaited: list[ReadRun] = field(default_factory=list)
    """Runs that actions wait for, whole."""
    seen: list[SeenRun] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)
    size: int = 0

    def add(self, read: ReadRun, *, awaited: bool) -> None:
        self.rows += read.rows
        self.seen.append(SeenRun.of(read))
        self.size += sum(ROW_BYTES + len(row["error"] or "") + len(row["error_trace"] or "") for row in read.rows)
        if awaited:
            self.awaited.append(read)
            self.size += RUN_BYTES
        if read.settled:
            self.settled.append(read.run_id)


def bites(reads: Iterable[ReadRun], awaited: Container[int], most_bytes: int) -> Iterator[Bite]:
    """Every run in one of them, in order."""
    bite = Bite()
    for read in reads:
        bite.add(read, awaited=read.run_id in awaited)
        if bite.size >= most_bytes:
            yield bite
            bite = Bite()
    if bite.seen:
        yield bite
