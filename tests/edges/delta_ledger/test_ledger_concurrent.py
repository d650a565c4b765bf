import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.frames import rows_of
from tests.edges.delta_ledger import claimant
from tests.edges.delta_ledger.claimant import CLAIMS, claim_all

CLAIMANT = Path(claimant.__file__)


@pytest.mark.timeout(600)
def test_of_two_processes_that_claim_one_decision_one_wins(ledger: DeltaLedger, tmp_path: Path) -> None:
    ledger.merge("actions", ledger.frame("actions", [{"decision_id": "before", "claimed_by": "nobody"}]))
    gate = tmp_path / "gate"
    command = [sys.executable, str(CLAIMANT), str(tmp_path / "tables"), "ann", str(gate)]
    with subprocess.Popen(command) as ann:
        while not gate.with_suffix(".ann").exists():
            assert ann.poll() is None
            time.sleep(0.02)
        gate.touch()
        claim_all(ledger, "bob")
        assert ann.wait(400) == 0
    claimed = [
        (row["decision_id"], row["claimed_by"]) for row in rows_of(ledger.read("actions").orderBy("decision_id"))
    ]
    assert [name for name, _ in claimed] == ["before", *(f"d{n}" for n in range(CLAIMS))]
    assert {by for _, by in claimed[1:]} <= {"ann", "bob"}


def test_threads_that_write_one_table_lose_no_row(ledger: DeltaLedger) -> None:
    ledger.merge("outcomes", ledger.frame("outcomes", [{"decision_id": "first"}]))

    def write(n: int) -> None:
        ledger.merge("outcomes", ledger.frame("outcomes", [{"decision_id": f"d{n}", "outcome": "recovered"}]))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(6)))
    assert {row["decision_id"] for row in rows_of(ledger.read("outcomes"))} == {"first", *(f"d{n}" for n in range(6))}


def test_of_two_takeovers_that_expect_the_same_row_one_wins(ledger: DeltaLedger) -> None:
    ledger.merge("actions", ledger.frame("actions", [{"decision_id": "d", "claimed_by": "dead"}]))

    def take_over(name: str) -> None:
        claim = ledger.frame("actions", [{"decision_id": "d", "claimed_by": name}])
        ledger.merge("actions", claim, update=["claimed_by"], expect={"claimed_by": "dead"})

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(take_over, ("ann", "bob")))
    take_over("late")
    (row,) = rows_of(ledger.read("actions"))
    assert row["claimed_by"] in {"ann", "bob"}
