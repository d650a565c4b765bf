"""Whether an attempt fails, and as what: the truth behind the sandbox's runs.

Everything is drawn from seeds, never from a running random stream, so that the order of calls changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from jobmedic.knowledge.words import Compute
from jobmedic.sandbox.scenario.plan import Bound, Cause, Ending
from jobmedic.sandbox.world.compute import Size
from jobmedic.sandbox.world.state import Baseline, Hit

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What an attempt runs with."""

    now: int
    seed: str
    params: Mapping[str, str]
    size: Size
    timeout_seconds: int
    """0 is none."""


def judge(hit: Hit, at: Circumstances, causes: Mapping[str, Cause]) -> Cause | None:
    """The cause that this attempt fails for; None when it succeeds. Keeps count in `hit`."""
    while hit.cured_at is None and _ended(hit, at):
        follower = hit.cause.ends.then
        if follower is None:
            hit.cured_at = at.now
            return None
        hit.cause, hit.failures, hit.since = causes[follower], 0, at.now
    if hit.cured_at is not None:
        return None
    hit.failures += 1
    if hit.baseline is None:
        hit.baseline = Baseline(at.size, at.timeout_seconds)
    return hit.cause


def _ended(hit: Hit, at: Circumstances) -> bool:
    ends = hit.cause.ends
    if hit.until is not None:
        return at.now >= hit.until
    if ends.never:
        return False
    first = hit.failures == 0 and hit.baseline is None
    if first:
        return bool(ends.params) and _params_hold(ends.params, at.params)
    return all(_conditions(hit, ends, at))


def _conditions(hit: Hit, ends: Ending, at: Circumstances) -> list[bool]:
    return [
        hit.failures > 0 or not (ends.probability or ends.after_retries),
        ends.probability is None or Random(f"{at.seed}:{hit.cause.id}").random() < ends.probability,  # noqa: S311
        ends.after_retries is None or hit.failures >= ends.after_retries,
        ends.after_minutes is None or at.now - hit.since >= ends.after_minutes * MINUTE_MS,
        _params_hold(ends.params, at.params),
        ends.compute is None or (hit.baseline is not None and _remedied(ends.compute, hit.baseline, at)),
    ]


def _params_hold(bounds: Mapping[str, Bound], params: Mapping[str, str]) -> bool:
    return all(_holds(bound, params.get(name)) for name, bound in bounds.items())


def _holds(bound: Bound, value: str | None) -> bool:
    if value is None:
        return False
    if bound.equals is not None and value != bound.equals:
        return False
    try:
        number = float(value)
    except ValueError:
        return bound.at_most is None and bound.at_least is None
    return (bound.at_most is None or number <= bound.at_most) and (bound.at_least is None or number >= bound.at_least)


def _remedied(remedy: Compute, before: Baseline, at: Circumstances) -> bool:
    if remedy is Compute.LARGER_NODE:
        return at.size.memory_gib > before.size.memory_gib
    if remedy is Compute.MORE_WORKERS:
        return at.size.workers > before.size.workers
    return at.timeout_seconds == 0 or at.timeout_seconds > before.timeout_seconds
