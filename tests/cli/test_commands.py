import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from jobmedic import Jobmedic
from jobmedic.cli.app import main
from jobmedic.edges.delta_ledger.upkeep import LOOK_AT
from jobmedic.sandbox import Sandbox
from tests.cli.conftest import Command

COMMANDS = ("demo", "triage", "watch", "classify", "feedback", "learn", "tune", "replay", "report", "check", "tables")


def test_help_names_every_command(jobmedic: Command) -> None:
    said = jobmedic("--help")
    assert said.code == 0
    assert all(command in said.out for command in COMMANDS)


def test_help_imports_nothing_heavy() -> None:
    """What keeps `--help` within half a second; time itself is measured by the benchmarks."""
    seen = "import sys, jobmedic.cli.app; print(sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True).stdout
    heavy = {
        "pyspark",
        "pandas",
        "pyarrow",
        "mlflow",
        "openai",
        "databricks",
        "pydantic",
        "apprise",
        "numpy",
        "matplotlib",
    }
    assert not {name for name in heavy if f"'{name}'" in loaded}


@pytest.mark.parametrize(
    "arguments",
    [
        ("triage", "--mode", "maybe"),
        ("triage", "--since", "yesterday"),
        ("triage", "--policy", "missing.yml"),
        ("triage", "--tables", "a.b.c"),
        ("classify", "--input", "missing.jsonl", "--output", "out.jsonl"),
        ("feedback",),
        ("feedback", "abc", "--verdict", "fine"),
        ("replay",),
        ("nonsense",),
        ("tune", "promote"),
    ],
)
def test_bad_use_is_told_in_words_and_exits_2(jobmedic: Command, arguments: tuple[str, ...]) -> None:
    said = jobmedic(*arguments)
    assert said.code == 2
    assert said.err.strip()
    assert "Traceback" not in said.err


def test_classify_answers_in_order_and_reports_broken_lines(jobmedic: Command, home: Path) -> None:
    good = {"id": "a", "error": "ModuleNotFoundError: No module named 'frobnicate'", "error_trace": None}
    other = {"id": "b", "error": "java.net.ConnectException: Connection refused", "error_trace": ""}
    (home / "in.jsonl").write_text(f"{json.dumps(good)}\n{{broken\n\n{json.dumps(other)}\n", encoding="utf-8")
    said = jobmedic("classify", "--input", "in.jsonl", "--output", "out.jsonl")
    answers = [json.loads(line) for line in (home / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(a["id"], a["category"]) for a in answers] == [("a", "dependency"), ("b", "network")]
    assert said.code == 1
    assert "in.jsonl:2: is no JSON (" in said.err
    assert "column 2" in said.err


def test_triage_records_in_shadow_and_acts_once_in_act_mode(jobmedic: Command, sandbox: Sandbox) -> None:
    shadow = json.loads(jobmedic("triage", "--json").out)
    assert (shadow["mode"], shadow["failures"], shadow["actions"]) == ("shadow", 10, {})
    assert not sandbox.mails
    first = json.loads(jobmedic("triage", "--mode", "act", "--json").out)
    second = json.loads(jobmedic("triage", "--mode", "act", "--json").out)
    assert sum(first["actions"].values()) > 0
    assert second["actions"] == {}


def test_a_pass_joins_the_small_files_that_earlier_ones_left(home: Path, sandbox: Sandbox) -> None:
    with Jobmedic() as medic:
        ledger = medic.equipment.ledger
        for n in range(LOOK_AT):
            ledger.append("feedback", ledger.frame("feedback", [{"decision_id": str(n)}]))
        medic.triage()
    assert len(DeltaTable(home / ".jobmedic" / "tables" / "feedback").file_uris()) == 1


def test_one_run_can_be_asked_about(jobmedic: Command, sandbox: Sandbox) -> None:
    run_id = next(iter(sandbox.truth()))
    told = json.loads(jobmedic("triage", "--run-id", str(run_id), "--json").out)
    assert told["decision"]["run_id"] == run_id
    assert told["decision"]["reason"]
    decided, began = (datetime.fromisoformat(at) for at in (told["decision"]["decided_at"], told["pass"]["started_at"]))
    assert timedelta(0) <= decided - began < timedelta(minutes=2)


def test_check_proves_each_connection_and_hides_secrets(jobmedic: Command, sandbox: Sandbox) -> None:
    said = jobmedic("check", "--json")
    states = {one["name"]: one["state"] for one in json.loads(said.out)["checks"]}
    assert said.code == 0, said.out
    assert {name for name, state in states.items() if state == "ok"} >= {
        "tables",
        "workspace",
        "model",
        "mail",
        "mlflow",
    }
    assert len(sandbox.mails) == 1
    assert sandbox.token not in said.out + said.err


def test_a_workspace_that_is_not_there_fails_the_pass_in_one_line(
    jobmedic: Command, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", "http://127.0.0.1:9")
    monkeypatch.setenv("DATABRICKS_RETRY_TIMEOUT", "1s")
    said = jobmedic("triage")
    assert said.code == 1
    assert "127.0.0.1:9" in said.err
    assert said.err.count("could not be reached") == 1
    assert "Traceback" not in said.err


def test_a_wrong_token_is_told_as_such(jobmedic: Command, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-wrong")
    said = jobmedic("triage")
    assert said.code == 1
    assert "DATABRICKS_TOKEN" in said.err


def test_upgrading_the_tables_twice_changes_nothing(jobmedic: Command, home: Path) -> None:
    assert json.loads(jobmedic("tables", "upgrade", "--json").out)["changes"]
    assert json.loads(jobmedic("tables", "upgrade", "--json").out)["changes"] == []


def test_feedback_on_a_decision_that_does_not_exist_is_refused(jobmedic: Command, home: Path) -> None:
    said = jobmedic("feedback", "0123456789abcdef", "--verdict", "correct")
    assert said.code == 2
    assert "0123456789abcdef" in said.err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("jobmedic ")
