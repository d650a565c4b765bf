"""Every notebook, run from top to bottom."""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.spark import Features
from jobmedic.pipeline.feedback.record import FeedbackError
from jobmedic.sandbox import Sandbox, demo_scenario
from tests.filled_tables import fill
from tests.notebooks.notebook import NOTEBOOKS, cells, run

LOGIC = (ast.If, ast.For, ast.While, ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.Try, ast.IfExp, ast.comprehension)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty working folder; the environment points to a workspace in which jobs failed for two hours."""
    with Sandbox(demo_scenario()) as sandbox, pytest.MonkeyPatch.context() as patch:
        sandbox.world.advance(2 * 3600)
        patch.chdir(tmp_path_factory.mktemp("notebooks"))
        for name, value in sandbox.environment().items():
            if not name.startswith("AZURE_"):  # rules alone: the model has tests of its own
                patch.setenv(name, value)
        yield Path.cwd()


@pytest.fixture(scope="module")
def month(spark: SparkSession, features: Features, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A month of tables."""
    folder = tmp_path_factory.mktemp("month") / "tables"
    fill(DeltaLedger(spark, folder, features))
    return folder


@contextmanager
def ran(name: str, **widgets: str) -> Iterator[tuple[Any, list[Any]]]:
    """What the notebook left open, and what it showed."""
    [path] = [path for path in NOTEBOOKS if path.stem == name]
    names, shown = run(path, **widgets)
    with names["medic"] as medic:
        yield medic, shown


def test_the_notebooks_are_there() -> None:
    assert {path.stem for path in NOTEBOOKS} == {"quickstart", "review", "what_if"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_one_import_and_no_logic(path: Path) -> None:
    nodes = [node for cell in cells(path) for node in ast.walk(ast.parse(cell))]
    assert len([node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]) == 1
    assert not [type(node).__name__ for node in nodes if isinstance(node, LOGIC)]


def test_quickstart_decides_and_touches_nothing(folder: Path) -> None:
    with ran("quickstart", tables=str(folder / "tables"), since="3000d") as (medic, (decisions, categories)):
        assert decisions.count() > 0
        assert {row["mode"] for row in decisions.select("mode").distinct().collect()} == {"shadow"}
        assert categories.count() > 0
        assert medic.table("actions").count() == 0


def test_review_records_a_verdict(folder: Path, month: Path) -> None:
    said = {"verdict": "wrong", "category": "user_code", "action": "send_email", "by": "lee@example.com"}
    with ran("review", tables=str(month), decision="d0001", **said) as (medic, (unjudged, verdicts)):
        assert unjudged.count() > 0
        assert verdicts.where("decision_id = 'd0001' AND correct_category = 'user_code'").count() == 1
        assert medic.table("v_decisions").where("decision_id = 'd0001' AND verdict = 'wrong'").count() == 1


def test_review_names_what_is_wrong_with_a_verdict(folder: Path, month: Path) -> None:
    with pytest.raises(FeedbackError, match="decision id is empty"):
        run(next(path for path in NOTEBOOKS if path.stem == "review"), tables=str(month), by="lee@example.com")


def test_what_if_compares_and_draws(folder: Path, month: Path) -> None:
    policy = folder / "policy.yml"
    policy.write_text("rerun_untagged: true\n")
    with ran("what_if", tables=str(month), policy=str(policy), since="40d") as (_, (picture, changes)):
        assert picture.startswith("<svg")
        assert isinstance(changes, list)
