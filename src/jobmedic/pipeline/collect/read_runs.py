"""Reading failed runs with bounded concurrency: run, job, and the error text of each root cause."""

import logging
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from jobmedic.knowledge.states import SUCCESS
from jobmedic.pipeline.act.resubmit import possible
from jobmedic.pipeline.collect.root_causes import FailedTask, failure_row, root_causes
from jobmedic.pipeline.plan import Plan, Ports
from jobmedic.pipeline.tally import Tally
from jobmedic.ports.workspace import Job, Run, RunGone, TaskAttempt, TaskOutput, WorkspaceError

log = logging.getLogger("jobmedic")

READ_AHEAD = 64
"""Runs that are read while others are being stored."""

# While the workspace is busy an error text may be had later; a failure older than this is decided without it.
PATIENCE = timedelta(hours=2)
TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Resubmitted:
    """A one-time run that jobmedic itself started for a failed one; its failures belong to the same owner."""

    of_run_id: int
    job_name: str | None
    owner: str | None
    executions: int


@dataclass(frozen=True, slots=True)
class ReadRun:
    """What one run showed. `run` is None when it is gone; then `rows` is empty."""

    run_id: int
    run: Run | None
    rows: tuple[dict[str, Any], ...] = ()

    @property
    def settled(self) -> bool:
        return self.run is None or (not self.run.active and self.run.result_state == SUCCESS)


@dataclass(slots=True)
class JobShelf:
    """Each job is read once a pass, however many of its runs failed."""

    ports: Ports
    tally: Tally
    _jobs: dict[int, Job | None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, job_id: int | None) -> Job | None:
        """None for a one-time submit, for a job that is gone, and for one that may not be read.

        Raises WorkspaceError when the workspace may answer later: what a job forbids is not guessed.
        """
        if job_id is None:
            return None
        with self._lock:
            if job_id in self._jobs:
                return self._jobs[job_id]
        try:
            job = self.ports.jobs.get_job(job_id)
        except RunGone:
            job = None
        except WorkspaceError as error:
            if passing(error):
                raise
            self.tally.problem(
                f"job {job_id} could not be read, so its runs are taken as not safe to run again: {error}"
            )
            job = None
        with self._lock:
            return self._jobs.setdefault(job_id, job)


@dataclass(frozen=True, slots=True)
class RunsReader:
    ports: Ports
    plan: Plan
    tally: Tally
    jobs: JobShelf
    workspace_id: str
    now: datetime
    resubmitted: Mapping[int, Resubmitted] = field(default_factory=dict)

    def read(self, run_ids: Iterable[int], known_tasks: frozenset[int]) -> Iterator[ReadRun]:
        """In the order of the ids; a run that cannot be read is reported and left for the next pass."""
        with ThreadPoolExecutor(self.plan.concurrency, thread_name_prefix="jobmedic-read") as pool:
            under_way: deque[Future[ReadRun | None]] = deque()
            for run_id in run_ids:
                under_way.append(pool.submit(self._read, run_id, known_tasks))
                if len(under_way) >= READ_AHEAD:
                    yield from _found(under_way.popleft())
            while under_way:
                yield from _found(under_way.popleft())

    def _read(self, run_id: int, known_tasks: frozenset[int]) -> ReadRun | None:
        try:
            return self._failures(self.ports.runs.get_run(run_id), known_tasks)
        except RunGone:
            return ReadRun(run_id, None)
        except WorkspaceError as error:
            self.tally.problem(f"run {run_id} could not be read and is left for the next pass: {error}")
        except Exception as error:
            # One run that shows what nobody foresaw must not keep all others from being looked at.
            log.debug("run %s", run_id, exc_info=True)
            self.tally.problem(
                f"run {run_id} shows something that jobmedic cannot read; it is left for the next pass: {error!r}"
            )
        return None

    def _failures(self, run: Run, known_tasks: frozenset[int]) -> ReadRun:
        if run.active:
            return ReadRun(run.run_id, run)
        job = self.jobs.get(run.job_id)
        causes = root_causes(run, job)
        known = frozenset(cause.attempt.task_run_id for cause in causes) & known_tasks
        rows = tuple(self._row(run, job, cause, known) for cause in causes)
        return ReadRun(run.run_id, run, rows)

    def overtaken(self, run: Run, attempt: TaskAttempt) -> dict[str, Any]:
        """What tells the cause of an attempt that is no longer its task's newest; it is no failure to store."""
        failed = FailedTask(attempt, executions=1, max_native_retries=None, native_retries_pending=False)
        try:
            output = self.ports.runs.get_output(attempt.task_run_id)
        except WorkspaceError:
            output = None
        return failure_row(
            failed, run, None, output, workspace_id=self.workspace_id, collected_at=self.now, pass_id=self.plan.pass_id
        )

    def _row(self, run: Run, job: Job | None, cause: FailedTask, known: frozenset[int]) -> dict[str, Any]:
        output = None if cause.attempt.task_run_id in known else self._output(cause)
        row = failure_row(
            cause, run, job, output, workspace_id=self.workspace_id, collected_at=self.now, pass_id=self.plan.pass_id
        )
        if cause.attempt.task_run_id not in known:  # else it stands in the ledger, and no later look changes it
            row["compute_remedies"] = possible(run, job, cause.attempt.task_key, self.plan.policy.compute)
        mask = self.ports.mask
        for name in ("job_parameters", "tags"):
            row[name] = self.ports.mask_named(row[name])
        for name in ("job_name", "run_name"):
            row[name] = mask(row[name]) if row[name] else row[name]
        if ours := self.resubmitted.get(run.run_id):
            row |= {
                "owner": ours.owner,
                "job_name": ours.job_name,
                "resubmission_of": ours.of_run_id,
                "executions": ours.executions + row["executions"],
            }
        return row

    def _output(self, cause: FailedTask) -> TaskOutput | None:
        """None, and said aloud, when there is no text to be had; WorkspaceError when there may be one later."""
        task_run = cause.attempt.task_run_id
        try:
            return self.ports.runs.get_output(task_run)
        except RunGone:
            self.tally.problem(f"the output of task run {task_run} is gone; its failure is stored without a text")
        except WorkspaceError as error:
            ended = cause.attempt.ended_at
            fresh = ended is not None and self.now - ended < PATIENCE
            if fresh and passing(error):
                raise
            self.tally.problem(
                f"the output of task run {task_run} could not be read; its failure is stored without a text: {error}"
            )
        return None


def passing(error: WorkspaceError) -> bool:
    """The same call may well succeed later."""
    return error.status is None or error.status in TEMPORARY


def _found(reading: Future[ReadRun | None]) -> Iterator[ReadRun]:
    read = reading.result()
    if read is not None:
        yield read


def chunked(ids: Iterable[int], size: int) -> Iterator[tuple[int, ...]]:
    remaining = iter(ids)
    while chunk := tuple(islice(remaining, size)):
        yield chunk
