"""How causes end, and that a scenario always tells the same story."""

from typing import Any

import pytest

from jobmedic.knowledge.words import Category
from jobmedic.sandbox import Bound, Cause, Ending, Failure, Sandbox, Scenario, SchedulePlan, Storm, TaskPlan
from jobmedic.sandbox.world.compute import size_of
from tests.sandbox.scene import Start, cause, failing, job, run_id_of

MINUTE, HOUR = 60, 3600


def recovered_after(sandbox: Sandbox, run_id: int, most: int = 6) -> Any:
    """How many repairs it took, each an hour after the last; None when they did not help."""
    sandbox.world.advance(HOUR)
    for number in range(1, most + 1):
        run = sandbox.world.run(run_id)
        latest = {"latest_repair_id": run.repairs[-1].repair_id} if run.repairs else {}
        sandbox.world.repair({"run_id": run_id, "rerun_all_failed_tasks": True, **latest}, by="me")
        sandbox.world.advance(HOUR)
        if sandbox.world.run(run_id).state.result == "SUCCESS":
            return number
    return None


@pytest.mark.parametrize(
    ("ends", "repairs"),
    [
        (Ending(), None),
        (Ending(after_retries=1), 1),
        (Ending(after_retries=3), 3),
        (Ending(after_minutes=150), 3),
        (Ending(probability=1.0), 1),
        (Ending(probability=0.0), None),
        (Ending(params={"x": Bound(equals="1")}), None),
    ],
)
def test_a_cause_ends_as_it_says(start: Start, ends: Any, repairs: Any) -> None:
    sandbox = start(failing(job(), cause(ends=ends)))
    assert recovered_after(sandbox, run_id_of(sandbox)) == repairs


def test_a_share_of_the_retries_recovers(start: Start) -> None:
    plan = job(schedule=SchedulePlan(every=0.1, runs=200))
    sandbox = start(failing(plan, cause(ends=Ending(probability=0.7))))
    sandbox.world.advance(HOUR)
    for run_id in sandbox.stage.run_ids.values():
        sandbox.world.repair({"run_id": run_id, "rerun_tasks": ["load"]}, by="me")
    sandbox.world.advance(HOUR)
    recovered = sum(t.recovered_by is not None for t in sandbox.truth().values())
    assert 120 < recovered < 160


def test_one_cause_can_give_way_to_another(start: Start) -> None:
    first = cause(id="first", ends=Ending(after_retries=1, then="second"))
    second = Cause(id="second", category=Category.SYNTAX, transient=False, error="[PARSE_SYNTAX_ERROR]")
    story = Scenario(
        name="two", causes=(first, second), jobs=(job(),), failures=(Failure(job="nightly", cause="first"),)
    )
    sandbox = start(story)
    assert recovered_after(sandbox, run_id_of(sandbox), most=2) is None
    truth = sandbox.truth()[run_id_of(sandbox)]
    assert truth.causes == ("first", "second")
    assert truth.categories == (Category.TIMEOUT, Category.SYNTAX)


def test_a_storm_hits_whatever_starts_in_it_and_passes(start: Start) -> None:
    jobs = tuple(job(name=f"job{i}", schedule=SchedulePlan(first=i, every=60, runs=2)) for i in range(8))
    storm = Storm(cause="timeout", jobs=tuple(j.name for j in jobs), at=0, minutes=20)
    sandbox = start(Scenario(name="storm", causes=(cause(),), jobs=jobs, storms=(storm,)))
    sandbox.world.advance(2 * HOUR)
    results = {key: sandbox.world.run(run_id).state.result for key, run_id in sandbox.stage.run_ids.items()}
    assert {r for (_, ordinal), r in results.items() if ordinal == 1} == {"FAILED"}
    assert {r for (_, ordinal), r in results.items() if ordinal == 2} == {"SUCCESS"}
    assert recovered_after(sandbox, run_id_of(sandbox, "job3")) == 1


def test_the_same_scenario_tells_the_same_story_however_it_is_read(start: Start) -> None:
    plan = job(TaskPlan(key="load", retries=1), schedule=SchedulePlan(every=7, runs=30))
    story = failing(plan, cause(ends=Ending(probability=0.5)), seed=3)
    one, other = start(story), start(story)
    one.world.advance(5 * HOUR)
    for _ in range(300):
        other.world.advance(MINUTE)
    assert one.truth() == other.truth()


def test_a_fault_of_the_text_varies_but_not_its_kind(start: Start) -> None:
    sandbox = start(failing(job(schedule=SchedulePlan(every=1, runs=20))))
    sandbox.world.advance(HOUR)
    texts = {a.error or "" for run in sandbox.world.runs.values() for a in run.attempts}
    assert len(texts) == 20
    assert all(t.startswith("java.net.SocketTimeoutException: Read timed out after") for t in texts)


@pytest.mark.parametrize(
    ("node", "gib"),
    [
        ("Standard_D4ds_v5", 16),
        ("Standard_E8ds_v5", 64),
        ("m5.xlarge", 16),
        ("r5.2xlarge", 64),
        ("n2-highmem-8", 64),
        ("own-brand", 16),
    ],
)
def test_memory_is_read_from_the_node_type(node: str, gib: int) -> None:
    assert size_of({"node_type_id": node, "num_workers": 1}).memory_gib == gib
