"""Bad input and bad days: a clear message, nothing lost, and the rest of the pass goes on."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.spark import Features
from jobmedic.knowledge.words import Mode
from jobmedic.pipeline.triage import PassError
from jobmedic.ports.workspace import Run, RunReader, TaskOutput
from jobmedic.sandbox import Ending, Failure, Fault, Scenario, throttled
from jobmedic.sandbox.sandbox import JOBMEDIC_USER
from tests.pipeline.ward import NETWORK, Admit, cause, failing, job

RECOVERS = cause(ends=Ending(after_retries=1))
LONG = 5 * 1024 * 1024
TEXTS: dict[str, tuple[str | None, str | None]] = {
    "huge": ("x" * LONG + " the end", None),
    "empty": ("", ""),
    "nothing": (None, None),
    "binary": ("\x00\x01\x02\xff\x1b[31m KeyError: \x00'a'", None),
    "surrogates": ("KeyError: '\ud800 alone \udfff'", None),
    "right-to-left": ("خطأ: الجدول غير موجود \u202e evil \u2066", None),
    "endless": (
        "boom",
        "\n".join(f"\tat a.b.C.m{n}(C.java:{n})" for n in range(10_000)) + "\nCaused by: the last line",
    ),
}


def two_jobs() -> Scenario:
    return failing(job(name="good"), job(name="bad"), why=RECOVERS)


def test_whatever_a_text_holds_it_is_stored_and_decided(admit: Admit) -> None:
    causes = tuple(cause(id=name, error=error, trace=trace) for name, (error, trace) in TEXTS.items())
    jobs = tuple(job(name=name) for name in TEXTS)
    story = Scenario(
        name="odd", causes=causes, jobs=jobs, failures=tuple(Failure(job=name, cause=name) for name in TEXTS)
    )
    ward = admit(story)
    report = ward.treat()
    stored = {row["job_name"]: row for row in ward.rows("failures")}
    assert (set(stored), list(report.tally.errors)) == (set(TEXTS), [])
    assert len(ward.rows("decisions")) == len(TEXTS)
    assert max(len(row["error"] or "") + len(row["error_trace"] or "") for row in stored.values()) < 40_000
    assert stored["huge"]["error_bytes"] == LONG + 8
    assert stored["endless"]["error_trace"].endswith("the last line")


def test_a_wrong_token_is_said_with_the_host(admit: Admit) -> None:
    ward = admit(failing(why=RECOVERS), databricks_token="dapi" + "0" * 32)
    with pytest.raises(PassError, match=r"(?s)http://127.0.0.1.*DATABRICKS_TOKEN"):
        ward.treat()


def test_no_network_is_said_with_the_host(admit: Admit) -> None:
    ward = admit(failing(why=RECOVERS), databricks_retry_timeout="1s")
    ward.sandbox.workspace_faults.add(Fault(times=None, drop=True))
    with pytest.raises(PassError, match=r"(?s)http://127.0.0.1.*no answer.*DATABRICKS_HOST"):
        ward.treat()


def test_a_pass_that_could_not_read_loses_nothing(admit: Admit) -> None:
    ward = admit(failing(why=RECOVERS), databricks_retry_timeout="1s")
    ward.sandbox.workspace_faults.add(Fault("runs/list", status=500, times=None))
    with pytest.raises(PassError):
        ward.treat()
    ward.sandbox.workspace_faults.clear()
    ward.treat()
    assert ward.repairs() == (JOBMEDIC_USER,)
    assert sorted(row["status"] for row in ward.rows("passes")) == ["failed", "ok"]


def test_throttling_is_waited_out(admit: Admit) -> None:
    ward = admit(two_jobs())
    for path in ("runs/list", r"runs/get$", "runs/get-output", "runs/repair"):
        ward.sandbox.workspace_faults.add(throttled(path, retry_after=1))
    report = ward.treat()
    assert (report.status, report.tally.actions) == ("ok", {"applied": 2})


@pytest.mark.parametrize("path", ["runs/get", "runs/get-output", r"jobs/get$"])
def test_a_run_that_cannot_be_read_is_picked_up_by_the_next_pass(admit: Admit, path: str) -> None:
    ward = admit(failing(why=RECOVERS), databricks_retry_timeout="1s")
    ward.sandbox.workspace_faults.add(Fault(path, status=503, times=None))
    report = ward.treat()
    assert (report.status, ward.rows("decisions")) == ("partial", [])
    assert str(ward.run_id()) in report.tally.errors[0]
    ward.sandbox.workspace_faults.clear()
    ward.treat()
    assert ward.repairs() == (JOBMEDIC_USER,)


@dataclass(frozen=True)
class Odd:
    """A reader to whom one run shows what nobody foresaw."""

    runs: RunReader
    run_id: int

    def get_run(self, run_id: int) -> Run:
        if run_id == self.run_id:
            raise KeyError("a field that nobody foresaw")
        return self.runs.get_run(run_id)

    def get_output(self, task_run_id: int) -> TaskOutput:
        return self.runs.get_output(task_run_id)

    def identity(self) -> Any:
        return self.runs.identity()

    def list_runs(self, **bounds: Any) -> Any:
        return self.runs.list_runs(**bounds)


def test_one_run_that_nobody_can_read_does_not_keep_the_others_from_being_treated(admit: Admit) -> None:
    ward = admit(two_jobs())
    reader = ward.ports.runs
    ward.use(runs=Odd(reader, ward.run_id("bad")))
    report = ward.treat()
    assert (ward.repairs("good"), ward.repairs("bad"), report.status) == ((JOBMEDIC_USER,), (), "partial")
    ward.use(runs=reader)
    ward.treat()
    assert ward.repairs("bad") == (JOBMEDIC_USER,)


def test_a_run_deleted_between_listing_and_reading_is_passed_over(admit: Admit) -> None:
    ward = admit(two_jobs())
    gone = ward.run_id("bad")
    ward.sandbox.workspace_faults.add(Fault("runs/list", then=lambda _: ward.sandbox.world.delete_run(gone)))
    report = ward.treat()
    assert (report.status, report.tally.actions) == ("ok", {"applied": 1})


def test_a_job_deleted_between_decision_and_action_is_refused_with_the_reason(admit: Admit) -> None:
    ward = admit(failing(why=RECOVERS), seconds=300)
    ward.rules(backoff={"first_seconds": 1200})
    ward.treat()
    ward.sandbox.world.delete_job(ward.sandbox.stage.job_ids["nightly"])
    ward.minutes(30)
    ward.treat()
    assert (ward.row("decisions")["action"], ward.row("decisions")["gate"]) == ("send_email", "job_gone")


def test_an_owner_who_cannot_be_mailed_is_replaced_by_the_default_recipient(admit: Admit) -> None:
    ward = admit(failing(job(owner="etl-principal", tags={}), why=NETWORK))
    ward.treat()
    assert ward.row("actions")["recipient"] == "data-platform@example.com"
    assert ward.sandbox.mails[0].recipients == ("data-platform@example.com",)


def test_mail_that_is_switched_off_is_refused_with_the_setting_to_change(admit: Admit) -> None:
    ward = admit(failing(job(tags={}), why=NETWORK))
    ward.use(mailer=None)
    ward.treat(mail_off="mail is switched off: set EMAIL_ENABLED=true")
    assert (ward.row("actions")["status"], "EMAIL_ENABLED" in ward.row("actions")["error"]) == ("refused", True)


def test_a_damaged_table_ends_the_pass_with_its_name(admit: Admit) -> None:
    ward = admit(failing(why=RECOVERS))
    ward.treat(Mode.SHADOW)
    (newest, *_) = (ward.folder / "tables" / "failures").glob("*.parquet")
    newest.write_bytes(b"no parquet at all")
    with pytest.raises(PassError, match=r"(?s)tables.*(restore|Restore)"):
        ward.treat()
    assert ward.repairs() == ()


def test_a_foreign_table_is_refused_by_name(admit: Admit, spark: SparkSession, tmp_path: Path) -> None:
    foreign = tmp_path / "tables" / "failures"
    spark.createDataFrame([(1, "x")], "id int, name string").write.format("delta").save(str(foreign))
    ward = admit(failing(why=RECOVERS))
    with pytest.raises(PassError, match=r"failures.*not jobmedic's"):
        ward.treat()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A megabyte; needs the right to mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small disk can only be mounted as root: the full disk was NOT tested here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_is_said_and_what_was_stored_stays(
    admit: Admit, small_disk: Path, spark: SparkSession, features: Features
) -> None:
    ward = admit(failing(why=RECOVERS))
    ward.use(ledger=DeltaLedger(spark, small_disk / "tables", features))
    (small_disk / "ballast").write_bytes(b"x" * 300_000)
    with pytest.raises(PassError, match="disk is full"):
        ward.treat()
    assert ward.repairs() == ()
