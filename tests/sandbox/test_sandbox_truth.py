"""What the sandbox knows and no API says."""

import time

import pytest

from jobmedic.sandbox import Sandbox, TaskPlan
from jobmedic.sandbox.world.compute import SERVERLESS, size_of
from jobmedic.sandbox.world.truth import still_failed
from tests.sandbox.scene import Start, failing, job, run_id_of, sdk, until_retried

HOUR = 3600


def test_money_counts_every_execution(start: Start) -> None:
    sandbox = start(failing(job(TaskPlan(key="load", minutes=10)), until_retried(1)))
    sandbox.world.advance(HOUR)
    before = sandbox.truth()[run_id_of(sandbox)]
    sandbox.world.repair({"run_id": run_id_of(sandbox), "rerun_tasks": ["load"]}, by="me")
    sandbox.world.advance(HOUR)
    after = sandbox.truth()[run_id_of(sandbox)]
    assert (before.executions, after.executions) == (1, 2)
    assert (before.retry_dollars, after.recovered_by) == (0, "repair by me")
    assert after.dollars == pytest.approx(before.dollars + after.retry_dollars)
    hourly = size_of({"node_type_id": "Standard_D4ds_v5", "num_workers": 2}).dollars_per_hour
    assert after.dollars == pytest.approx(after.compute_seconds / 3600 * hourly)


def test_serverless_has_its_own_price(start: Start) -> None:
    sandbox = start(failing(job(cluster=None)))
    sandbox.world.advance(HOUR)
    truth = sandbox.truth()[run_id_of(sandbox)]
    assert truth.dollars == pytest.approx(truth.compute_seconds / 3600 * SERVERLESS.dollars_per_hour)


def test_native_retries_are_told_from_repairs(start: Start) -> None:
    sandbox = start(failing(job(TaskPlan(key="load", retries=1)), until_retried(1)))
    sandbox.world.advance(HOUR)
    assert sandbox.truth()[run_id_of(sandbox)].recovered_by == "native retry"
    assert still_failed(sandbox.world) == []


def test_a_person_can_call_with_a_token_of_their_own(start: Start) -> None:
    sandbox = start(failing(job(), until_retried(1)))
    sandbox.world.advance(HOUR)
    jobs = sdk(sandbox, sandbox.person("bob@example.com")).jobs
    assert still_failed(sandbox.world) == [run_id_of(sandbox)]
    jobs.repair_run(run_id_of(sandbox), rerun_tasks=["load"])
    assert sandbox.truth()[run_id_of(sandbox)].repairs == ("bob@example.com",)


def test_purged_runs_are_still_known(start: Start) -> None:
    sandbox = start(failing(job()))
    sandbox.world.advance(70 * 24 * HOUR)
    assert sandbox.truth()[run_id_of(sandbox)].result == "FAILED"


def test_time_can_follow_the_real_one() -> None:
    with Sandbox(failing(job()), rate=3600) as sandbox:
        before = sandbox.clock.now()
        sandbox.clock.sleep(360)
        assert 300 < (sandbox.clock.now() - before).total_seconds() < 3600
        time.sleep(0.1)
        assert sandbox.world.run(run_id_of(sandbox)).state.terminal


def test_a_clock_that_stands_still_is_advanced_by_sleeping() -> None:
    sandbox = Sandbox(failing(job()))
    sandbox.clock.sleep(HOUR)
    assert sandbox.world.run(run_id_of(sandbox)).state.terminal


def test_the_environment_names_every_address(start: Start) -> None:
    sandbox = start()
    environment = sandbox.environment()
    assert environment["DATABRICKS_HOST"] == sandbox.workspace_url
    assert environment["EMAIL_SMTP_PORT"] == str(sandbox.smtp_port)
    assert all(environment.values())
