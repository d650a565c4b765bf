from datetime import UTC, datetime
from pathlib import Path

from deltalake import DeltaTable

from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.delta_ledger.upkeep import LOOK_AT, maintain
from jobmedic.edges.frames import rows_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def append_feedback(ledger: DeltaLedger, times: int) -> None:
    for n in range(times):
        ledger.append("feedback", ledger.frame("feedback", [{"decision_id": str(n), "given_at": NOW}]))


def active_files(folder: Path) -> int:
    return len(DeltaTable(folder / "tables" / "feedback").file_uris())


def test_many_small_files_become_one_and_every_row_stays(ledger: DeltaLedger, tmp_path: Path) -> None:
    append_feedback(ledger, LOOK_AT)
    assert maintain(ledger) == ("feedback",)
    assert active_files(tmp_path) == 1
    assert {row["decision_id"] for row in rows_of(ledger.read("feedback"))} == {str(n) for n in range(LOOK_AT)}


def test_a_table_that_was_looked_after_takes_rows_and_needs_nothing_more(ledger: DeltaLedger, tmp_path: Path) -> None:
    append_feedback(ledger, LOOK_AT)
    maintain(ledger)
    append_feedback(ledger, 1)
    before = sorted(tmp_path.glob("tables/*/_delta_log/*.json"))
    maintain(ledger)
    assert sorted(tmp_path.glob("tables/*/_delta_log/*.json")) == before
    assert len(rows_of(ledger.read("feedback"))) == LOOK_AT + 1


def test_few_files_are_left_alone(ledger: DeltaLedger) -> None:
    append_feedback(ledger, 2)
    assert maintain(ledger) == ()


def test_a_thousand_decisions_take_less_than_a_kilobyte_each(ledger: DeltaLedger, tmp_path: Path) -> None:
    """Everything on the disk counts, logs and replaced files too."""
    rows = [
        {
            "decision_id": f"{n * 2654435761 % 2**32:08x}{n * 40503 % 2**16:04x}-{n}", "workspace_id": "7405612345678901",
            "run_id": 10**14 + n * 7919, "job_id": 10**13 + n % 50, "job_name": f"job number {n % 50}", "task_keys": ["load"],
            "fingerprint": f"v1:{n % 200 * 2654435761 % 2**32:08x}", "category": "network", "action": "retry", "status": "ready",
            "reason": f"{n % 5} of {n % 5 + 1} retries of this failure recovered; expected gain ${n / 100:.2f} over cost $0.30",
            "decided_at": NOW, "run_page_url": f"https://adb-1.azuredatabricks.net/jobs/{n % 50}/runs/{n * 7919}",
        }
        for n in range(1000)
    ]  # fmt: skip
    acts = [{"decision_id": row["decision_id"], "action": "retry", "requested_at": NOW} for row in rows]
    ledger.merge("decisions", ledger.frame("decisions", rows), update=())
    for status in ("intended", "applied"):
        done = [row | {"status": status, "repair_id": n} for n, row in enumerate(acts)]
        ledger.merge("actions", ledger.frame("actions", done))
    ledger.merge("decisions", ledger.frame("decisions", [row | {"status": "done"} for row in rows]), update=["status"])
    ended = [{"decision_id": row["decision_id"], "outcome": "recovered", "observed_at": NOW} for row in rows]
    ledger.merge("outcomes", ledger.frame("outcomes", ended))
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 1000 * 1024
