import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobmedic.edges.delta_ledger.errors import explain, is_conflict, of_spark
from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.frames import rows_of
from jobmedic.edges.spark import Features
from jobmedic.ports.ledger import LedgerError


def put(ledger: DeltaLedger) -> None:
    ledger.merge("decisions", ledger.frame("decisions", [{"decision_id": "d"}]))


def cut_short(table: Path) -> None:
    for path in table.glob("*.parquet"):
        os.truncate(path, 100)


def scribble_on_log(table: Path) -> None:
    (table / "_delta_log" / "00000000000000000001.json").write_text("{not json")


def lose_first_commit(table: Path) -> None:
    (table / "_delta_log" / "00000000000000000000.json").unlink()


def lose_data(table: Path) -> None:
    for path in table.glob("*.parquet"):
        path.unlink()


@pytest.mark.parametrize("hurt", [cut_short, scribble_on_log, lose_first_commit, lose_data])
def test_a_damaged_table_is_named_with_its_place_and_the_way_out(
    ledger: DeltaLedger, spark: SparkSession, features: Features, tmp_path: Path, hurt: Callable[[Path], None]
) -> None:
    put(ledger)
    hurt(tmp_path / "tables" / "decisions")
    for path in tmp_path.rglob("*.crc"):
        path.unlink()
    moved = (tmp_path / "tables").rename(tmp_path / "moved")  # so that no cache of the session knows it
    fresh = DeltaLedger(spark, moved, features)
    with pytest.raises(LedgerError, match=r"table decisions in .*moved: its files are damaged or gone; restore"):
        rows_of(fresh.read("decisions"), f"reading {fresh.home.at('decisions')}")


def test_a_folder_that_cannot_be_made_is_named(spark: SparkSession, features: Features, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(
        LedgerError, match=r"creating table decisions in .*file: Not a directory: .*; choose another place"
    ):
        put(DeltaLedger(spark, tmp_path / "file", features))


def test_a_folder_with_other_files_is_left_alone(ledger: DeltaLedger, tmp_path: Path) -> None:
    (tmp_path / "tables" / "decisions").mkdir(parents=True)
    (tmp_path / "tables" / "decisions" / "shoes.csv").write_text("red\n")
    with pytest.raises(LedgerError, match="holds files but no Delta table"):
        put(ledger)


@pytest.mark.parametrize("name", ["my tables", "Bücher", "50%20off", "it's", "a#b", "q?", "[x]*{y}"])
def test_a_folder_may_have_any_name(spark: SparkSession, features: Features, tmp_path: Path, name: str) -> None:
    put(DeltaLedger(spark, tmp_path / name, features))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert DeltaLedger(spark, tmp_path / name, features).read("decisions").count() == 1


def test_unknown_tables_and_columns_are_named(ledger: DeltaLedger, spark: SparkSession) -> None:
    with pytest.raises(LedgerError, match="there is no table or view decision; there are actions,"):
        ledger.read("decision")
    with pytest.raises(LedgerError, match="a row for decisions has columns that the table lacks: colour"):
        ledger.frame("decisions", [{"colour": "red"}])
    with pytest.raises(LedgerError, match=r"decisions in .*: it has no column colour"):
        ledger.merge("decisions", spark.sql("SELECT 'd' AS decision_id, 'red' AS colour"))
    with pytest.raises(LedgerError, match="the rows lack decision_id"):
        ledger.merge("decisions", spark.sql("SELECT 'ready' AS status"))
    with pytest.raises(LedgerError, match="table feedback has no key"):
        ledger.merge("feedback", ledger.frame("feedback", []))


# What the far ends were seen to say, or say in their sources (Delta Lake's error classes).
@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("Unable to copy data to file: No space left on device (os error 28)", "the disk is full; free some space"),
        ("Failed to commit transaction: No space left on device (os error 28)", "the disk is full"),
        ("Unable to open file x: Read-only file system (os error 30)", "the file system is read-only; choose"),
        ("[INSUFFICIENT_PERMISSIONS] User does not have MODIFY on Table 'a.b.c'", "permission is missing; grant"),
        ("PERMISSION_DENIED: User does not have USE SCHEMA on Schema 'a.b'.", "permission is missing"),
        ("[SCHEMA_NOT_FOUND] The schema `a`.`b` cannot be found.", "the catalog or schema does not exist; create it"),
        ("[NO_SUCH_CATALOG_EXCEPTION] Catalog 'nope' was not found.", "the catalog or schema does not exist"),
        ("[TABLE_OR_VIEW_NOT_FOUND] The table or view `a`.`b`.`c`", "it does not exist; run: jobmedic tables upgrade"),
        ("[DELTA_CONCURRENT_APPEND] ConcurrentAppendException: files were added", "other writers kept coming first"),
        ("something new\nwith a second line", r"writing decisions: something new$"),
    ],
)
def test_what_the_far_end_says_becomes_what_to_do(said: str, meaning: str) -> None:
    with pytest.raises(LedgerError, match=meaning):
        raise explain(RuntimeError(said), "writing decisions")


def test_a_commit_that_failed_for_want_of_disk_is_no_conflict() -> None:
    assert is_conflict(RuntimeError("Failed to commit transaction: version 3 already exists"))
    assert not is_conflict(RuntimeError("Failed to commit transaction: No space left on device"))


def test_an_error_that_py4j_hands_through_is_sparks_and_tells_what_happened() -> None:
    class Py4JJavaError(Exception):
        __module__ = "py4j.protocol"

    error = Py4JJavaError(
        "An error occurred while calling o9.collectToPython.\n: org.apache.spark.SparkException: the ledger burns\n\tat a.B"
    )
    assert of_spark(error)
    assert not of_spark(RuntimeError("no"))
    assert str(explain(error, "reading x")) == "reading x: org.apache.spark.SparkException: the ledger burns"
