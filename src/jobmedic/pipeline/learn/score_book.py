"""The scores table as `learn` keeps it: which periods to score, what changed, and what still has to be logged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pyspark.sql import functions as F

from jobmedic.edges.frames import rows_of
from jobmedic.pipeline.learn.printed import Figure
from jobmedic.ports.ledger import Ledger
from jobmedic.transforms.columns import instant

Key = tuple[str, str, str]
"""metric, dimension, member"""
_VERSIONS = ("policy_version", "rules_version", "prompt_version", "jobmedic_version")


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """Half-open."""

    start: datetime
    end: datetime

    @property
    def keys(self) -> dict[str, datetime]:
        return {"period_start": self.start, "period_end": self.end}


@dataclass(frozen=True, slots=True)
class Page:
    """One period's figures."""

    period: Period
    figures: Mapping[Key, Figure]
    run_id: str | None

    @property
    def overall(self) -> dict[str, Figure]:
        return {metric: f for (metric, dimension, _), f in self.figures.items() if dimension == "all"}


def stored_pages(ledger: Ledger, *, since: datetime) -> list[Page]:
    """Periods that ended after `since`, and any whose figures were never logged; oldest first."""
    scores = ledger.read("scores")
    waiting = scores.where(F.col("mlflow_run_id").isNull()).select("period_start", "period_end").distinct()
    recent = scores.where(F.col("period_end") > instant(since)).select("period_start", "period_end").distinct()
    wanted = recent.union(waiting).distinct()
    return _pages(rows_of(scores.join(wanted, ["period_start", "period_end"], "left_semi"), "reading the scores"))


def new_period(ledger: Ledger, now: datetime) -> Period | None:
    """From the end of the newest scored period, else from the first decision, up to now."""
    newest = rows_of(ledger.read("scores").agg(F.max("period_end").alias("at")))[0]["at"]
    start = newest or rows_of(ledger.read("decisions").agg(F.min("decided_at").alias("at")))[0]["at"]
    return Period(start, now) if start is not None and start < now else None


def pages_of(rows: Sequence[Mapping[str, Any]]) -> list[Page]:
    """Freshly scored rows; a figure that could not be measured is left out unless it is an overall one."""
    return _pages([row for row in rows if row["value"] is not None or row["dimension"] == "all"])


def changed(fresh: Page, stored: Page | None) -> Page | None:
    """What has to be written: None when nothing changed. A figure that is gone is written as null, with n 0."""
    if stored is None:
        return fresh
    gone = {key: Figure(None, 0) for key, f in stored.figures.items() if key not in fresh.figures and f.n}
    figures = {**fresh.figures, **gone}
    same = all(_like(figure, stored.figures.get(key)) for key, figure in figures.items())
    return None if same else Page(fresh.period, figures, None)


def write_pages(ledger: Ledger, pages: Sequence[Page], now: datetime) -> None:
    rows = [
        {**page.period.keys, "metric": m, "dimension": d, "member": who, "value": f.value, "n": f.n, "scored_at": now}
        for page in pages
        for (m, d, who), f in page.figures.items()
    ]
    if rows:
        # A page that changed is logged again, so its run id goes back to null.
        ledger.merge("scores", ledger.frame("scores", rows))


def mark_logged(ledger: Ledger, pages: Sequence[Page]) -> None:
    rows = [
        {**page.period.keys, "metric": m, "dimension": d, "member": who, "mlflow_run_id": page.run_id}
        for page in pages
        for (m, d, who) in page.figures
    ]
    if rows:
        frame = ledger.frame("scores", rows).drop("value", "n", "scored_at")
        ledger.merge("scores", frame, update=["mlflow_run_id"])


def versions(ledger: Ledger, pages: Sequence[Page]) -> dict[Period, dict[str, str]]:
    """What the newest pass of each period went by; nothing for a period without passes."""
    if not pages:
        return {}
    asked = ledger.frame("scores", [page.period.keys for page in pages]).select("period_start", "period_end")
    inside = (F.col("started_at") >= F.col("period_start")) & (F.col("started_at") < F.col("period_end"))
    passes = ledger.read("passes").select("started_at", *_VERSIONS).join(F.broadcast(asked), inside, "inner")
    newest = passes.groupBy("period_start", "period_end").agg(F.max(F.struct("started_at", *_VERSIONS)).alias("p"))
    return {
        Period(row["period_start"], row["period_end"]): {name: row[name] for name in _VERSIONS if row[name]}
        for row in rows_of(newest.select("period_start", "period_end", *[f"p.{name}" for name in _VERSIONS]))
    }


def _pages(rows: Sequence[Mapping[str, Any]]) -> list[Page]:
    found: dict[Period, dict[Key, Figure]] = {}
    runs: dict[Period, str | None] = {}
    for row in rows:
        period = Period(row["period_start"], row["period_end"])
        key = (row["metric"], row["dimension"], row["member"])
        found.setdefault(period, {})[key] = Figure(row["value"], row["n"] or 0)
        runs[period] = row.get("mlflow_run_id")
    return [Page(period, found[period], runs[period]) for period in sorted(found)]


def _like(a: Figure, b: Figure | None) -> bool:
    if b is None or a.n != b.n or (a.value is None) != (b.value is None):
        return False
    return a.value is None or b.value is None or abs(a.value - b.value) < 1e-9  # noqa: PLR2004 - sums in another order


def days_before(moment: datetime, days: float) -> datetime:
    return moment - timedelta(days=days)
