"""Puts the pages of one object together.

Page merging follows databricks/sdk/mixins/jobs.py, with two differences: a list that a page leaves out is no error,
and an element that comes twice (small servers repeat their short lists on every page) is kept once.
"""

from collections.abc import Iterable, Mapping
from typing import Any

RUN_LISTS: Mapping[str, str] = {
    "tasks": "run_id",
    "iterations": "run_id",
    "job_clusters": "job_cluster_key",
    "job_parameters": "name",
    "repair_history": "id",
}
JOB_LISTS: Mapping[str, str] = {
    "tasks": "task_key",
    "job_clusters": "job_cluster_key",
    "parameters": "name",
    "environments": "environment_key",
}


def merged(pages: Iterable[Mapping[str, Any]], lists: Mapping[str, str]) -> dict[str, Any]:
    """The first page, with its `lists` (name → identifying field) continued by the later pages."""
    whole: dict[str, Any] = {}
    for page in pages:
        if not whole:
            whole = dict(page)
            continue
        for name, identity in lists.items():
            if page.get(name):
                whole[name] = _joined(whole.get(name) or [], page[name], identity)
    return {name: value for name, value in whole.items() if name != "next_page_token"}


def merged_job(pages: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A job keeps its lists under `settings`."""
    whole: dict[str, Any] = {}
    settings: list[Mapping[str, Any]] = []
    for page in pages:
        whole = whole or dict(page)
        settings.append(page.get("settings") or {})
    rest = {name: value for name, value in whole.items() if name != "next_page_token"}
    return {**rest, "settings": merged(settings, JOB_LISTS)}


def _joined(first: list[Any], more: list[Any], identity: str) -> list[Any]:
    known = {one.get(identity) for one in first if isinstance(one, Mapping)}
    fresh = [one for one in more if not isinstance(one, Mapping) or one.get(identity) not in known]
    return [*first, *fresh]
