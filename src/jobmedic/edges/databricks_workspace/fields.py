"""Values of the Jobs API's JSON as it comes: what is missing, misspelt or new must not break a record."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]

# `status.termination_details.code` (API 2.2) in the older words of `state.result_state`, where a server gives only it.
_RESULT_OF_CODE = {
    "SUCCESS": "SUCCESS",
    "SUCCESS_WITH_FAILURES": "SUCCESS_WITH_FAILURES",
    "CANCELED": "CANCELED",
    "USER_CANCELED": "CANCELED",
    "SKIPPED": "SKIPPED",
    "MAX_CONCURRENT_RUNS_EXCEEDED": "MAXIMUM_CONCURRENT_RUNS_REACHED",
}


def states(raw: Json) -> tuple[str, str | None]:
    state, status = mapping(raw.get("state")), mapping(raw.get("status"))
    life_cycle = text(state.get("life_cycle_state")) or text(status.get("state")) or "unknown"
    result = text(state.get("result_state"))
    code = text(mapping(status.get("termination_details")).get("code"))
    if result is None and code is not None and not state:
        result = _RESULT_OF_CODE.get(code, "FAILED")
    return life_cycle, result


def instant(value: Any) -> datetime | None:
    """Epoch milliseconds; 0, nothing, and what is no time at all are None."""
    milliseconds = number(value)
    if not milliseconds or milliseconds < 0:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def number(value: Any) -> int | None:
    """Ids are 64-bit and some servers spell them as strings; 0 is how the API says none."""
    try:
        return int(value) or None
    except (TypeError, ValueError):
        return None


def text(value: Any) -> str | None:
    return str(value) if value not in (None, "") else None


def count(value: Any) -> int:
    return number(value) or 0


def mapping(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}


def mappings(value: Any) -> list[Json]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
