"""What the platform really does, met by two passes over one night: see `night.py`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.spark import Features
from jobmedic.pipeline.triage import PassReport
from jobmedic.sandbox import Sandbox
from jobmedic.sandbox.sandbox import JOBMEDIC_USER
from tests.pipeline.night import SCENARIO
from tests.pipeline.ward import Ward, ports_of


@dataclass(frozen=True)
class Night:
    ward: Ward
    reports: list[PassReport]
    tables: dict[str, list[dict[str, Any]]]

    def of(self, table: str, job: str) -> list[dict[str, Any]]:
        run_id = self.ward.run_id(job)
        return [row for row in self.tables[table] if row["run_id"] == run_id]

    def failure(self, job: str) -> dict[str, Any]:
        (row,) = self.of("failures", job)
        return row

    def decision(self, job: str) -> dict[str, Any]:
        (row,) = self.of("decisions", job)
        return row

    def action(self, job: str) -> str | None:
        return next((row["status"] for row in self.of("actions", job)), None)

    def repairs(self, job: str) -> tuple[str, ...]:
        return self.ward.repairs(job)


@pytest.fixture(scope="module")
def night(spark: SparkSession, features: Features, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    folder = tmp_path_factory.mktemp("night")
    with Sandbox(SCENARIO) as sandbox:
        sandbox.world.advance(3600)
        ledger = DeltaLedger(spark, folder / "tables", features)
        ward = Ward(sandbox, ledger, ports_of(sandbox, ledger), folder)
        ward.rules(storm={"runs": 1000})  # all of them show one masked error
        reports = [ward.treat()]
        ward.minutes(120)
        reports.append(ward.treat())
        tables = {name: ward.rows(name) for name in ("failures", "decisions", "actions", "outcomes", "passes")}
        yield Night(ward, reports, tables)


def test_a_run_that_started_days_ago_and_fails_now_is_not_missed(night: Night) -> None:
    assert night.failure("marathon")["started_at"] < night.reports[0].started_at - timedelta(days=2)
    assert night.decision("marathon")["gate"] == "worth"  # three more days of compute


def test_a_run_that_was_active_in_the_first_pass_is_found_by_the_second(night: Night) -> None:
    assert night.failure("late")["pass_id"] == night.reports[1].pass_id
    assert night.repairs("late") == (JOBMEDIC_USER,)


def test_no_failure_is_stored_twice(night: Night) -> None:
    ids = [row["task_run_id"] for row in night.tables["failures"]]
    assert len(ids) == len(set(ids))


def test_no_run_that_failed_is_missed(night: Night) -> None:
    failed = {run_id for run_id, told in night.ward.sandbox.truth().items() if told.first_result != "SUCCESS"}
    assert {row["run_id"] for row in night.tables["failures"]} == failed


def test_of_several_attempts_of_a_task_the_newest_counts(night: Night) -> None:
    row = night.failure("native")
    assert (row["attempt_number"], row["executions"], row["max_native_retries"]) == (1, 2, 1)


def test_a_run_that_its_native_retries_mended_is_no_failure(night: Night) -> None:
    assert night.of("failures", "mended-natively") == []


def test_tolerated_failures_are_reported_and_not_repaired(night: Night) -> None:
    decision = night.decision("tolerated")
    assert (decision["action"], decision["gate"]) == ("send_email", "tolerated")
    assert night.repairs("tolerated") == ()


def test_what_a_user_cancelled_is_left_alone(night: Night) -> None:
    decision = night.decision("user-cancel")
    assert (decision["category"], decision["action"]) == ("cancelled", "ignore")


def test_the_platforms_cancel_is_not_the_users(night: Night) -> None:
    decision = night.decision("platform-cancel")
    assert decision["category"] != "cancelled"
    assert decision["action"] != "ignore"


def test_a_time_out_is_a_time_out(night: Night) -> None:
    assert night.decision("timed-out")["category"] == "timeout"


def test_the_second_repair_names_the_latest_one(night: Night) -> None:
    assert night.repairs("repaired-before") == ("bob@example.com", JOBMEDIC_USER)
    assert night.action("repaired-before") == "applied"


def test_repairs_by_people_count_as_retries(night: Night) -> None:
    decision = night.decision("repaired-before")
    assert (decision["attempts_before"], decision["attempt"]) == (2, 1)


def test_a_job_that_is_gone_is_a_mail(night: Night) -> None:
    decision = night.decision("deleted")
    assert (decision["action"], decision["gate"]) == ("send_email", "job_gone")


def test_a_one_time_submit_belongs_to_whoever_submitted_it(night: Night) -> None:
    decision = night.decision("submitted")
    assert (decision["action"], decision["gate"]) == ("send_email", "submitted")
    assert night.ward.sandbox.truth()[night.ward.run_id("submitted")].submits == ()


def test_a_run_that_another_job_called_is_left_to_the_repair_of_its_caller(night: Night) -> None:
    decision = night.decision("called")
    assert (decision["action"], decision["gate"]) == ("send_email", "submitted")
    assert "another job started this run" in decision["reason"]
    assert night.repairs("called") == ()


def test_the_hundred_and_eighteenth_task_is_seen(night: Night) -> None:
    assert night.failure("wide")["task_key"] == "t117"
    assert night.repairs("wide") == (JOBMEDIC_USER,)


def test_states_that_nobody_knows_are_kept_as_they_are(night: Night) -> None:
    row = night.failure("unheard-of")
    assert (row["result_state"], row["termination_code"], row["termination_type"]) == ("MELTED", "GREMLINS", "MAGIC")
    assert night.repairs("unheard-of") == (JOBMEDIC_USER,)


def test_only_the_root_cause_is_a_failure_and_its_dependents_run_again(night: Night) -> None:
    assert night.decision("chain")["task_keys"] == ["extract"]
    run = night.ward.sandbox.world.run(night.ward.run_id("chain"))
    again = {attempt.task_key for attempt in run.attempts if attempt.repair_id}
    assert (again, run.state.result) == ({"extract", "load", "report"}, "SUCCESS")


def test_a_job_that_is_switched_off_is_recorded_and_left_alone(night: Night) -> None:
    decision = night.decision("switched-off")
    assert (decision["status"], decision["gate"]) == ("shadow", "off")
    assert (night.repairs("switched-off"), night.action("switched-off")) == ((), None)


def test_the_owner_of_an_untagged_job_learns_which_tag_would_allow_a_retry(night: Night) -> None:
    assert night.decision("untagged")["gate"] == "safety"
    bodies = [mail.part("plain") for mail in night.ward.sandbox.mails]
    assert any("untagged" in body and "jobmedic_idempotent=true" in body for body in bodies)


def test_a_mail_quotes_the_error_of_the_run_that_it_names(night: Night) -> None:
    for mail in night.ward.sandbox.mails:
        name = mail.subject.split()[1]
        (text,) = [row["error"] for row in night.tables["failures"] if row["run_name"] == name] or [None]
        quoted = [line[2:] for line in mail.part("plain").splitlines() if line.startswith("> ")]
        assert all(line in (text or "") for line in quoted), mail.subject


def test_a_run_without_tasks_is_read_and_repaired(night: Night) -> None:
    assert night.failure("taskless")["task_run_id"] == night.ward.run_id("taskless")


def test_a_loop_shows_the_error_of_its_iteration(night: Night) -> None:
    assert "Connection refused" in night.failure("loop")["error"]


def test_compute_that_is_not_the_jobs_to_change_is_a_mail_with_the_reason(night: Night) -> None:
    decision = night.decision("serverless-memory")
    assert (decision["action"], decision["gate"]) == ("send_email", "remedy")
    assert night.ward.sandbox.truth()[night.ward.run_id("serverless-memory")].submits == ()


def test_ids_beyond_53_bits_are_exact_for_every_reader(night: Night) -> None:
    table = DeltaTable(str(night.ward.folder / "tables" / "failures")).to_pyarrow_table()
    assert str(table.schema.field("run_id").type) == "int64"
    assert night.ward.run_id("marathon") in table.column("run_id").to_pylist()
    assert min(table.column("task_run_id").to_pylist()) > 2**53


def test_what_the_passes_claim_is_what_happened(night: Night) -> None:
    truth = night.ward.sandbox.truth()
    recovered = {row["decision_id"] for row in night.tables["outcomes"] if row["outcome"] == "recovered"}
    claimed = {row["run_id"] for row in night.tables["decisions"] if row["decision_id"] in recovered}
    ours = {run for run, told in truth.items() if told.recovered_by == f"repair by {JOBMEDIC_USER}"}
    assert claimed
    assert claimed <= ours


def test_both_passes_leave_their_figures(night: Night) -> None:
    assert [row["status"] for row in sorted(night.tables["passes"], key=lambda row: row["started_at"])] == ["ok", "ok"]
    assert sum(row["failures"] for row in night.tables["passes"]) == len(night.tables["failures"])
