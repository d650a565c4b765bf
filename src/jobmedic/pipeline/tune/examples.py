"""Judged failures as training examples: redacted, one a fingerprint, balanced, and split so that nothing leaks."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from jobmedic.knowledge.words import Category

OPENAI_LEAST = 10
"""Azure OpenAI refuses training files with fewer examples."""
_VARIABLE = re.compile(r"[0-9]+|[^a-z0-9]+")


class TuneRefused(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """Fine-tuning that would not be worth its money or its risk; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Example:
    """One judged failure; its texts are redacted for the model."""

    fingerprint: str
    error: str
    error_trace: str | None
    task_type: str | None
    termination_code: str | None
    category: Category
    transient: bool
    label_source: str
    root_cause: str | None
    evidence: str | None
    fix: str | None
    first_failed_at: datetime

    @property
    def likeness(self) -> str:
        """Equal for texts that differ in numbers, case and punctuation alone."""
        return _VARIABLE.sub(" ", self.error.lower()).strip()


@dataclass(frozen=True, slots=True)
class Limits:
    training: int = 50
    """Fewer examples teach a model less than the prompt already says."""
    held_out: int = 10
    held_out_share: float = 0.2
    most_of_median: float = 2.0
    """A category keeps at most this many times the median category's examples."""


@dataclass(frozen=True, slots=True)
class Split:
    training: tuple[Example, ...]
    held_out: tuple[Example, ...]
    """The newest; every one first failed after every training example."""
    dropped: Mapping[str, int]
    """How many examples were left out, by reason."""


def example_of(row: Mapping[str, Any], redact: Callable[[str], str]) -> Example:
    """From a row of `labelled_failures`."""
    texts = ("error", "error_trace", "root_cause", "evidence", "fix")
    values = dict(row) | {name: redact(row[name]) if row[name] else None for name in texts}
    return Example(**(values | {"category": Category(row["category"])}))


def split(examples: Sequence[Example], *, seed: int, limits: Limits | None = None) -> Split:
    """Raises TuneRefused when too little is left to learn from or to judge by."""
    least = limits or Limits()
    single, twins = _distinct(examples)
    ordered = sorted(single, key=lambda e: (e.first_failed_at, e.fingerprint))
    cut = len(ordered) - round(len(ordered) * least.held_out_share)
    # Failures that began at the same moment may have one cause: all of them go to the held-out side.
    while 0 < cut < len(ordered) and ordered[cut - 1].first_failed_at == ordered[cut].first_failed_at:
        cut -= 1
    old, new = ordered[:cut], ordered[cut:]
    training, surplus = _balanced(old, seed, least.most_of_median)
    _check(training, new, len(examples), least)
    return Split(tuple(training), tuple(new), {"same text": twins, "surplus of a category": surplus})


def _distinct(examples: Sequence[Example]) -> tuple[list[Example], int]:
    """The oldest of each text; a text that is labelled in two ways teaches nothing and goes whole."""
    labels: dict[str, set[Category]] = {}
    kept: dict[str, Example] = {}
    for example in sorted(examples, key=lambda e: (e.first_failed_at, e.fingerprint)):
        labels.setdefault(example.likeness, set()).add(example.category)
        kept.setdefault(example.likeness, example)
    single = [example for likeness, example in kept.items() if len(labels[likeness]) == 1]
    return single, len(examples) - len(single)


def _balanced(examples: Sequence[Example], seed: int, most_of_median: float) -> tuple[list[Example], int]:
    by_category: dict[Category, list[Example]] = {}
    for example in examples:
        by_category.setdefault(example.category, []).append(example)
    if not by_category:
        return [], 0
    most = max(int(median(len(found) for found in by_category.values()) * most_of_median), OPENAI_LEAST)

    def drawn(example: Example) -> str:
        return hashlib.sha256(f"{seed}:{example.fingerprint}".encode()).hexdigest()

    kept = [e for found in by_category.values() for e in sorted(found, key=drawn)[:most]]
    # Shuffled the same way every time: examples in the order of categories would be learnt as such.
    return sorted(kept, key=drawn), len(examples) - len(kept)


def _check(training: Sequence[Example], held_out: Sequence[Example], judged: int, least: Limits) -> None:
    needed = max(least.training, OPENAI_LEAST)
    if len(training) < needed:
        raise TuneRefused(
            f"{judged} failures are judged and {len(training)} of them can be trained on, but {needed} are needed: "
            "give more feedback (`jobmedic feedback`), or wait for more outcomes"
        )
    if len(held_out) < least.held_out:
        raise TuneRefused(
            f"only {len(held_out)} judged failures are newer than the training data, but {least.held_out} are needed to "
            "tell whether the tuned model is better: judge more of the newest failures"
        )
    for side, found in (("training data", training), ("held-out failures", held_out)):
        classes = Counter(example.category.value for example in found)
        if len(classes) < 2:  # noqa: PLR2004 - one class teaches nothing and tells nothing
            raise TuneRefused(
                f"the {side} have one category only ({next(iter(classes))}): a model would learn to answer it always; "
                "judge failures of other categories"
            )
