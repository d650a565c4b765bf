"""The simulated workspace: a state machine without I/O.

All run state lives here and nowhere else, so that what jobmedic claims can be held against it. Time is the clock's;
whatever is due happens on the next call, each event at its own time. Safe to call from many threads.
"""

import threading
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from jobmedic.sandbox.clock import SandboxClock
from jobmedic.sandbox.scenario.plan import Cause, JobPlan
from jobmedic.sandbox.world.agenda import Agenda
from jobmedic.sandbox.world.endings import crowded_out, user_cancel
from jobmedic.sandbox.world.progress import Progress
from jobmedic.sandbox.world.repairs import check_repair, repair
from jobmedic.sandbox.world.specs import UNCROWDED, behaviours_of, defaults_of, settings_of
from jobmedic.sandbox.world.state import Attempt, Behaviour, Hit, Job, Json, Refusal, Run
from jobmedic.sandbox.world.storms import Storms
from jobmedic.sandbox.world.submits import check_submit, link_origin

KEPT_MS = 60 * 24 * 3600 * 1000
"""Runs vanish after 60 days."""
TOKEN_LENGTH = 64


class World:
    def __init__(self, clock: SandboxClock, *, seed: int = 0) -> None:
        self.clock = clock
        self.seed = seed
        self.jobs: dict[int, Job] = {}
        self.runs: dict[int, Run] = {}
        self.gone: dict[int, Run] = {}
        """Deleted and purged runs: hidden from the API, kept for the truth."""
        self.causes: dict[str, Cause] = {}
        self.lock = threading.RLock()
        self.agenda = Agenda()
        self.agenda.now = clock.milliseconds()
        self.storms = Storms(self.causes)
        self.progress = Progress(seed, self.agenda, self.causes, self._new_task_id, self.storms.hit)
        self.progress.on_end.append(self._expire)
        self._parents: dict[int, int] = {}
        self._tokens: dict[str, int] = {}
        self._ids: set[int] = set()

    # time

    def settle(self) -> int:
        """Lets everything happen that is due; returns the time."""
        with self.lock:
            self.agenda.settle(self.clock.milliseconds())
            return self.agenda.now

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.settle()

    def at(self, milliseconds: int, what: Callable[..., Any], *args: Any) -> None:
        """Does something when that time has come."""
        with self.lock:
            self.agenda.add(milliseconds, what, *args)

    def new_id(self) -> int:
        """Odd and above 2^53, so that a reader that takes ids for floating-point numbers is found out."""
        random = Random(f"{self.seed}:id:{len(self._ids)}")  # noqa: S311 - scenery, no secret
        new = (1 << 54) | random.getrandbits(53) | 1
        while new in self._ids:
            new += 2
        self._ids.add(new)
        return new

    def _new_task_id(self, parent: int) -> int:
        new = self.new_id()
        self._parents[new] = parent
        return new

    # jobs

    def add_job(self, plan: JobPlan) -> int:
        with self.lock:
            job = self.create_job(settings_of(plan), by=plan.owner, behaviours=behaviours_of(plan))
            self.jobs[job].taskless = plan.taskless
            return job

    def create_job(self, settings: Json, *, by: str, behaviours: Mapping[str, Behaviour] | None = None) -> int:
        with self.lock:
            job_id = self.new_id()
            self.jobs[job_id] = Job(job_id, settings, by, self.clock.milliseconds(), behaviours or {})
            return job_id

    def job(self, job_id: int) -> Job:
        self.settle()
        if job_id not in self.jobs:
            raise Refusal(f"Job {job_id} does not exist.")
        return self.jobs[job_id]

    def job_named(self, name: str) -> Job:
        return next(j for j in self.jobs.values() if j.settings.get("name") == name)

    def update_job(self, job_id: int, settings: Json) -> None:
        """Top-level fields are replaced; runs that have begun keep theirs."""
        with self.lock:
            job = self.job(job_id)
            job.settings = {**job.settings, **settings}

    def delete_job(self, job_id: int) -> None:
        with self.lock:
            self.job(job_id)
            del self.jobs[job_id]

    # runs

    def run(self, run_id: int) -> Run:
        self.settle()
        if run_id not in self.runs:
            raise Refusal(f"Run {run_id} does not exist.")
        return self.runs[run_id]

    def find(self, run_id: int) -> tuple[Run, Attempt | None]:
        """A run, or the run that a task run or an iteration belongs to, and that attempt."""
        self.settle()
        run = self.runs.get(self._parents.get(run_id, run_id))
        if run is None:
            raise Refusal(f"Run {run_id} does not exist.")
        return run, self._attempt(run, run_id)

    def _attempt(self, run: Run, run_id: int) -> Attempt | None:
        for attempt in run.attempts:
            for one in (attempt, *attempt.iterations):
                if one.run_id == run_id:
                    return one
        return None

    def run_now(
        self,
        job_id: int,
        *,
        by: str,
        params: Mapping[str, str] | None = None,
        trigger: str = "ONE_TIME",
        hits: Mapping[str, Cause] | None = None,
        idempotency_token: str | None = None,
    ) -> int:
        with self.lock:
            job = self.job(job_id)
            if known := self._seen(idempotency_token):
                return known
            job.runs += 1
            run = self._new_run(job.settings, job_id, kind="JOB_RUN", by=by, trigger=trigger, behaviours=job.behaviours)
            run.number, run.overrides, run.taskless = job.runs, dict(params or {}), job.taskless
            run.params = {**run.defaults, **run.overrides}
            run.hits = {key: Hit(cause, run.started) for key, cause in (hits or {}).items()}
            return self._go(run, idempotency_token)

    def submit(
        self,
        body: Json,
        *,
        by: str,
        hits: Mapping[str, Cause] | None = None,
        behaviours: Mapping[str, Behaviour] | None = None,
        kind: str = "SUBMIT_RUN",
    ) -> int:
        """Without `hits` the run shares the trouble of the failed run that it runs again."""
        with self.lock:
            self.settle()
            check_submit(body)
            token = body.get("idempotency_token")
            if known := self._seen(token):
                return known
            settings = {k: v for k, v in body.items() if k != "idempotency_token"}
            settings["name"] = body.get("run_name") or "Untitled"
            run = self._new_run(
                settings, self.new_id(), kind=kind, by=by, trigger="ONE_TIME", behaviours=behaviours or {}
            )
            run.hits = {key: Hit(cause, run.started) for key, cause in (hits or {}).items()}
            if hits is None:
                link_origin(run, self.runs)
            return self._go(run, token)

    def _seen(self, token: str | None) -> int | None:
        if token and len(token) > TOKEN_LENGTH:
            raise Refusal(f"The idempotency token must have at most {TOKEN_LENGTH} characters.")
        return self._tokens.get(token or "")

    def _new_run(
        self, settings: Json, job_id: int, *, kind: str, by: str, trigger: str, behaviours: Mapping[str, Behaviour]
    ) -> Run:
        return Run(
            run_id=self.new_id(),
            job_id=job_id,
            name=settings.get("name") or "Untitled",
            run_type=kind,
            creator=by,
            trigger=trigger,
            started=self.agenda.now,
            number=1,
            settings=settings,
            defaults=defaults_of(settings),
            overrides={},
            behaviours=dict(behaviours),
            params=defaults_of(settings),
        )

    def _go(self, run: Run, token: str | None) -> int:
        self.runs[run.run_id] = run
        if token:
            self._tokens[token] = run.run_id
        if self._crowded(run):
            run.state, run.ended = crowded_out(), run.started
        else:
            self.progress.begin(run, list(run.specs()))
        return run.run_id

    def _crowded(self, run: Run) -> bool:
        """Whether the job already has as many active runs as it may have; jobs with a queue would wait instead."""
        limit = run.settings.get("max_concurrent_runs") or 1
        if run.run_type != "JOB_RUN" or limit >= UNCROWDED or (run.settings.get("queue") or {}).get("enabled"):
            return False
        active = sum(r.job_id == run.job_id and not r.state.terminal for r in self.runs.values()) - 1
        return bool(active >= limit)

    def repair(self, body: Json, *, by: str) -> int:
        with self.lock:
            run = self.run(int(body["run_id"]))
            check_repair(run, body)
            job, now = self.job(run.job_id), self.agenda.now
            return repair(self.progress, run, job, body, by=by, repair_id=self.new_id(), now=now)

    def cancel(self, run_id: int) -> None:
        with self.lock:
            run = self.run(run_id)
            if not run.state.terminal:
                self.progress.stop(run, user_cancel)

    def delete_run(self, run_id: int) -> None:
        with self.lock:
            if run_id in self.runs:
                self.gone[run_id] = self.runs.pop(run_id)

    def _expire(self, run: Run) -> None:
        self.agenda.add(run.ended + KEPT_MS, self._purge, run, run.ended)

    def _purge(self, run: Run, ended: int) -> None:
        if run.ended == ended:
            self.delete_run(run.run_id)
