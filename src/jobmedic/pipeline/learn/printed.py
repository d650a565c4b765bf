"""What a day of learning found, as a record and as lines for a terminal."""

from dataclasses import dataclass
from datetime import datetime

_SHOWN = (
    ("accuracy", "decisions right"),
    ("category_accuracy", "categories right"),
    ("macro_f1", "macro-F1 of the category"),
    ("ece", "calibration error"),
    ("retry_success_rate", "retries that recovered"),
    ("wrong_retry_rate", "retries that could not work"),
    ("missed_retry_rate", "retries missed"),
    ("seconds_to_decide_p50", "seconds to decide, median"),
    ("seconds_to_decide_p95", "seconds to decide, 95 %"),
    ("seconds_to_recover_p50", "seconds to recover, median"),
    ("seconds_to_recover_p95", "seconds to recover, 95 %"),
    ("mails_per_failure", "mails a failure"),
    ("incidents", "incidents"),
    ("model_calls", "model calls"),
    ("tokens_in", "tokens in"),
    ("tokens_out", "tokens out"),
    ("model_cost_usd", "model cost, $"),
    ("saved_usd", "saved, $"),
    ("wasted_usd", "wasted, $"),
)


@dataclass(frozen=True, slots=True)
class Figure:
    value: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Recommendation:
    kind: str
    subject: str
    text: str
    change: str | None
    value: float
    n: int


@dataclass(frozen=True, slots=True)
class LearnReport:
    period_start: datetime | None
    """None when no decision was ever made, or nothing new since the last time."""
    period_end: datetime
    figures: dict[str, Figure]
    """Overall figures of the period, by metric."""
    previous: dict[str, Figure]
    """The same of the period before; empty the first time."""
    recommendations: tuple[Recommendation, ...]
    autonomy: tuple[str, ...]
    """Promotions and demotions in words."""
    unusable_feedback: tuple[str, ...]
    """Feedback rows that cannot be used, with the reason."""
    rescored: int
    """Earlier periods whose figures late outcomes or feedback changed."""
    logged: int
    """Periods whose figures were logged to the tracker."""
    waiting: int
    """Periods whose figures wait in the tables for a tracker that can be reached."""
    run_id: str | None

    def lines(self) -> list[str]:
        head = f"no new decisions up to {self.period_end:%Y-%m-%d %H:%M} UTC"
        if self.period_start is not None:
            made, judged = self.figures.get("decisions", _NONE), self.figures.get("judged", _NONE)
            head = (
                f"{self.period_start:%Y-%m-%d %H:%M} to {self.period_end:%Y-%m-%d %H:%M} UTC: "
                f"{made.n} decisions, {int(judged.value or 0)} judged"
            )
        lines = [head, *[self._line(metric, words) for metric, words in _SHOWN if metric in self.figures]]
        if self.rescored:
            lines.append(f"{self.rescored} earlier period(s) changed by late outcomes or feedback")
        lines += [f"autonomy: {words}" for words in self.autonomy]
        lines += [f"unusable feedback: {words}" for words in self.unusable_feedback]
        if self.waiting:
            lines.append(f"MLflow could not be reached: figures of {self.waiting} period(s) are logged the next time")
        lines += [f"recommendation: {advice.text}" for advice in self.recommendations]
        return lines

    def _line(self, metric: str, words: str) -> str:
        now, before = self.figures[metric], self.previous.get(metric, _NONE)
        change = f" (before: {_number(before.value)})" if self.previous else ""
        return f"  {words:<28} {_number(now.value):>10}{change}  of {now.n}"


_NONE = Figure(None, 0)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.3f}"  # noqa: PLR2004 - legibility
