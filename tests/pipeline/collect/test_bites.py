"""Runs are read and stored in bites: each run in one of them, and none larger than memory allows."""

from dataclasses import replace
from typing import Any

import pytest

from jobmedic.knowledge.states import SUCCESS
from jobmedic.pipeline.collect import collector, read_runs
from jobmedic.pipeline.collect.bites import ROW_BYTES, RUN_BYTES, Bite, bites
from jobmedic.pipeline.collect.read_runs import ReadRun
from tests.pipeline.collect.test_root_causes import RUN
from tests.pipeline.test_pass_shadow import THREE
from tests.pipeline.ward import Admit


def read(run_id: int, characters: int = 0, **run: Any) -> ReadRun:
    rows = ({"task_run_id": run_id, "error": "x" * characters, "error_trace": None},) if characters else ()
    return ReadRun(run_id, replace(RUN, run_id=run_id, **run), rows)


def runs(bite: Bite) -> list[int]:
    return [seen.run_id for seen in bite.seen]


def test_a_bite_ends_when_it_is_large_enough() -> None:
    reads = [read(number, characters=1000) for number in range(5)]
    found = [runs(bite) for bite in bites(reads, (), most_bytes=2 * (ROW_BYTES + 1000))]
    assert found == [[0, 1], [2, 3], [4]]


def test_only_runs_that_an_action_waits_for_are_kept_whole() -> None:
    (bite,) = bites([read(1), read(2)], {2}, most_bytes=10 * RUN_BYTES)
    assert [one.run_id for one in bite.awaited] == [2]
    assert bite.size == RUN_BYTES


def test_runs_that_are_gone_or_succeeded_are_settled() -> None:
    (bite,) = bites([ReadRun(1, None), read(2, result_state=SUCCESS), read(3)], (), most_bytes=1)
    assert bite.settled == [1, 2]
    assert [(seen.gone, seen.succeeded) for seen in bite.seen] == [(True, False), (False, True), (False, False)]


def test_a_pass_in_small_bites_stores_and_watches_every_run_once(admit: Admit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "KNOWN_TOGETHER", 2)
    monkeypatch.setattr(read_runs, "READ_AHEAD", 1)
    ward = admit(THREE)
    ward.plan = {"chunk_bytes": 1}
    assert (ward.treat().tally.failures, ward.treat().tally.failures) == (3, 0)
    failed = sorted(row["run_id"] for row in ward.rows("failures"))
    assert failed == sorted(ward.run_id(name) for name in ("network", "syntax", "strange"))
    assert sorted(row["run_id"] for row in ward.rows("open_runs", closed_at=None)) == failed
