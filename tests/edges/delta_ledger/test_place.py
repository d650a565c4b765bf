from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.delta_ledger.place import CatalogSchema, Folder, parse_place
from jobmedic.edges.spark import Features
from jobmedic.ports.ledger import LedgerError


@pytest.mark.parametrize(
    "where", [".jobmedic/tables", "./a.b", "a/b", "/data/tables", "~/tables", "..", Path("tables")]
)
def test_a_path_is_a_folder(where: str | Path) -> None:
    place = parse_place(where)
    assert isinstance(place, Folder)
    assert place.path.is_absolute()


@pytest.mark.parametrize("where", ["main.jobmedic", " main.jobmedic ", "dev-1.my_schema"])
def test_two_names_and_a_dot_are_a_catalogs_schema(where: str) -> None:
    assert parse_place(where) == CatalogSchema(*where.strip().split("."))


@pytest.mark.parametrize("where", ["tables", "", "a.b.c", "a.", "a b.c", "abfss://x@y.example/z", "main.`x`"])
def test_anything_else_is_refused_with_what_to_write(where: str) -> None:
    with pytest.raises(
        LedgerError, match=r"give catalog.schema or a local folder|give catalog.schema, or a folder written"
    ):
        parse_place(where)


def test_a_name_that_could_be_both_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.jobmedic").mkdir()
    with pytest.raises(LedgerError, match=r"a folder has that name too; write \./main.jobmedic"):
        parse_place("main.jobmedic")


def test_two_folders_never_share_a_schema() -> None:
    one, other = parse_place("./a"), parse_place("./b")
    assert one.schema != other.schema


def test_a_catalogs_schema_is_a_folder_of_that_name_where_there_are_no_catalogs(
    spark: SparkSession, features: Features, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ledger = DeltaLedger(spark, "main.jobmedic", features)
    ledger.merge("open_runs", ledger.frame("open_runs", [{"workspace_id": "w", "run_id": 1}]))
    assert (tmp_path / ".jobmedic" / "catalogs" / "main" / "jobmedic" / "open_runs" / "_delta_log").is_dir()
