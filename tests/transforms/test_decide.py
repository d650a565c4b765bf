from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobmedic.knowledge.tables import tables
from jobmedic.knowledge.words import Mode
from tests.transforms.deciding import NOW, decided, policy


def test_a_transient_failure_of_a_safe_job_is_retried_and_says_why(spark: SparkSession) -> None:
    (row,) = decided(spark, [{}])
    assert (row.action, row.status, row.gate) == ("retry", "ready", None)
    assert "rule connection-reset" in row.reason
    assert "jobmedic_idempotent=true" in row.reason
    assert "expected gain $17.50 over cost $0.50" in row.reason


def test_a_decision_has_every_column_of_its_table(spark: SparkSession) -> None:
    (row,) = decided(spark, [{}])
    assert tuple(row.asDict()) == tables()["decisions"].column_names


def test_deciding_twice_is_deciding_once(spark: SparkSession) -> None:
    (first,), (second,) = decided(spark, [{}]), decided(spark, [{}])
    (later,) = decided(spark, [{"repairs": 1, "executions": 1}])
    assert first.decision_id == second.decision_id != later.decision_id
    assert len(first.decision_id) == 64


@pytest.mark.parametrize(
    ("failure", "diagnosis", "gate"),
    [
        ({}, {"confidence": 0.5}, "confidence"),
        ({}, {"category": "cancelled", "action": "ignore", "confidence": 0.5}, "confidence"),
        ({"run_result_state": "SUCCESS_WITH_FAILURES"}, {}, "tolerated"),
        ({"job_exists": False}, {}, "job_gone"),
        ({"job_id": None, "run_type": "SUBMIT_RUN"}, {}, "submitted"),
        ({"run_type": "WORKFLOW_RUN"}, {}, "submitted"),
        ({"trigger": "RUN_JOB_TASK"}, {}, "submitted"),
        ({"job_id": None, "run_type": "SUBMIT_RUN", "resubmission_of": 5}, {}, "submitted"),
        ({}, {"category": "permission"}, "category"),
        ({}, {"category": "syntax"}, "category"),
        ({}, {"category": "data_not_found"}, "category"),
        ({"failed_at": NOW - timedelta(hours=30)}, {}, "age"),
        ({"tags": {"jobmedic_idempotent": "false"}, "max_native_retries": 2}, {}, "safety"),
        ({"tags": {}}, {}, "safety"),
        ({"tags": None}, {}, "safety"),
        ({"tags": {}, "max_native_retries": 0}, {}, "safety"),
        ({"executions": 4}, {}, "retries"),
        ({}, {"action": "retry_with_new_params"}, "remedy"),
        ({"run_seconds": 3600.0 * 10}, {}, "worth"),
    ],
)
def test_a_gate_that_closes_turns_a_retry_into_a_mail(
    spark: SparkSession, failure: Any, diagnosis: Any, gate: str
) -> None:
    (row,) = decided(spark, [failure], [diagnosis])
    assert (row.action, row.gate) == ("send_email", gate), row.reason


@pytest.mark.parametrize(
    "failure",
    [
        {"tags": {"jobmedic_idempotent": "TRUE "}},
        {"tags": {}, "max_native_retries": 1},
        {"tags": {}, "max_native_retries": -1},
        {"tags": {}, "code_ran": False},
    ],
)
def test_what_says_that_a_job_is_safe_lets_it_be_retried(spark: SparkSession, failure: Any) -> None:
    (row,) = decided(spark, [failure])
    assert row.action == "retry", row.reason


def test_the_owner_is_told_which_tag_would_allow_a_retry(spark: SparkSession) -> None:
    (row,) = decided(spark, [{"tags": {}}])
    assert "jobmedic_idempotent=true" in row.reason


def test_untagged_jobs_are_safe_where_the_policy_names_them(spark: SparkSession, tmp_path: Path) -> None:
    rules = policy(tmp_path, rerun_untagged=["nightly-*"])
    first, second = decided(spark, [{"tags": {}}, {"tags": {}, "job_name": "nightly_x"}], rules=rules)
    assert (first.action, second.action) == ("retry", "send_email")


def test_a_failure_without_a_diagnosis_is_escalated_as_unknown(spark: SparkSession) -> None:
    (row,) = decided(spark, [{"fingerprint": "v1:never-seen"}])
    assert (row.action, row.category, row.confidence) == ("escalate", "unknown", 0.0)
    assert row.incident_id is not None


def test_the_most_cautious_action_of_a_run_counts_and_all_failed_tasks_are_named(spark: SparkSession) -> None:
    failures = [
        {"run_id": 5, "task_key": "b"},
        {"run_id": 5, "task_key": "a", "fingerprint": "v1:syn"},
        {"run_id": 5, "task_key": "c"},
    ]
    (row,) = decided(spark, failures, [{}, {"fingerprint": "v1:syn", "category": "syntax", "action": "send_email"}])
    assert (row.action, row.category, row.task_keys) == ("send_email", "syntax", ["a", "b", "c"])
    assert "2 more failed tasks" in row.reason


def test_what_retries_came_to_moves_the_probability_and_is_told(spark: SparkSession) -> None:
    (row,) = decided(spark, [{}], by_fingerprint=[("v1:net", "retry", 3, 0)])
    assert row.retry_success_probability == pytest.approx(10 / 13)
    assert "3 of 3 retries of this failure recovered" in row.reason


def test_a_retry_that_never_helped_its_category_is_not_worth_it(spark: SparkSession) -> None:
    (row,) = decided(spark, [{"run_seconds": 3600.0}], by_category=[("network", "retry", 0, 100)])
    assert (row.action, row.gate) == ("send_email", "worth")
    assert "expected to bring" in row.reason


def test_an_open_breaker_stops_retries_and_a_half_open_one_lets_one_probe_through(spark: SparkSession) -> None:
    fresh, old = NOW - timedelta(minutes=10), NOW - timedelta(minutes=90)
    (row,) = decided(spark, [{}], fingerprint_breakers=[("v1:net", 3, fresh, fresh, 0)])
    assert (row.action, row.gate) == ("send_email", "breaker")
    first, second = decided(spark, [{}, {}], fingerprint_breakers=[("v1:net", 3, old, old, 0)])
    assert [(r.action, r.status) for r in (first, second)] == [("retry", "ready"), ("retry", "held")]
    (row,) = decided(spark, [{}], fingerprint_breakers=[("v1:net", 3, old, old, 1)])
    assert row.status == "held"


def test_what_fails_for_long_is_probed_ever_more_rarely_and_an_outage_of_an_hour_is_not(spark: SparkSession) -> None:
    ago = {hours: NOW - timedelta(hours=hours) for hours in (2, 3, 70, 400)}
    (row,) = decided(spark, [{}], fingerprint_breakers=[("v1:net", 12, ago[3], ago[2], 0)])
    assert (row.action, row.status) == ("retry", "ready")
    (row,) = decided(spark, [{}], fingerprint_breakers=[("v1:net", 4, ago[70], ago[2], 0)])
    assert (row.action, row.gate) == ("send_email", "breaker")
    assert "none is made until 68 hours after the last" in row.reason
    (row,) = decided(spark, [{}], fingerprint_breakers=[("v1:net", 9, ago[400], ago[2], 0)])
    assert "none is made until 168 hours after the last" in row.reason


def test_a_job_whose_retries_failed_is_left_alone_whatever_its_failure(spark: SparkSession) -> None:
    fresh = NOW - timedelta(minutes=1)
    (row,) = decided(spark, [{}], job_breakers=[("w1", 7, 4, fresh, fresh, 0)])
    assert (row.action, row.gate) == ("send_email", "breaker")
    assert "this job" in row.reason


def test_a_storm_has_one_canary_one_incident_and_followers_that_wait(spark: SparkSession) -> None:
    found = decided(spark, [{"job_id": n} for n in range(6)])
    assert sorted(row.storm_role for row in found) == ["canary"] + 5 * ["follower"]
    assert {row.status for row in found if row.storm_role == "follower"} == {"held"}
    assert len({row.incident_id for row in found}) == 1
    assert found[0].incident_id is not None


def test_followers_wait_for_a_canary_of_an_earlier_pass(spark: SparkSession) -> None:
    (row,) = decided(spark, [{}], canaries=[("w1", "v1:net", 99, None)])
    assert (row.storm_role, row.status) == ("follower", "held")
    assert "99" in row.reason


def test_followers_are_released_when_the_canary_recovers_and_mailed_when_it_fails(spark: SparkSession) -> None:
    (row,) = decided(spark, [{}], canaries=[("w1", "v1:net", 99, "recovered")])
    assert (row.action, row.status, row.storm_role) == ("retry", "ready", None)
    (row,) = decided(spark, [{}], canaries=[("w1", "v1:net", 99, "failed_same")])
    assert (row.action, row.gate) == ("send_email", "storm")


def test_a_storm_joins_the_open_incident_of_its_fingerprint(spark: SparkSession) -> None:
    found = decided(spark, [{} for _ in range(5)], open_incidents=[("w1", "v1:net", "inc-1")])
    assert {row.incident_id for row in found} == {"inc-1"}


def test_failures_hours_apart_are_no_storm(spark: SparkSession) -> None:
    found = decided(spark, [{"failed_at": NOW - timedelta(hours=n)} for n in range(6)])
    assert {row.storm_role for row in found} == {None}


def test_the_retry_budget_of_the_workspace_defers_what_is_over_it(spark: SparkSession, tmp_path: Path) -> None:
    rules = policy(tmp_path, budget={"retries_minimum": 2}, storm={"runs": 100})
    found = decided(spark, [{"run_seconds": 3600.0}, {}, {}], rules=rules, retries_in_window=1)
    assert [row.status for row in found] == ["deferred", "ready", "deferred"]
    assert found[0].gate == "budget"


def test_a_second_retry_waits_and_says_until_when(spark: SparkSession) -> None:
    (row,) = decided(spark, [{"executions": 2, "failed_at": NOW - timedelta(seconds=30)}])
    assert (row.status, row.gate) == ("deferred", "backoff")
    assert row.not_before is not None
    (row,) = decided(spark, [{"executions": 2, "failed_at": NOW - timedelta(seconds=121)}])
    assert row.status == "ready"


@pytest.mark.parametrize("tags", [{"jobmedic_mode": "off", "jobmedic_idempotent": "true"}, {"jobmedic_mode": "OFF"}])
def test_a_job_that_is_switched_off_is_only_recorded(spark: SparkSession, tags: Any) -> None:
    (row,) = decided(spark, [{"tags": tags}])
    assert (row.status, row.gate) == ("shadow", "off")


def test_jobmedic_never_treats_its_own_job(spark: SparkSession) -> None:
    (row,) = decided(spark, [{}], own_job_ids=(7,))
    assert (row.status, row.gate) == ("shadow", "own_job")


def test_shadow_mode_decides_the_same_and_does_nothing(spark: SparkSession) -> None:
    (row,) = decided(spark, [{}], mode=Mode.SHADOW)
    assert (row.action, row.status, row.mode) == ("retry", "shadow", "shadow")
    assert row.reason.startswith("Shadow mode")


def test_native_retries_that_are_pending_come_first(spark: SparkSession) -> None:
    (row,) = decided(spark, [{"native_retries_pending": True}])
    assert (row.status, row.gate) == ("deferred", "native")


def test_autonomy_is_earned(spark: SparkSession, tmp_path: Path) -> None:
    rules = policy(tmp_path, autonomy={"enabled": True})
    (row,) = decided(spark, [{}], rules=rules)
    assert (row.status, row.gate) == ("shadow", "autonomy")
    (row,) = decided(spark, [{}], rules=rules, autonomy=[("category", "network", "act")])
    assert row.status == "ready"


def test_a_parameter_is_changed_only_inside_the_range_of_the_policy(spark: SparkSession, tmp_path: Path) -> None:
    rules = policy(tmp_path, params=[{"name": "parts", "minimum": 1, "maximum": 100}])
    diagnosis = {"category": "resource", "action": "retry_with_new_params"}
    wide, inside, undeclared = decided(
        spark,
        [
            {"fingerprint": f, "job_parameters": p}
            for f, p in (("a", {"parts": "10"}), ("b", {"parts": "10"}), ("b", {}))
        ],
        [
            diagnosis | {"fingerprint": "a", "suggested_params": {"parts": "1000"}},
            diagnosis | {"fingerprint": "b", "suggested_params": {"parts": "20", "evil": "1"}},
        ],
        rules=rules,
    )
    assert (inside.action, inside.params) == ("retry_with_new_params", {"parts": "20"})
    assert (wide.gate, undeclared.gate) == ("remedy", "remedy")


def test_the_policy_itself_can_grow_a_parameter(spark: SparkSession, tmp_path: Path) -> None:
    rules = policy(
        tmp_path, params=[{"name": "parts", "minimum": 1, "maximum": 15, "multiply": 2, "categories": ["resource"]}]
    )
    (row,) = decided(
        spark,
        [{"job_parameters": {"parts": "10"}}],
        [{"category": "resource", "action": "retry_with_new_params"}],
        rules=rules,
    )
    assert row.params == {"parts": "15"}


@pytest.mark.parametrize(
    ("present", "factor", "changed"), [("7", 0.4, "2"), ("7", 1.5, "11"), ("0.5", 1.5, "0.75"), ("2", 0.1, "1")]
)
def test_a_whole_number_stays_whole_and_inside_the_range(
    spark: SparkSession, tmp_path: Path, present: str, factor: float, changed: str
) -> None:
    rules = policy(
        tmp_path, params=[{"name": "days", "minimum": 0.1 if "." in present else 1, "maximum": 30, "multiply": factor}]
    )
    (row,) = decided(
        spark,
        [{"job_parameters": {"days": present}}],
        [{"category": "resource", "action": "retry_with_new_params"}],
        rules=rules,
    )
    assert row.params == {"days": changed}


def test_a_compute_remedy_is_followed_where_the_policy_allows_it(spark: SparkSession, tmp_path: Path) -> None:
    diagnosis = {"category": "resource", "action": "retry_with_new_params", "compute": "larger_node"}
    (row,) = decided(spark, [{}], [diagnosis])
    assert (row.action, row.compute, row.params) == ("retry_with_new_params", "larger_node", None)
    (row,) = decided(spark, [{}], [diagnosis], rules=policy(tmp_path, compute={"enabled": False}))
    assert (row.action, row.gate) == ("send_email", "remedy")
    (row,) = decided(spark, [{"compute_remedies": []}], [diagnosis])
    assert (row.action, row.gate) == ("send_email", "remedy")


def test_a_policy_overrides_a_rule_and_a_category(spark: SparkSession, tmp_path: Path) -> None:
    (row,) = decided(spark, [{}], rules=policy(tmp_path, rules={"connection-reset": {"action": "escalate"}}))
    assert row.action == "escalate"
    (row,) = decided(spark, [{}], rules=policy(tmp_path, categories={"network": {"action": "send_email"}}))
    assert row.action == "send_email"


def test_a_diagnosis_without_an_action_takes_the_category_of_the_policy(spark: SparkSession) -> None:
    lasting, passing = decided(
        spark,
        [{"fingerprint": "a"}, {"fingerprint": "b"}],
        [{"fingerprint": "a", "action": None, "transient": False}, {"fingerprint": "b", "action": None}],
    )
    assert (lasting.action, passing.action) == ("send_email", "retry")


def test_the_decision_says_when_no_model_could_be_asked(spark: SparkSession) -> None:
    (row,) = decided(spark, [{}], [{"notes": "No model was asked: the budget of model calls is used up"}])
    assert row.reason.endswith("No model was asked: the budget of model calls is used up")
