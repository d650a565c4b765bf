"""Pictures as SVG text: MLflow and browsers show them, and no plotting library has to be there to draw them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import log10

from jobmedic.pipeline.learn.printed import Figure
from jobmedic.pipeline.learn.svg import FAINT, box, dot, line, svg, text

_COLOURS = ("#1b6ca8", "#2a9d5c", "#c0392b", "#8e5aa8", "#b8860b")
_GOOD, _BAD = "#2a9d5c", "#c0392b"
_DARK = 0.55
"""From this share on a cell is dark enough for white words."""
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Bin:
    """Decisions of like confidence."""

    confidence: float
    accuracy: float
    n: int


def confusion_picture(counts: Mapping[tuple[str, str], int], title: str) -> str:
    """`counts` by (right, chosen) category. Rows are what was right, columns what was chosen; the diagonal is good."""
    names = sorted({name for pair in counts for name in pair})
    cell, left, top = 44, 170, 160
    side = len(names) * cell
    most, total = max(counts.values(), default=1), sum(counts.values())
    good = sum(count for (right, chosen), count in counts.items() if right == chosen)
    parts = [text(16, 24, title, size=15), text(16, 44, f"{good} of {total} categories right, by people's word")]
    parts += [text(left, top + side + 24, "across: chosen by jobmedic; down: right by people")]
    for at, name in enumerate(names):
        middle = at * cell + cell / 2
        parts.append(text(left - 8, top + middle + 4, name, anchor="end"))
        parts.append(text(left + middle + 4, top - 8, name, turn=-60))
    for row, right in enumerate(names):
        for column, chosen in enumerate(names):
            count = counts.get((right, chosen), 0)
            x, y = left + column * cell, top + row * cell
            colour = _GOOD if right == chosen else _BAD
            parts.append(box(x, y, cell, cell, colour, opacity=count / most, edge="#cccccc"))
            ink = "white" if count / most > _DARK else "#222222"
            parts += [text(x + cell / 2, y + cell / 2 + 4, str(count), anchor="middle", colour=ink)] if count else []
    return svg(max(left + side + 60, 440), top + side + 40, parts)


def trend_picture(moments: Sequence[datetime], series: Mapping[str, Sequence[Figure | None]], title: str) -> str:
    """Lines of shares between 0 and 1 over the ends of the periods, of which there is at least one; a null breaks its line.

    Each line bears its name and its newest figure; a dot is the larger the more cases stand behind it.
    """
    width, height, left, top, names_at = 860, 280, 56, 60, 560
    begin, end = moments[0], moments[-1]
    whole = (end - begin).total_seconds() or 1.0

    def place(moment: datetime, share: float) -> tuple[float, float]:
        return left + (names_at - 30 - left) * (moment - begin).total_seconds() / whole, top + height * (1 - share)

    parts = [
        text(16, 24, title, size=15),
        text(16, 42, "by the end of each period; small dots rest on few cases", size=11),
    ]
    for tick in _TICKS:
        y = top + height * (1 - tick)
        parts += [line(left, y, names_at - 30, y, FAINT, width=1), text(left - 8, y + 4, f"{tick:.0%}", anchor="end")]
    for moment in dict.fromkeys((begin, moments[len(moments) // 2], end)):
        parts.append(text(place(moment, 0)[0], top + height + 20, f"{moment:%Y-%m-%d}", anchor="middle"))
    last: list[tuple[float, str, str]] = []
    for order, (name, figures) in enumerate(series.items()):
        colour = _COLOURS[order % len(_COLOURS)]
        known = [
            (m, f.value, f.n) if f and f.value is not None else None for m, f in zip(moments, figures, strict=True)
        ]
        points = [(*place(p[0], p[1]), p) if p else None for p in known]
        parts += [line(*a[:2], *b[:2], colour) for a, b in pairwise(points) if a and b]
        parts += [
            dot(x, y, _radius(p[2]), colour, f"{p[0]:%Y-%m-%d}: {p[1]:.1%} of {p[2]}")
            for x, y, p in filter(None, points)
        ]
        if told := [p for p in points if p]:
            last.append((told[-1][1], f"{name}: {told[-1][2][1]:.0%} of {told[-1][2][2]}", colour))
    parts += [text(names_at, y + 4, words, colour=colour) for y, words, colour in _apart(last)]
    return svg(width, top + height + 40, parts)


def calibration_picture(bins: Sequence[Bin], title: str) -> str:
    """Share of right categories over stated confidence; on the diagonal a confidence means what it says."""
    side, left, top = 320, 60, 60

    def place(confidence: float, accuracy: float) -> tuple[float, float]:
        return left + side * confidence, top + side * (1 - accuracy)

    parts = [text(16, 24, title, size=15), text(16, 42, "below the diagonal it claims more than it keeps", size=11)]
    for tick in _TICKS:
        parts += [line(*place(0, tick), *place(1, tick), FAINT, width=1)]
        parts += [text(left - 8, place(0, tick)[1] + 4, f"{tick:.0%}", anchor="end")]
        parts += [text(place(tick, 0)[0], top + side + 18, f"{tick:.0%}", anchor="middle")]
    parts += [line(*place(0, 0), *place(1, 1), "#888888", width=1, dash="4 4")]
    placed = [(*place(one.confidence, one.accuracy), one) for one in bins]
    parts += [dot(x, y, _radius(one.n), _COLOURS[0]) for x, y, one in placed]
    parts += [text(x + 10, y + 16, f"{one.accuracy:.0%} of {one.n}", size=11) for x, y, one in placed]
    parts += [text(left + side / 2, top + side + 38, "stated confidence", anchor="middle")]
    parts += [text(16, top + side / 2, "share right", anchor="middle", turn=-90)]
    return svg(left + side + 90, top + side + 54, parts)


def pairs_picture(now: Mapping[str, float], then: Mapping[str, float], title: str) -> str:
    """Two bars a name, in the order of the names: as it is, and as it would be."""
    names = sorted({*now, *then})
    left, top, bar, width = 170, 50, 16, 460
    most = max([*now.values(), *then.values(), 1])
    parts = [
        text(left, 22, title, size=15),
        text(left, 40, "now", colour=_COLOURS[0]),
        text(left + 50, 40, "then", colour=_COLOURS[1]),
    ]
    for row, name in enumerate(names):
        y = top + row * (2 * bar + 14)
        parts.append(text(left - 8, y + bar + 4, name, anchor="end"))
        for order, values in enumerate((now, then)):
            value = values.get(name, 0)
            at, length = y + order * bar, width * value / most
            parts.append(box(left, at, length, bar - 2, _COLOURS[order]))
            parts.append(text(left + length + 6, at + bar - 5, f"{value:,.0f}"))
    return svg(left + width + 90, top + len(names) * (2 * bar + 14), parts)


def _radius(n: int) -> float:
    return 2 + min(4.0, 1.6 * log10(max(n, 1)))


def _apart(labels: Sequence[tuple[float, str, str]], least: float = 16) -> list[tuple[float, str, str]]:
    """The labels from top to bottom, moved down where they would lie on each other."""
    placed: list[tuple[float, str, str]] = []
    for y, words, colour in sorted(labels):
        placed.append((max(y, placed[-1][0] + least) if placed else y, words, colour))
    return placed
