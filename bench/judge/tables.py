"""What `make judge` prints."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from bench.judge.folds import Spread, spread
from bench.judge.labelled import Answer, Labelled
from bench.judge.measures import Scores


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def comparison(results: Mapping[str, Scores]) -> Table:
    """Ours and the baselines side by side."""
    table = Table(title="Overall")
    table.add_column("measure")
    for name in results:
        table.add_column(name, justify="right")
    every = list(results.values())
    table.add_row("macro-F1 of category", *[f"{s.macro_f1:.3f}" for s in every])
    table.add_row("category right", *[percent(s.category_accuracy) for s in every])
    table.add_row("action right", *[percent(s.action_accuracy) for s in every])
    table.add_row("wrong-retry rate", *[f"{percent(s.wrong_retry_rate)} ({s.wrong_retries})" for s in every])
    table.add_row("missed-retry rate", *[f"{percent(s.missed_retry_rate)} ({s.missed_retries})" for s in every])
    table.add_row("blind retries", *[str(s.blind_retries) for s in every])
    table.add_row("unknown beyond the labels", *[percent(s.unknown_share) for s in every])
    table.add_row("calibration error", *["–" if s.ece is None else f"{s.ece:.3f}" for s in every])
    return table


def by_category(scores: Scores) -> Table:
    table = Table(title="By category")
    for name in ("category", "precision", "recall", "F1", "labelled", "answered"):
        table.add_column(name, justify="left" if name == "category" else "right")
    for one in scores.classes:
        figures = [f"{value:.2f}" for value in (one.precision, one.recall, one.f1)]
        table.add_row(str(one.category), *figures, str(one.labelled), str(one.answered))
    return table


def by_folds(folds: Sequence[Scores], supported: Scores, held_out_ece: float | None) -> Table:
    """Mean and standard deviation over source folds; the last rows are the parts that a fold can test."""
    table = Table(title=f"Over {len(folds)} folds of sources")
    table.add_column("measure")
    table.add_column("mean ± deviation", justify="right")
    for name, values in (
        ("category right", [s.category_accuracy for s in folds]),
        ("action right", [s.action_accuracy for s in folds]),
        ("wrong-retry rate", [s.wrong_retry_rate for s in folds]),
        ("unknown beyond the labels", [s.unknown_share for s in folds]),
    ):
        table.add_row(name, _spread(spread(values)))
    table.add_section()
    table.add_row("category right, rules proven on another source only", percent(supported.category_accuracy))
    table.add_row("macro-F1, rules proven on another source only", f"{supported.macro_f1:.3f}")
    table.add_row(
        "calibration error, recalibrated on other sources", "–" if held_out_ece is None else f"{held_out_ece:.3f}"
    )
    return table


def _spread(value: Spread) -> str:
    return f"{percent(value.mean)} ± {100 * value.deviation:.1f}"


def misses(failures: Sequence[Labelled], answers: Sequence[Answer]) -> Table:
    """Ids only: the texts stay where they lie."""
    table = Table(title="Not as an expert would")
    for name in ("id", "labelled", "answered", "rule"):
        table.add_column(name)
    for failure, answer in zip(failures, answers, strict=True):
        if answer.category not in failure.accept_category or answer.action not in failure.accept_action:
            labelled = f"{'/'.join(sorted(failure.accept_category))} → {'/'.join(sorted(failure.accept_action))}"
            table.add_row(failure.id, labelled, f"{answer.category} → {answer.action}", answer.rule or "–")
    return table
