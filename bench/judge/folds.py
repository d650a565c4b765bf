"""Cross-validation over sources: no page's texts stand on both sides of a split.

The rules are written by hand and stay as they are, so a fold cannot train them. Three things are told instead: how much
the figures move from one set of sources to the next; what is left when a rule counts only if it was also right on
another source; and how well confidences hold on sources that they were not recalibrated on.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.model_selection import GroupKFold

from bench.judge.labelled import Answer, Labelled
from bench.judge.measures import Bin, Scores, calibration_error, reliability, score
from jobmedic.knowledge.words import Action, Category

FOLDS = 5
_REPOSITORY = re.compile(r"https?://[^/]+/[^/#?]+/[^/#?]+")


@dataclass(frozen=True, slots=True)
class Spread:
    mean: float
    deviation: float


def source_group(source: str) -> str:
    """All pages of one repository are one source; any other address stands for itself."""
    match = _REPOSITORY.match(source)
    return match.group(0) if match else source


def splits(failures: Sequence[Labelled]) -> Iterator[tuple[list[int], list[int]]]:
    """(train, held out) positions; at most five folds, fewer where there are fewer sources."""
    groups = [source_group(one.source) for one in failures]
    folds = min(FOLDS, len(set(groups)))
    if folds > 1:
        for train, held in GroupKFold(n_splits=folds).split(groups, groups=groups):
            yield train.tolist(), held.tolist()


def fold_scores(failures: Sequence[Labelled], answers: Sequence[Answer]) -> tuple[Scores, ...]:
    return tuple(score([failures[i] for i in held], [answers[i] for i in held]) for _, held in splits(failures))


def spread(values: Sequence[float]) -> Spread:
    return Spread(float(np.mean(values)), float(np.std(values)))


def supported_elsewhere(failures: Sequence[Labelled], answers: Sequence[Answer]) -> tuple[Answer, ...]:
    """Answers whose rule was right on no other source become unknown: a bound from below on unseen sources.

    It is hard on rules that are true in general and met once here; what a rule catalogue does elsewhere lies between
    this and the plain figures.
    """
    right_on: defaultdict[str | None, set[str]] = defaultdict(set)
    for failure, answer in zip(failures, answers, strict=True):
        if answer.category in failure.accept_category:
            right_on[answer.rule].add(source_group(failure.source))
    nothing = Answer(Category.UNKNOWN, Action.ESCALATE, 0.0)
    return tuple(
        answer if answer.rule is None or right_on[answer.rule] - {source_group(failure.source)} else nothing
        for failure, answer in zip(failures, answers, strict=True)
    )


def recalibrated(failures: Sequence[Labelled], answers: Sequence[Answer]) -> tuple[Answer, ...]:
    """Confidences from an isotonic regression fitted on the other sources only."""
    fitted = list(answers)
    for train, held in splits(failures):
        known = [(answers[i].confidence, _right(failures[i], answers[i])) for i in train]
        pairs = [(c, right) for c, right in known if c is not None]
        if not pairs:
            continue
        curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
        curve.fit([c for c, _ in pairs], [float(right) for _, right in pairs])
        for i in held:
            confidence = answers[i].confidence
            if confidence is not None:
                fitted[i] = replace(answers[i], confidence=float(curve.predict([confidence])[0]))
    return tuple(fitted)


def held_out_calibration(failures: Sequence[Labelled], answers: Sequence[Answer]) -> tuple[float | None, list[Bin]]:
    """Expected calibration error of the recalibrated confidences, every one predicted from other sources."""
    pairs = [
        (a.confidence, _right(f, a))
        for f, a in zip(failures, recalibrated(failures, answers), strict=True)
        if a.confidence is not None
    ]
    bins = list(reliability(pairs))
    return calibration_error(bins), bins


def _right(failure: Labelled, answer: Answer) -> bool:
    return answer.category in failure.accept_category
