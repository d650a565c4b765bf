"""The repairs of a run, oldest first, from its `repair_history`."""

import sys
from collections.abc import Iterable
from typing import Any

from jobmedic.edges.databricks_workspace.fields import Json, count, instant, mappings, number, states
from jobmedic.ports.workspace import Repair


def repairs(raw: Json) -> tuple[Repair, ...]:
    entries = [
        one for one in mappings(raw.get("repair_history")) if one.get("type") != "ORIGINAL" and number(one.get("id"))
    ]
    ordered = sorted(entries, key=lambda one: number(one.get("start_time")) or 0)
    starts = [number(one.get("start_time")) for one in ordered]
    return tuple(
        _repair(one, one.get("task_run_ids") or _started_within(raw, since, until))
        for one, since, until in zip(ordered, starts, [*starts[1:], None], strict=False)
    )


def _started_within(raw: Json, since: int | None, until: int | None) -> list[Any]:
    """Task runs of a repair whose entry does not name them: those that started from then until the next repair."""
    return [
        task.get("run_id")
        for task in mappings(raw.get("tasks"))
        if since and since <= count(task.get("start_time")) < (until or sys.maxsize)
    ]


def _repair(raw: Json, task_run_ids: Iterable[Any]) -> Repair:
    life_cycle, result = states(raw)
    return Repair(
        repair_id=int(raw["id"]),
        started_at=instant(raw.get("start_time")),
        ended_at=instant(raw.get("end_time")),
        life_cycle_state=None if life_cycle == "unknown" else life_cycle,
        result_state=result,
        task_run_ids=tuple(int(one) for one in task_run_ids if number(one)),
    )
