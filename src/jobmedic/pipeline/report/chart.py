"""Failures over time by category, as stacked bars in SVG that follows the page's colours."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from jobmedic.knowledge.words import Category

# Warm: ours to retry; cool: the owner's to mend; grey: nobody can tell.
COLOURS: Mapping[str, str] = {
    "timeout": "#e8a33d",
    "resource": "#d9682c",
    "network": "#c94f7c",
    "concurrency": "#8d5fc4",
    "infrastructure": "#b23a48",
    "quota": "#f2c14e",
    "permission": "#2f6db5",
    "syntax": "#4a9fd8",
    "data_not_found": "#2a9d8f",
    "data_quality": "#52b788",
    "dependency": "#577590",
    "configuration": "#43718f",
    "user_code": "#84a98c",
    "cancelled": "#b8b8b8",
    "unknown": "#7a7a7a",
}
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 960, 250, 36, 28, 8
MOST_BARS = 90


def stacked(rows: Sequence[Mapping[str, Any]], *, hourly: bool) -> str:
    """`rows` are (bucket, category, failures); empty buckets between are drawn as such."""
    if not rows:
        return ""
    step = timedelta(hours=1) if hourly else timedelta(days=1)
    buckets = _buckets(min(row["bucket"] for row in rows), max(row["bucket"] for row in rows), step)
    counts = {(row["bucket"], row["category"]): int(row["failures"]) for row in rows}
    most = max(sum(n for (at, _), n in counts.items() if at == bucket) for bucket in buckets) or 1
    slot = (WIDTH - LEFT) / len(buckets)
    parts = [*_grid(most), *(_label(buckets, place, slot, hourly=hourly) for place in _labelled(len(buckets)))]
    for place, bucket in enumerate(buckets):
        parts += _bar(bucket, counts, LEFT + place * slot, slot, most, hourly=hourly)
    title = "Failures over time by category"
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}" preserveAspectRatio="none">{"".join(parts)}</svg>'


def _buckets(first: datetime, last: datetime, step: timedelta) -> list[datetime]:
    found = [first + place * step for place in range(int((last - first) / step) + 1)]
    return found[-MOST_BARS:]


def _bar(
    bucket: datetime, counts: Mapping[tuple[datetime, str], int], x: float, slot: float, most: int, *, hourly: bool
) -> list[str]:
    parts, top = [], float(HEIGHT - BOTTOM)
    when = f"{bucket.astimezone(UTC):%Y-%m-%d %H:%M}" if hourly else f"{bucket.astimezone(UTC):%Y-%m-%d}"
    for category in Category:
        number = counts.get((bucket, category.value), 0)
        if number:
            height = number / most * (HEIGHT - BOTTOM - TOP)
            top -= height
            told = f"{when}: {number} {category.value.replace('_', ' ')}"
            parts.append(
                f'<rect x="{x + slot * 0.1:.1f}" y="{top:.1f}" width="{slot * 0.8:.1f}" height="{height:.1f}" '
                f'fill="{COLOURS[category.value]}"><title>{told}</title></rect>'
            )
    return parts


def _grid(most: int) -> list[str]:
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)
        value = share * most
        text = f"{value:.0f}" if value == int(value) else ""
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    return parts


def _labelled(bars: int) -> list[int]:
    every = max(1, bars // 8)
    return list(range(0, bars, every))


def _label(buckets: Sequence[datetime], place: int, slot: float, *, hourly: bool) -> str:
    at = buckets[place].astimezone(UTC)
    text = f"{at:%H:%M}" if hourly else f"{at:%d %b}"
    if hourly and (place == 0 or at.hour == 0):
        text = f"{at:%d %b %H:%M}"
    return f'<text x="{LEFT + (place + 0.5) * slot:.1f}" y="{HEIGHT - 8}" text-anchor="{"start" if place == 0 else "middle"}">{text}</text>'
