"""Words, lines and boxes of SVG, as the pictures need them."""

from collections.abc import Sequence
from html import escape

INK, FAINT = "#222222", "#dddddd"


def text(
    x: float, y: float, words: str, *, anchor: str = "start", size: int = 12, colour: str = INK, turn: int = 0
) -> str:
    """`turn` in degrees around its own beginning."""
    turned = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn else ""
    font = f'font-family="sans-serif" font-size="{size}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" {font}{turned}>{escape(words)}</text>'


def line(x: float, y: float, to_x: float, to_y: float, colour: str, *, width: float = 2, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    ends = f'x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width:g}"{dashed}/>'


def dot(x: float, y: float, radius: float, colour: str, hint: str = "") -> str:
    """`hint` shows when the pointer rests on it."""
    inside = f"<title>{escape(hint)}</title>" if hint else ""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}">{inside}</circle>'


def box(x: float, y: float, width: float, height: float, colour: str, *, opacity: float = 1, edge: str = "none") -> str:
    sides = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {sides} fill="{colour}" fill-opacity="{opacity:.2f}" stroke="{edge}"/>'


def svg(width: float, height: float, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" role="img">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>", ""])
