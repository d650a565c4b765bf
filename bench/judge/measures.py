"""The measures: pure functions from labels and answers to figures.

An answer is right when it is among the accepted ones. For precision, recall and the confusion matrix the truth of a
failure is then the answer itself, else its first label, so that a second accepted label costs neither.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.judge.labelled import RETRIES, Answer, Labelled
from jobmedic.knowledge.words import Action, Category

BINS = 10


@dataclass(frozen=True, slots=True)
class ClassScore:
    category: Category
    precision: float
    recall: float
    f1: float
    labelled: int
    answered: int


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of the reliability plot: failures whose confidence lies in (low, high]."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Scores:
    count: int
    classes: tuple[ClassScore, ...]
    macro_f1: float
    category_accuracy: float
    action_accuracy: float
    wrong_retry_rate: float
    """Retried, among the failures that no retry can mend."""
    wrong_retries: int
    missed_retry_rate: float
    """Not retried, among the failures for which only a retry is right."""
    missed_retries: int
    blind_retries: int
    """Retried with nothing changed although only a retry with changes can work; not part of the wrong retries."""
    unknown_share: float
    """Left `unknown` although an expert could tell, among all."""
    ece: float | None
    bins: tuple[Bin, ...]


def truth_of(failure: Labelled, answer: Answer) -> Category:
    return answer.category if answer.category in failure.accept_category else failure.category


def confusion(failures: Sequence[Labelled], answers: Sequence[Answer]) -> Mapping[tuple[Category, Category], int]:
    """Counts by (truth, answered)."""
    return Counter((truth_of(f, a), a.category) for f, a in zip(failures, answers, strict=True))


def class_scores(failures: Sequence[Labelled], answers: Sequence[Answer]) -> tuple[ClassScore, ...]:
    """One score a category that is a truth or an answer here; categories that are neither have no score."""
    counts = confusion(failures, answers)
    scores = []
    for category in Category:
        labelled = sum(n for (truth, _), n in counts.items() if truth == category)
        answered = sum(n for (_, answer), n in counts.items() if answer == category)
        hits = counts.get((category, category), 0)
        if labelled or answered:
            scores.append(
                ClassScore(
                    category=category,
                    precision=hits / answered if answered else 0.0,
                    recall=hits / labelled if labelled else 0.0,
                    f1=2 * hits / (labelled + answered),
                    labelled=labelled,
                    answered=answered,
                )
            )
    return tuple(scores)


def reliability(pairs: Sequence[tuple[float, bool]]) -> tuple[Bin, ...]:
    """Ten bins of equal width over (confidence, was right); empty ones are left out."""
    bins = []
    for index in range(BINS):
        low, high = index / BINS, (index + 1) / BINS
        inside = [(c, right) for c, right in pairs if low < c <= high or (index == 0 and c <= 0)]
        if inside:
            confidence = sum(c for c, _ in inside) / len(inside)
            bins.append(Bin(low, high, len(inside), confidence, sum(right for _, right in inside) / len(inside)))
    return tuple(bins)


def calibration_error(bins: Sequence[Bin]) -> float | None:
    """Expected calibration error (Naeini et al., AAAI 2015): the bins' gaps weighted by their counts."""
    total = sum(one.count for one in bins)
    return sum(one.count * abs(one.accuracy - one.confidence) for one in bins) / total if total else None


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def score(failures: Sequence[Labelled], answers: Sequence[Answer]) -> Scores:
    pairs = list(zip(failures, answers, strict=True))
    classes = class_scores(failures, answers)
    hopeless = [a for f, a in pairs if not f.accept_action & RETRIES]
    only_retry = [a for f, a in pairs if f.accept_action <= RETRIES]
    wrong = sum(a.action in RETRIES for a in hopeless)
    missed = sum(a.action not in RETRIES for a in only_retry)
    blind = sum(
        a.action == Action.RETRY and Action.RETRY not in f.accept_action and bool(f.accept_action & RETRIES)
        for f, a in pairs
    )
    unknown = sum(a.category == Category.UNKNOWN and Category.UNKNOWN not in f.accept_category for f, a in pairs)
    bins = reliability([(a.confidence, a.category in f.accept_category) for f, a in pairs if a.confidence is not None])
    return Scores(
        count=len(pairs),
        classes=classes,
        macro_f1=_mean([one.f1 for one in classes]),
        category_accuracy=_share(sum(a.category in f.accept_category for f, a in pairs), len(pairs)),
        action_accuracy=_share(sum(a.action in f.accept_action for f, a in pairs), len(pairs)),
        wrong_retry_rate=_share(wrong, len(hopeless)),
        wrong_retries=wrong,
        missed_retry_rate=_share(missed, len(only_retry)),
        missed_retries=missed,
        blind_retries=blind,
        unknown_share=_share(unknown, len(pairs)),
        ece=calibration_error(bins),
        bins=bins,
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
