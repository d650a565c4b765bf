"""How a run goes on: tasks start when their dependencies allow, fail or succeed, are retried natively, and the run ends."""

from collections.abc import Callable, Mapping
from random import Random

from jobmedic.sandbox.scenario.plan import Cause
from jobmedic.sandbox.world.agenda import Agenda
from jobmedic.sandbox.world.compute import size_of
from jobmedic.sandbox.world.endings import end_iterations, settle_attempt
from jobmedic.sandbox.world.runif import gate, not_run, run_state
from jobmedic.sandbox.world.specs import cluster_of, own_params
from jobmedic.sandbox.world.state import Attempt, Behaviour, Hit, Json, Run, State
from jobmedic.sandbox.world.verdict import Circumstances, judge

SETUP_MS = 45_000
MOST_DRIFT_MINUTES = 5
Listener = Callable[[Run], None]


class Progress:
    """Drives runs along the agenda. One for a world; called under the world's lock."""

    def __init__(
        self,
        seed: int,
        agenda: Agenda,
        causes: Mapping[str, Cause],
        new_id: Callable[[int], int],
        storm: Callable[[Run, str, int], Hit | None],
    ) -> None:
        self._seed = seed
        self._agenda = agenda
        self._causes = causes
        self._new_id = new_id
        self._storm = storm
        self.on_end: list[Listener] = []

    def begin(self, run: Run, keys: list[str], repair_id: int | None = None) -> list[Attempt]:
        """Puts tasks up for execution: a new attempt each, blocked until its dependencies are done."""
        run.round += 1
        run.state, run.ended = State("RUNNING"), 0
        run.pending, run.active = list(keys), set()
        made = []
        for key in keys:
            number = 1 + max((a.number for a in run.attempts if a.task_key == key), default=-1)
            first_of_taskless = run.taskless and not run.attempts
            run_id = run.run_id if first_of_taskless else self._new_id(run.run_id)
            made.append(Attempt(run_id, run.run_id, key, number, repair_id))
        run.attempts.extend(made)
        self._step(run)
        return made

    def _step(self, run: Run) -> None:
        specs = run.specs()
        moved = True
        while moved:
            moved = False
            for key in list(run.pending):
                needs = specs[key].get("depends_on") or []
                if any(d["task_key"] in run.pending or d["task_key"] in run.active for d in needs):
                    continue
                run.pending.remove(key)
                moved = True
                self._open(run, key, specs[key])
        if not run.pending and not run.active:
            self._conclude(run)

    def _open(self, run: Run, key: str, spec: Json) -> None:
        attempt = run.latest(key)
        kept = gate(spec.get("run_if") or "ALL_SUCCESS", [self._seen(run, d) for d in spec.get("depends_on") or []])
        if kept is None:
            run.active.add(key)
            self._start(run, attempt, run.round)
        else:
            attempt.state = not_run(kept)
            attempt.started = attempt.ended = self._agenda.now

    def _seen(self, run: Run, dependency: Json) -> str | None:
        """Result of a dependency, as a task behind that branch of a condition sees it."""
        key = dependency["task_key"]
        result = run.latest(key).state.result
        wanted = dependency.get("outcome")
        if wanted and result == "SUCCESS" and run.behaviours.get(key, Behaviour()).outcome != wanted:
            return "EXCLUDED"
        return result

    def _start(self, run: Run, attempt: Attempt, round_: int) -> None:
        if run.round != round_ or run.state.terminal:
            return
        now, spec = self._agenda.now, run.specs()[attempt.task_key]
        cluster = cluster_of(spec, run.settings)
        attempt.state, attempt.started = State("RUNNING"), now
        attempt.spec, attempt.size = spec, size_of(cluster)
        attempt.setup_ms = SETUP_MS if cluster else 0
        attempt.params = {**own_params(spec, run.params), **run.params}
        seconds, cause = self._outlook(run, attempt)
        ends = now + attempt.setup_ms + int(seconds * 1000)
        self._agenda.add(ends, self._end, run, attempt, cause, round_)

    def _outlook(self, run: Run, attempt: Attempt) -> tuple[float, Cause | None]:
        """How long the attempt will take, and what it will fail for."""
        key, spec = attempt.task_key, attempt.spec
        minutes = run.behaviours.get(key, Behaviour()).minutes
        drift = Random(f"{self._seed}:{attempt.run_id}:length").uniform(-1, 1)  # noqa: S311 - scenery, no secret
        usual = 60 * (minutes + drift * min(0.1 * minutes, MOST_DRIFT_MINUTES))
        limits = [t for t in (spec.get("timeout_seconds"), run.settings.get("timeout_seconds")) if t]
        hit = run.hits.get(key) or self._storm(run, key, self._agenda.now)
        if hit is None or attempt.size is None:
            return usual, None
        run.hits[key] = hit
        at = Circumstances(
            self._agenda.now, f"{self._seed}:{attempt.run_id}", attempt.params, attempt.size, min(limits, default=0)
        )
        cause = judge(hit, at, self._causes)
        if cause is not None and cause.result_state == "TIMEDOUT" and limits:
            return float(min(limits)), cause
        return usual * (cause.fails_after if cause else 1.0), cause

    def _end(self, run: Run, attempt: Attempt, cause: Cause | None, round_: int) -> None:
        if run.round != round_ or attempt.state.terminal:
            return
        attempt.ended = self._agenda.now
        settle_attempt(run, attempt, cause, self._seed)
        if "for_each_task" in attempt.spec:
            end_iterations(attempt, cause, self._new_id)
        if cause is not None and self._retries_left(run, attempt):
            self._retry(run, attempt, round_)
            return
        run.active.discard(attempt.task_key)
        self._step(run)

    def _retries_left(self, run: Run, attempt: Attempt) -> bool:
        allowed = attempt.spec.get("max_retries") or 0
        if attempt.state.result == "TIMEDOUT" and not attempt.spec.get("retry_on_timeout"):
            return False
        done = sum(a.task_key == attempt.task_key and a.repair_id == attempt.repair_id for a in run.attempts) - 1
        return bool(allowed == -1 or done < allowed)

    def _retry(self, run: Run, failed: Attempt, round_: int) -> None:
        again = Attempt(self._new_id(run.run_id), run.run_id, failed.task_key, failed.number + 1, failed.repair_id)
        again.state = State("WAITING_FOR_RETRY", message=f"Task failed; attempt {again.number} is waiting to start.")
        again.spec = failed.spec
        run.attempts.append(again)
        wait = int(failed.spec.get("min_retry_interval_millis") or 0)
        self._agenda.add(self._agenda.now + wait, self._start, run, again, round_)

    def stop(self, run: Run, state: Callable[[], State]) -> None:
        """Ends everything that is still going in the run with `state`."""
        run.round += 1
        for attempt in run.attempts:
            if not attempt.state.terminal:
                attempt.started = attempt.started or self._agenda.now
                attempt.state, attempt.ended = state(), self._agenda.now
        run.pending, run.active = [], set()
        self._conclude(run)

    def _conclude(self, run: Run) -> None:
        run.ended = self._agenda.now
        run.state = run_state(run.specs().values(), {key: run.latest(key).state for key in run.specs()})
        if run.repairs and not run.repairs[-1].ended:
            run.repairs[-1].ended, run.repairs[-1].state = run.ended, run.state
        for listener in self.on_end:
            listener(run)
