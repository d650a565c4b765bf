"""Decisions on many failures at once, beside those that plain Python makes of them one after the other."""

import random
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobmedic.knowledge.policy import Policy
from jobmedic.knowledge.words import Mode
from jobmedic.transforms.columns import instant
from jobmedic.transforms.decide import decide
from jobmedic.transforms.traffic import Setting
from tests.transforms import mixed
from tests.transforms.deciding import NOW, past, policy, rows
from tests.transforms.reference import World

RUNS = 250
POLICIES: dict[int, dict[str, Any]] = {
    1: {},
    2: {"storm": {"runs": 3, "window_minutes": 10}, "budget": {"retries_minimum": 5, "retries_share": 0.1}},
    3: {"breaker": {"failures": 2}, "storm": {"runs": 200}, "backoff": {"first_seconds": 2000}},
}


def _case(seed: int, tmp_path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any], Policy]:
    rng = random.Random(seed)
    return mixed.failures(rng, RUNS), mixed.diagnoses(rng), mixed.history(rng, RUNS), policy(tmp_path, **POLICIES[seed])


@pytest.mark.parametrize("seed", POLICIES)
def test_decisions_are_those_of_the_reference(spark: SparkSession, tmp_path: Path, seed: int) -> None:
    failures, diagnoses, history, rules = _case(seed, tmp_path)
    setting = Setting(now=instant(NOW), mode=Mode.ACT, pass_id="p1")
    frame, known = rows(spark, "failures", failures), rows(spark, "diagnoses", diagnoses)
    decided = decide(frame, known, past(spark, history), rules, setting).collect()
    found = {(row.workspace_id, row.run_id, row.attempt): row for row in decided}
    expected = World({d["fingerprint"]: d for d in diagnoses}, history, rules, NOW).decide(failures)
    assert len(decided) == len(found) == len(expected) == RUNS
    for one in expected:
        row = found[one.failure["workspace_id"], one.failure["run_id"], one.failure["repairs"]]
        said = (row.action, row.gate, row.status, row.storm_role, row.task_keys, row.task_run_id)
        task = one.failure["task_run_id"]
        assert said == (one.action, one.gate, one.status, one.storm_role, one.task_keys, task), (one, row.reason)
        assert (row.incident_id is not None, row.not_before is None) == (one.incident, one.not_before is None)
        assert row.retry_success_probability == pytest.approx(one.probability)


def test_the_mixed_failures_meet_nearly_every_gate_and_every_status(tmp_path: Path) -> None:
    gates: set[str | None] = set()
    states: set[str] = set()
    for seed in POLICIES:
        failures, diagnoses, history, rules = _case(seed, tmp_path)
        decided = World({d["fingerprint"]: d for d in diagnoses}, history, rules, NOW).decide(failures)
        gates |= {one.gate for one in decided}
        states |= {one.status for one in decided}
    assert states == {"ready", "held", "deferred", "shadow"}
    assert gates == {
        *("confidence", "tolerated", "submitted", "job_gone", "category", "age", "safety", "retries", "remedy"),
        *("breaker", "worth", "storm", "native", "backoff", "budget", "off", None),
    }
