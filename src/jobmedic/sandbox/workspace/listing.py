"""`runs/list`: newest first, filtered by start time, in pages that a new run does not shift."""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping

from jobmedic.sandbox.world.state import Json, Refusal, Run

PAGE_MAX = 25
PAGE_DEFAULT = 20


def list_runs(runs: Iterable[Run], query: Mapping[str, str], view: Callable[[Run], Json]) -> Json:
    if _flag(query, "active_only") and _flag(query, "completed_only"):
        raise Refusal("Only one of active_only and completed_only can be set to true.")
    found = sorted((r for r in runs if _wanted(r, query)), key=_place, reverse=True)
    token = query.get("page_token")
    offset = int(query.get("offset") or 0)
    if token:
        place = _decoded(token)
        offset = sum(_place(r) >= place for r in found)
    page = found[offset : offset + _limit(query)]
    more = offset + len(page) < len(found)
    answer: Json = {"has_more": more}
    if page:
        answer["runs"] = [view(r) for r in page]
    if more:
        answer["next_page_token"] = _encoded(_place(page[-1]))
    return answer


def _limit(query: Mapping[str, str]) -> int:
    limit = int(query.get("limit") or PAGE_DEFAULT)
    if limit > PAGE_MAX or limit < 0:
        raise Refusal(f"Invalid limit {limit} - it has to be no more than {PAGE_MAX}.")
    return limit or PAGE_MAX


def _flag(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() == "true"


def _wanted(run: Run, query: Mapping[str, str]) -> bool:
    """Only the start time can be filtered on: a run that began long ago and ends now is not in a recent window."""
    return (
        (not _flag(query, "active_only") or not run.state.terminal)
        and (not _flag(query, "completed_only") or run.state.terminal)
        and ("job_id" not in query or run.job_id == int(query["job_id"]))
        and ("run_type" not in query or run.run_type == query["run_type"])
        and ("start_time_from" not in query or run.started >= int(query["start_time_from"]))
        and ("start_time_to" not in query or run.started <= int(query["start_time_to"]))
    )


def _place(run: Run) -> tuple[int, int]:
    return run.started, run.run_id


def _encoded(place: tuple[int, int]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _decoded(token: str) -> tuple[int, int]:
    try:
        started, run_id = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, binascii.Error) as error:
        raise Refusal("Invalid page_token.") from error
    return int(started), int(run_id)
