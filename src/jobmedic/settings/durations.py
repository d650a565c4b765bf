"""Spans of time as people write them: `90s`, `15m`, `24h`, `7d`."""

import re
from datetime import timedelta
from typing import Any

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
LONGEST = timedelta(days=3_650)

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)[ ]*([smhdw]?)")


def parse_duration(value: Any) -> timedelta:
    """A bare number counts as seconds. Raises ValueError for anything else, negative spans, and spans over ten years."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(str(value).strip().lower())
    if match is None:
        raise ValueError("a duration is a number with s, m, h, d or w behind it, such as 90s, 15m, 24h or 7d")
    seconds = float(match[1]) * SECONDS[match[2] or "s"]
    if seconds > LONGEST.total_seconds():
        raise ValueError("a duration is at most ten years")
    return timedelta(seconds=seconds)


def format_duration(span: timedelta) -> str:
    """A spelling that `parse_duration` reads back: whole units, the largest that fits; one day is 24 hours."""
    seconds = span.total_seconds()
    for unit in ("d", "h", "m"):
        if seconds % SECONDS[unit] == 0 and seconds >= SECONDS[unit] * (2 if unit == "d" else 1):
            return f"{int(seconds // SECONDS[unit])}{unit}"
    return f"{seconds:g}s"
