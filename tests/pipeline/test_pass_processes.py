"""Passes in processes of their own, on one folder of tables."""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from jobmedic.sandbox import Ending
from jobmedic.sandbox.sandbox import JOBMEDIC_USER
from tests.pipeline.passer import Errand
from tests.pipeline.ward import Admit, Ward, cause, failing, job

ROOT = Path(__file__).parents[2]
RECOVERS = cause(ends=Ending(after_retries=1))


def sent(ward: Ward, name: str, killed: str = "") -> subprocess.Popen[bytes]:
    ward.rules(storm={"runs": 99})
    errand = Errand(
        tables=str(ward.folder / "tables"),
        host=ward.sandbox.workspace_url,
        token=ward.sandbox.token,
        now=ward.sandbox.clock.now().isoformat(),
        policy=str(ward.folder / "policy.yml"),
        name=name,
        gate=str(ward.folder / "gate"),
        killed=killed,
    )
    command = [sys.executable, "-m", "tests.pipeline.passer", json.dumps(asdict(errand))]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})


def let_go(ward: Ward, *processes: subprocess.Popen[bytes]) -> list[int]:
    """Lets them all begin at the same moment, and waits for their ends."""
    gate = ward.folder / "gate"
    while len(list(ward.folder.glob("gate.*"))) < len(processes):
        assert all(process.poll() is None for process in processes)
        time.sleep(0.05)
    gate.touch()
    return [process.wait(200) for process in processes]


@pytest.mark.timeout(400)
def test_two_processes_at_once_repair_each_run_once(admit: Admit) -> None:
    ward = admit(failing(*[job(name=f"job{n}") for n in range(4)], why=RECOVERS))
    assert let_go(ward, sent(ward, "ann"), sent(ward, "bob")) == [0, 0]
    assert [told.repairs for told in ward.sandbox.truth().values()] == [(JOBMEDIC_USER,)] * 4
    ward.treat()
    assert [row["status"] for row in ward.rows("actions")] == ["applied"] * 4
    assert {row["status"] for row in ward.rows("decisions")} == {"done"}


@pytest.mark.timeout(400)
@pytest.mark.parametrize("when", ["before", "after"])
def test_the_work_of_a_process_that_was_killed_is_finished_once(admit: Admit, when: str) -> None:
    ward = admit(failing(why=RECOVERS))
    assert let_go(ward, sent(ward, "ann", killed=when)) == [-9]
    assert ward.row("actions")["status"] == "intended"
    ward.treat()
    assert (ward.row("actions")["status"], ward.repairs()) == ("applied", (JOBMEDIC_USER,))
