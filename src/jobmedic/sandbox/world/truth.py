"""What really happened in a world, to hold jobmedic's claims against."""

from collections.abc import Mapping
from dataclasses import dataclass

from jobmedic.knowledge.words import Category
from jobmedic.sandbox.scenario.plan import Cause
from jobmedic.sandbox.scenario.texts import telltale
from jobmedic.sandbox.world.runif import bad
from jobmedic.sandbox.world.state import Attempt, Run
from jobmedic.sandbox.world.world import World

HOUR_MS = 3_600_000
SHORTEST_TELLTALE = 12


@dataclass(frozen=True, slots=True)
class RunTruth:
    """One run. Runs that never failed are told too."""

    run_id: int
    job_id: int
    job_name: str
    run_type: str
    first_result: str | None
    """How it stood before anybody repaired it; None while it is active."""
    result: str | None
    causes: tuple[str, ...]
    """Of all failed attempts, oldest first, each once."""
    categories: tuple[Category, ...]
    failed: bool
    """A task failed at some time, even if it was retried natively or tolerated."""
    recovered_by: str | None
    """`native retry`, `repair by NAME` or `submit by NAME`; None for runs that never failed or still stand failed."""
    executions: int
    """Attempts that ran, over all tasks; one-time runs that ran it again included."""
    repairs: tuple[str, ...]
    """Who repaired it, oldest first."""
    submits: tuple[int, ...]
    """One-time runs that ran it again."""
    compute_seconds: float
    dollars: float
    retry_dollars: float
    """Of these, what all executions after the first of each task cost."""


def truth(world: World) -> dict[int, RunTruth]:
    """By run id; purged and deleted runs included."""
    with world.lock:
        world.settle()
        runs = {**world.gone, **world.runs}
        again: dict[int, list[Run]] = {}
        for run in runs.values():
            if run.origin is not None:
                again.setdefault(run.origin, []).append(run)
        return {run_id: _told(run, again.get(run_id, []), world.causes) for run_id, run in runs.items()}


def _told(run: Run, again: list[Run], causes: Mapping[str, Cause]) -> RunTruth:
    ran = [a for a in run.attempts if a.size is not None and a.ended]
    resubmitted = [a for r in again for a in r.attempts if a.size is not None and a.ended]
    met = tuple(dict.fromkeys(a.cause for a in ran if a.cause))
    retries = [a for a in ran if a.number > 0] + resubmitted
    return RunTruth(
        run_id=run.run_id,
        job_id=run.job_id,
        job_name=run.name,
        run_type=run.run_type,
        first_result=(run.first_state or run.state).result,
        result=run.state.result,
        causes=met,
        categories=tuple(causes[c].category for c in met),
        failed=bool(met),
        recovered_by=_recovered_by(run, again, failed=bool(met)),
        executions=len(ran) + len(resubmitted),
        repairs=tuple(r.by for r in run.repairs),
        submits=tuple(r.run_id for r in again),
        compute_seconds=sum(_seconds(a) for a in ran + resubmitted),
        dollars=sum(_dollars(a) for a in ran + resubmitted),
        retry_dollars=sum(_dollars(a) for a in retries),
    )


def _recovered_by(run: Run, again: list[Run], *, failed: bool) -> str | None:
    if not failed:
        return None
    if run.state.result == "SUCCESS":
        return f"repair by {run.repairs[-1].by}" if run.repairs else "native retry"
    winner = next((r for r in again if r.state.result == "SUCCESS"), None)
    return f"submit by {winner.creator}" if winner else None


def _seconds(attempt: Attempt) -> float:
    return (attempt.ended - attempt.started) / 1000


def _dollars(attempt: Attempt) -> float:
    return (attempt.ended - attempt.started) / HOUR_MS * (attempt.size.dollars_per_hour if attempt.size else 0.0)


def still_failed(world: World) -> list[int]:
    """Runs that stand failed now, whatever became of them elsewhere."""
    return [r for r, t in truth(world).items() if bad(t.result) and t.recovered_by is None]


def oracle(causes: Mapping[str, Cause], text: str) -> tuple[Category, bool] | None:
    """Category and transience of the cause whose template made this text; None for a text from elsewhere."""
    for cause in causes.values():
        mark = telltale(cause.error or "")
        if len(mark) >= SHORTEST_TELLTALE and mark in text:
            return cause.category, cause.transient
    return None
