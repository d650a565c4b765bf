"""What the tables say of each week."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from jobmedic.pipeline.learn.pictures import trend_picture
from jobmedic.pipeline.learn.printed import Figure

DAYS = 7


@dataclass(frozen=True, slots=True)
class Week:
    ends: datetime
    decisions: int
    judged: int
    right: int
    ended: int
    """Retries of jobmedic's that came to an end."""
    recovered: int
    wasted_usd: float
    mails: int
    """Messages to owners."""

    @property
    def success(self) -> Figure:
        return Figure(self.recovered / self.ended if self.ended else None, self.ended)

    @property
    def accuracy(self) -> Figure:
        return Figure(self.right / self.judged if self.judged else None, self.judged)


def weeks_of(decisions: Iterable[Mapping[str, Any]], mails: Mapping[str, str], start: datetime) -> list[Week]:
    """`decisions` are rows of `v_decisions`; `mails` has the message id by decision."""
    by_week: dict[int, list[Mapping[str, Any]]] = {}
    for row in decisions:
        by_week.setdefault((row["decided_at"] - start).days // DAYS, []).append(row)
    return [
        Week(
            ends=start + timedelta(days=(number + 1) * DAYS),
            decisions=len(rows),
            judged=sum(row["judged_right"] is not None for row in rows),
            right=sum(bool(row["judged_right"]) for row in rows),
            ended=sum(row["retry_outcome"] is not None for row in rows),
            recovered=sum(row["retry_outcome"] == "recovered" for row in rows),
            wasted_usd=sum(row["wasted_usd"] or 0.0 for row in rows),
            mails=len({mails[row["decision_id"]] for row in rows if row["decision_id"] in mails}),
        )
        for number, rows in sorted(by_week.items())
    ]


def table(weeks: Sequence[Week]) -> list[str]:
    lines = ["week  decisions  right of judged  retries ended  recovered      rate  wasted  wasted $  mails to owners"]
    for number, one in enumerate(weeks, 1):
        rate = "-" if one.success.value is None else f"{one.success.value:.1%}"
        lines.append(
            f"{number:>4}  {one.decisions:>9}  {f'{one.right} of {one.judged}':>15}  {one.ended:>13}  {one.recovered:>9}  "
            f"{rate:>8}  {one.ended - one.recovered:>6}  {one.wasted_usd:>8.2f}  {one.mails:>15}"
        )
    return lines


def draw(weeks: Sequence[Week], path: Path) -> None:
    series = {
        "retries that recovered": [one.success for one in weeks],
        "decisions right": [one.accuracy for one in weeks],
    }
    path.write_text(trend_picture([one.ends for one in weeks], series, "Thirty days of the same failures"), "utf-8")
