"""What the sandbox knows and no API says."""

import time

import pytest

from jobmedic.sandbox import Sandbox, TaskPlan
from jobmedic.sandbox.compute import SERVERLESS, size_of
from jobmedic.sandbox.truth import still_failed

HOUR = 3600


def test_money_counts_every_execution(start, scene):
    sandbox = start(scene.failing(scene.job(TaskPlan(key="load", minutes=10)), scene.until_retried(1)))
    sandbox.world.advance(HOUR)
    before = sandbox.truth()[scene.run_id(sandbox)]
    sandbox.world.repair({"run_id": scene.run_id(sandbox), "rerun_tasks": ["load"]}, by="me")
    sandbox.world.advance(HOUR)
    after = sandbox.truth()[scene.run_id(sandbox)]
    assert (before.executions, after.executions) == (1, 2)
    assert (before.retry_dollars, after.recovered_by) == (0, "repair by me")
    assert after.dollars == pytest.approx(before.dollars + after.retry_dollars)
    hourly = size_of({"node_type_id": "Standard_D4ds_v5", "num_workers": 2}).dollars_per_hour
    assert after.dollars == pytest.approx(after.compute_seconds / 3600 * hourly)


def test_serverless_has_its_own_price(start, scene):
    sandbox = start(scene.failing(scene.job(cluster=None)))
    sandbox.world.advance(HOUR)
    truth = sandbox.truth()[scene.run_id(sandbox)]
    assert truth.dollars == pytest.approx(truth.compute_seconds / 3600 * SERVERLESS.dollars_per_hour)


def test_native_retries_are_told_from_repairs(start, scene):
    sandbox = start(scene.failing(scene.job(TaskPlan(key="load", retries=1)), scene.until_retried(1)))
    sandbox.world.advance(HOUR)
    assert sandbox.truth()[scene.run_id(sandbox)].recovered_by == "native retry"
    assert still_failed(sandbox.world) == []


def test_a_person_can_call_with_a_token_of_their_own(start, scene):
    sandbox = start(scene.failing(scene.job(), scene.until_retried(1)))
    sandbox.world.advance(HOUR)
    jobs = scene.sdk(sandbox, sandbox.person("bob@example.com")).jobs
    assert still_failed(sandbox.world) == [scene.run_id(sandbox)]
    jobs.repair_run(scene.run_id(sandbox), rerun_tasks=["load"])
    assert sandbox.truth()[scene.run_id(sandbox)].repairs == ("bob@example.com",)


def test_purged_runs_are_still_known(start, scene):
    sandbox = start(scene.failing(scene.job()))
    sandbox.world.advance(70 * 24 * HOUR)
    assert sandbox.truth()[scene.run_id(sandbox)].result == "FAILED"


def test_time_can_follow_the_real_one(scene):
    with Sandbox(scene.failing(scene.job()), rate=3600) as sandbox:
        before = sandbox.clock.now()
        sandbox.clock.sleep(360)
        assert 300 < (sandbox.clock.now() - before).total_seconds() < 3600
        time.sleep(0.1)
        assert sandbox.world.run(scene.run_id(sandbox)).state.terminal


def test_a_clock_that_stands_still_is_advanced_by_sleeping(scene):
    sandbox = Sandbox(scene.failing(scene.job()))
    sandbox.clock.sleep(HOUR)
    assert sandbox.world.run(scene.run_id(sandbox)).state.terminal


def test_the_environment_names_every_address(start):
    sandbox = start()
    environment = sandbox.environment()
    assert environment["DATABRICKS_HOST"] == sandbox.workspace_url
    assert environment["EMAIL_SMTP_PORT"] == str(sandbox.smtp_port)
    assert all(environment.values())
