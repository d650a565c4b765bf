"""`tune promote`: the champion alias moves only to a deployment that is better, no more reckless, and not by luck."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from jobmedic.pipeline.tune.evaluate import Comparison, Marks, answers, compare, load_held_out
from jobmedic.pipeline.tune.examples import Limits, TuneRefused
from jobmedic.pipeline.tune.prepare import HELD_OUT
from jobmedic.ports.model import LanguageModel
from jobmedic.ports.registry import Alias, Classifier, Registry
from jobmedic.ports.tracker import Tracker

SIGNIFICANT = 0.05
_MOST_REFUSED = 0.2


@dataclass(frozen=True, slots=True)
class Promotion:
    promoted: bool
    reasons: tuple[str, ...]
    """Why not, or why."""
    comparison: Comparison
    version: str
    """Of the challenger in the registry."""

    def lines(self) -> list[str]:
        head = "promoted: the challenger is champion now" if self.promoted else "not promoted: the champion stays"
        figures = [
            f"  {name:<11} macro-F1 {m.macro_f1:.3f}, accuracy {m.accuracy:.3f}, wrong retries {m.wrong_retry_rate:.3f}, "
            f"refused {m.refused} of {m.n}"
            for name, m in (("champion", self.comparison.champion), ("challenger", self.comparison.challenger))
        ]
        return [
            head,
            *figures,
            f"  p = {self.comparison.p_value:.4f} (paired bootstrap)",
            *[f"  {r}" for r in self.reasons],
        ]


def promote(
    *,
    folder: Path,
    champion: LanguageModel,
    challenger: LanguageModel,
    in_force: Classifier,
    deployment: str,
    registry: Registry,
    tracker: Tracker,
    progress: Callable[[], None],
    seed: int = 0,
) -> Promotion:
    """`in_force` is the champion's configuration, `deployment` the tuned model's.

    The challenger is registered either way. Raises TuneRefused where the two cannot be compared, RegistryError.
    """
    held_out = load_held_out(folder / HELD_OUT)
    if len(held_out) < Limits().held_out:
        raise TuneRefused(
            f"{folder / HELD_OUT} has {len(held_out)} failures, {Limits().held_out} are needed to compare"
        )
    if deployment == in_force.deployment:
        raise TuneRefused(f"deployment {deployment} is the champion already: name the tuned one")
    old = answers(champion, held_out, progress=progress)
    new = answers(challenger, held_out, progress=progress)
    for name, given in ((in_force.deployment, old), (deployment, new)):
        refusals = [answer.refusal for answer in given if answer.refusal]
        if len(refusals) > _MOST_REFUSED * len(given):
            raise TuneRefused(f"{name} did not answer {len(refusals)} of {len(given)} held-out failures: {refusals[0]}")
    comparison = compare(held_out, old, new, seed=seed)
    against = objections(comparison)
    registered = registry.register(
        replace(in_force, deployment=deployment), note="tuned; " + "; ".join(against or ["better"])
    )
    registry.point(Alias.CHALLENGER, registered)
    if not against:
        registry.point(Alias.CHAMPION, registered)
    result = Promotion(not against, tuple(against or _praise(comparison)), comparison, registered.version)
    _track(tracker, result, in_force.deployment, deployment)
    return result


def objections(found: Comparison) -> list[str]:
    """Empty for a challenger that may take over."""
    old, new = found.champion, found.challenger
    against = []
    if new.macro_f1 <= old.macro_f1:
        against.append(f"macro-F1 does not rise: {old.macro_f1:.3f} to {new.macro_f1:.3f}")
    if new.wrong_retry_rate > old.wrong_retry_rate:
        against.append(
            f"it would retry more that cannot work: {old.wrong_retry_rate:.3f} to {new.wrong_retry_rate:.3f}"
        )
    if found.p_value >= SIGNIFICANT:
        against.append(
            f"the difference may be luck: p = {found.p_value:.3f} on {new.n} failures, below {SIGNIFICANT} is asked"
        )
    return against


def _praise(found: Comparison) -> list[str]:
    return [
        f"macro-F1 rises from {found.champion.macro_f1:.3f} to {found.challenger.macro_f1:.3f}, wrong retries do not"
    ]


def _track(tracker: Tracker, result: Promotion, champion: str, challenger: str) -> None:
    tags = {"jobmedic.kind": "promote", "jobmedic.promoted": str(result.promoted).lower()}
    with tracker.run(f"promote {challenger}", tags=tags) as run:
        run.params({"champion": champion, "challenger": challenger, "registered_version": result.version})
        run.metrics(_metrics("champion", result.comparison.champion))
        run.metrics(_metrics("challenger", result.comparison.challenger) | {"p_value": result.comparison.p_value})


def _metrics(name: str, found: Marks) -> dict[str, float]:
    return {
        f"{name}.macro_f1": found.macro_f1,
        f"{name}.accuracy": found.accuracy,
        f"{name}.wrong_retry_rate": found.wrong_retry_rate,
        f"{name}.refused": found.refused,
    }
