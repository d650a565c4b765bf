"""Two deployments on the same held-out failures, and whether the difference is more than luck."""

import json
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from jobmedic.knowledge.words import Category
from jobmedic.pipeline.tune.examples import TuneRefused
from jobmedic.ports.model import LanguageModel, ModelReply, Question

RESAMPLES = 2000
NEVER_RETRIED = frozenset({Category.PERMISSION, Category.SYNTAX, Category.DATA_NOT_FOUND})


@dataclass(frozen=True, slots=True)
class HeldOut:
    question: Question
    category: Category
    transient: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model made of one failure; one that did not answer is `unknown` and retries nothing, as in a pass."""

    category: Category
    transient: bool
    refusal: str | None

    @property
    def retries(self) -> bool:
        return self.transient and self.category not in NEVER_RETRIED


@dataclass(frozen=True, slots=True)
class Marks:
    macro_f1: float
    accuracy: float
    wrong_retry_rate: float
    """Of the failures where a retry cannot work, the share that would be retried."""
    refused: int
    n: int


@dataclass(frozen=True, slots=True)
class Comparison:
    champion: Marks
    challenger: Marks
    p_value: float
    """Share of the resamples in which the challenger's macro-F1 is not higher."""


def load_held_out(path: Path) -> list[HeldOut]:
    """Raises TuneRefused."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as problem:
        raise TuneRefused(f"{path}: cannot be read ({problem.strerror}): run `jobmedic tune prepare` first") from None
    return [_held_out(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]


def answers(
    model: LanguageModel, held_out: Sequence[HeldOut], *, progress: Callable[[], None], at_once: int = 4
) -> list[Answer]:
    """In the order of `held_out`."""

    def ask(item: HeldOut) -> Answer:
        answer = _answer(model.diagnose(item.question))
        progress()
        return answer

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(ask, held_out))


def compare(
    held_out: Sequence[HeldOut], champion: Sequence[Answer], challenger: Sequence[Answer], *, seed: int
) -> Comparison:
    """A paired bootstrap (Efron): both models are resampled on the same failures, so hard ones count for both."""
    dice = random.Random(seed)  # noqa: S311 - statistics, not secrets
    places = range(len(held_out))
    not_higher = 0
    for _ in range(RESAMPLES):
        drawn = dice.choices(places, k=len(held_out))
        right = [held_out[i].category for i in drawn]
        old = macro_f1(right, [champion[i].category for i in drawn])
        new = macro_f1(right, [challenger[i].category for i in drawn])
        not_higher += new <= old
    # One is added on both sides, so that a finite number of resamples never claims certainty.
    return Comparison(marks(held_out, champion), marks(held_out, challenger), (not_higher + 1) / (RESAMPLES + 1))


def marks(held_out: Sequence[HeldOut], given: Sequence[Answer]) -> Marks:
    right, chosen = [item.category for item in held_out], [answer.category for answer in given]
    hopeless = [a for item, a in zip(held_out, given, strict=True) if not item.transient]
    return Marks(
        macro_f1=macro_f1(right, chosen),
        accuracy=sum(a is b for a, b in zip(right, chosen, strict=True)) / len(right),
        wrong_retry_rate=sum(a.retries for a in hopeless) / len(hopeless) if hopeless else 0.0,
        refused=sum(a.refusal is not None for a in given),
        n=len(right),
    )


def macro_f1(right: Sequence[Category], chosen: Sequence[Category]) -> float:
    """Mean over every category that was right or chosen, as scikit-learn's `f1_score(average="macro")`."""
    names = {*right, *chosen}
    pairs = list(zip(right, chosen, strict=True))
    scores = []
    for name in names:
        hits = sum(a is name and b is name for a, b in pairs)
        scores.append(2 * hits / (sum(a is name for a in right) + sum(b is name for b in chosen)))
    return sum(scores) / len(scores)


def _answer(reply: ModelReply) -> Answer:
    if reply.diagnosis is None:
        return Answer(Category.UNKNOWN, transient=False, refusal=reply.refusal or "no answer")
    return Answer(reply.diagnosis.category, reply.diagnosis.transient, None)


def _held_out(line: str, where: str) -> HeldOut:
    try:
        row = json.loads(line)
        category, transient = Category(row.pop("category")), bool(row.pop("transient"))
        return HeldOut(Question(**row), category, transient)
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise TuneRefused(f"{where}: no held-out failure: {problem}; run `jobmedic tune prepare` again") from None
