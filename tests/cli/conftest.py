"""The command line as its user meets it: in an empty folder, with a sandbox behind the variables."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobmedic.cli.app import main
from jobmedic.sandbox import Sandbox, load_scenario_of


@dataclass(frozen=True, slots=True)
class Printed:
    code: int
    out: str
    err: str


Command = Callable[..., Printed]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and none of the variables of whoever runs the tests but the kind of Spark."""
    import os

    for name in list(os.environ):
        if name.startswith(("DATABRICKS_", "AZURE_", "EMAIL_", "MLFLOW_")) or (
            name.startswith("JOBMEDIC_") and name != "JOBMEDIC_SPARK"
        ):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def jobmedic(home: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str) -> Printed:
        capfd.readouterr()
        code = main(arguments)
        said = capfd.readouterr()
        return Printed(code, said.out, said.err)

    return run


@pytest.fixture
def sandbox(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Ten failed runs of three causes, all of the last hour, behind the environment's variables."""
    scenario = load_scenario_of(10, 3, minutes=20)
    with Sandbox(scenario.model_copy(update={"start": datetime.now(UTC) - timedelta(hours=1)})) as world:
        world.world.advance(3500)
        for name, value in world.environment().items():
            monkeypatch.setenv(name, value)
        yield world
