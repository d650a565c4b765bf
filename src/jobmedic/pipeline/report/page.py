"""Figures to one HTML file that needs no network."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from jobmedic.knowledge.words import Category
from jobmedic.pipeline.report.chart import COLOURS, stacked
from jobmedic.pipeline.report.figures import Figures, gather
from jobmedic.ports.ledger import Ledger


def write_report(ledger: Ledger, output: Path, *, now: datetime, since: timedelta | None = None) -> Figures:
    """Writes the file whole or not at all, and returns what it shows. Raises LedgerError."""
    figures = gather(ledger, now=now, since=since)
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_name(output.name + ".part")
    unfinished.write_text(render(figures, now=now), encoding="utf-8")
    unfinished.replace(output)
    return figures


def render(figures: Figures, *, now: datetime) -> str:
    env = Environment(
        loader=PackageLoader("jobmedic.knowledge", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {
        "words": _words,
        "utc": _utc,
        "usd": _usd,
        "round_usd": _round_usd,
        "percent": _percent,
        "link": is_link,
        "count": _count,
    }
    chart = stacked(figures.failures, hourly=figures.hourly)
    return env.get_template("report.html.j2").render(
        f=figures,
        t=figures.totals,
        now=now,
        version=version("jobmedic"),
        chart=Markup(chart),  # noqa: S704 - made of numbers and of category names that the vocabulary closes
        colours=COLOURS,
        actions=_grouped(figures.actions),
        shadow=figures.modes == ("shadow",),
        categories=[str(category) for category in Category],
    )


def _grouped(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One entry an action: how many, and what became of them."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        entry = found.setdefault(row["name"], {"name": row["name"], "decisions": 0, "became": []})
        entry["decisions"] += row["decisions"]
        entry["became"].append(f"{row['decisions']} {row['done']}")
    return sorted(found.values(), key=lambda entry: -entry["decisions"])


def is_link(url: str | None) -> bool:
    return bool(url) and re.fullmatch(r"https?://[^\s<>\"']+", str(url)) is not None


def _words(name: str | None) -> str:
    return str(name or "").replace("_", " ")


def _utc(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}" if at else ""


def _usd(amount: float | None) -> str:
    value = float(amount or 0)
    return f"${value:,.4f}" if 0 < abs(value) < 0.01 else f"${value:,.2f}"  # noqa: PLR2004 - a cent


def _round_usd(amount: float | None) -> str:
    value = float(amount or 0)
    return f"${value:,.0f}" if value >= 100 else _usd(value)  # noqa: PLR2004 - cents tell nothing then


def _percent(part: float | None, whole: float | None) -> str:
    return f"{100 * float(part or 0) / float(whole):.0f} %" if whole else "–"


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
