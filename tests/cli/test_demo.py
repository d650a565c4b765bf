import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobmedic.demo_home import DemoHome, demo_home, nobodys_environment
from jobmedic.sandbox import load_scenario_of


@pytest.fixture
def short_night(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight failed runs of two causes, for the night's hundred take their time."""
    scenario = load_scenario_of(8, 2, minutes=30).model_copy(update={"minutes": 45})
    monkeypatch.setattr("jobmedic.demo.demo_scenario", lambda: scenario)


def _passes_of(home: DemoHome, newest: int) -> None:
    log = home.tables / "passes" / "_delta_log"
    log.mkdir(parents=True, exist_ok=True)
    (log / f"{newest:020}.json").write_text("{}", encoding="utf-8")


@pytest.mark.timeout(600)  # two whole demos, on a machine that may do other things too
@pytest.mark.usefixtures("short_night")
def test_the_demo_leaves_tables_mlflow_and_report_and_can_be_run_again(
    jobmedic: Callable[..., Any], home: Path
) -> None:
    (home / ".env").write_text("DATABRICKS_HOST=https://real.example\nJOBMEDIC_TABLES=main.real\n", encoding="utf-8")
    for _ in range(2):
        said = jobmedic("demo", "--quick")
        assert said.code == 0, said.err
        assert "failed runs       8 " in said.out
        assert "they differ" not in said.out
        assert max(map(len, said.out.splitlines())) <= 100
        left = DemoHome(home / ".jobmedic")
        assert (left.tables / "decisions" / "_delta_log").is_dir()
        assert left.mlflow.is_file()
        assert "<html" in left.report.read_text(encoding="utf-8")
    assert {path.name for path in home.iterdir()} == {".env", ".jobmedic"}


def test_tables_of_a_real_workspace_are_left_alone(tmp_path: Path) -> None:
    real = DemoHome(tmp_path)
    _passes_of(real, 7)
    assert demo_home(tmp_path).folder == tmp_path / "demo"


def test_tables_of_an_earlier_demo_are_made_anew(tmp_path: Path) -> None:
    earlier = DemoHome(tmp_path)
    _passes_of(earlier, 7)
    earlier.mark()
    assert demo_home(tmp_path) == earlier
    earlier.clear()
    assert not earlier.tables.exists()


def test_a_pass_made_by_somebody_since_makes_the_demos_tables_theirs(tmp_path: Path) -> None:
    earlier = DemoHome(tmp_path)
    _passes_of(earlier, 7)
    earlier.mark()
    _passes_of(earlier, 8)
    assert demo_home(tmp_path).folder == tmp_path / "demo"


def test_an_mlflow_store_without_tables_is_somebodys_too(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"")
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "report.html").write_text("mine", encoding="utf-8")
    assert demo_home(tmp_path).folder == tmp_path / "demo-2"


def test_connections_of_the_user_are_out_of_sight_while_the_demo_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    before = dict(os.environ)
    with nobodys_environment():
        assert "DATABRICKS_TOKEN" not in os.environ
        assert "HTTPS_PROXY" not in os.environ
        assert "127.0.0.1" in os.environ["NO_PROXY"]
    assert dict(os.environ) == before
