"""Pictures as SVG text: MLflow and browsers show them, and no plotting library has to be there to draw them."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise

_FONT = 'font-family="sans-serif" font-size="12"'
_COLOURS = ("#1b6ca8", "#2a9d5c", "#c0392b", "#8e5aa8", "#b8860b")


def confusion_picture(counts: Mapping[tuple[str, str], int], title: str) -> str:
    """`counts` by (right, chosen) category. Rows are what was right, columns what was chosen; the diagonal is good."""
    names = sorted({name for pair in counts for name in pair})
    cell, left, top = 44, 130, 150
    most = max(counts.values(), default=1)
    parts = [_text(left, 22, title, size=15)]
    for at, name in enumerate(names):
        x, y = left + at * cell + cell // 2, top + at * cell + cell // 2 + 4
        parts.append(_text(left - 8, y, name, anchor="end"))
        parts.append(f'<g transform="translate({x + 4},{top - 8}) rotate(-60)">{_text(0, 0, name)}</g>')
    for row, right in enumerate(names):
        for column, chosen in enumerate(names):
            count = counts.get((right, chosen), 0)
            parts.append(_cell(left + column * cell, top + row * cell, cell, count, count / most, good=right == chosen))
    side = len(names) * cell
    parts.append(_text(left, top + side + 24, "rows: right by people; columns: chosen by jobmedic"))
    return _svg(left + side + 40, top + side + 40, parts)


def trend_picture(labels: Sequence[str], series: Mapping[str, Sequence[float | None]], title: str) -> str:
    """Lines of shares between 0 and 1 over the periods, of which there is at least one; a null breaks its line."""
    width, height, left, top = 720, 260, 50, 40
    step = (width - left - 30) / max(len(labels) - 1, 1)
    parts = [_text(left, 22, title, size=15)]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = top + height * (1 - tick)
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{width - 30}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(_text(left - 6, y + 4, f"{tick:.2f}", anchor="end"))
    shown = sorted({0, len(labels) // 2, len(labels) - 1})
    parts += [_text(left + at * step, top + height + 18, labels[at], anchor="middle") for at in shown]
    for order, (name, values) in enumerate(series.items()):
        colour = _COLOURS[order % len(_COLOURS)]
        points = [None if v is None else (left + at * step, top + height * (1 - v)) for at, v in enumerate(values)]
        parts += [_line(a, b, colour) for a, b in pairwise(points) if a and b]
        parts += [f'<circle cx="{p[0]:.1f}" cy="{p[1]:.1f}" r="3" fill="{colour}"/>' for p in points if p]
        parts.append(_text(left + 150 * order, top + height + 42, name, colour=colour))
    return _svg(width, top + height + 60, parts)


def pairs_picture(now: Mapping[str, float], then: Mapping[str, float], title: str) -> str:
    """Two bars a name, in the order of the names: as it is, and as it would be."""
    names = sorted({*now, *then})
    left, top, bar, width = 170, 50, 16, 460
    most = max([*now.values(), *then.values(), 1])
    parts = [
        _text(left, 22, title, size=15),
        _text(left, 40, "now", colour=_COLOURS[0]),
        _text(left + 50, 40, "then", colour=_COLOURS[1]),
    ]
    for row, name in enumerate(names):
        y = top + row * (2 * bar + 14)
        parts.append(_text(left - 8, y + bar + 4, name, anchor="end"))
        for order, values in enumerate((now, then)):
            value = values.get(name, 0)
            at, length = y + order * bar, width * value / most
            parts.append(
                f'<rect x="{left}" y="{at}" width="{length:.1f}" height="{bar - 2}" fill="{_COLOURS[order]}"/>'
            )
            parts.append(_text(left + length + 6, at + bar - 5, f"{value:,.0f}"))
    return _svg(left + width + 90, top + len(names) * (2 * bar + 14), parts)


def _cell(x: int, y: int, size: int, count: int, share: float, *, good: bool) -> str:
    colour = "#2a9d5c" if good else "#c0392b"
    box = f'<rect x="{x}" y="{y}" width="{size}" height="{size}" stroke="#cccccc" fill="{colour}" fill-opacity="{share:.2f}"/>'
    return box + (_text(x + size // 2, y + size // 2 + 4, str(count), anchor="middle") if count else "")


def _line(a: tuple[float, float], b: tuple[float, float], colour: str) -> str:
    return f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}" stroke="{colour}" stroke-width="2"/>'


def _text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 12, colour: str = "#222222") -> str:
    font = _FONT.replace('"12"', f'"{size}"')
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" {font}>{escape(words)}</text>'


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" role="img">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>", ""])
