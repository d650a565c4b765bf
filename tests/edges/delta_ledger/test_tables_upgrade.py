from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.delta_ledger.upgrade import upgrade
from jobmedic.edges.frames import rows_of
from jobmedic.edges.spark import Features
from jobmedic.knowledge.tables import VERSION, tables, views
from jobmedic.ports.ledger import LedgerError

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def commits(folder: Path) -> list[Path]:
    return sorted(folder.glob("tables/*/_delta_log/*.json"))


def old_outcomes(spark: SparkSession, folder: Path, *, version: int = 0) -> None:
    """The outcomes table as a first version had it, with a row, and what that version wrote about itself."""
    then = datetime(2026, 1, 1, tzinfo=UTC)
    old = spark.createDataFrame(
        [("d1", "recovered", then)], "decision_id string, outcome string, observed_at timestamp"
    )
    old.write.format("delta").save(str(folder / "tables" / "outcomes"))
    stamp = spark.createDataFrame([(version, then)], "version int, upgraded_at timestamp")
    stamp.write.format("delta").save(str(folder / "tables" / "versions"))


def test_the_first_upgrade_makes_every_table(ledger: DeltaLedger, tmp_path: Path) -> None:
    report = upgrade(ledger, now=NOW)
    assert (report.before, report.version) == (None, VERSION)
    assert {path.name for path in (tmp_path / "tables").iterdir()} == set(tables())


def test_a_second_upgrade_commits_nothing(
    ledger: DeltaLedger, spark: SparkSession, features: Features, tmp_path: Path
) -> None:
    upgrade(ledger, now=NOW)
    before = commits(tmp_path)
    again = upgrade(DeltaLedger(spark, tmp_path / "tables", features), now=NOW)
    assert (again.before, again.changes, commits(tmp_path)) == (VERSION, (), before)


def test_every_table_and_column_carries_its_comment_for_any_reader(ledger: DeltaLedger, tmp_path: Path) -> None:
    upgrade(ledger, now=NOW)
    for table in tables().values():
        other = DeltaTable(tmp_path / "tables" / table.name)
        comments = {field.name: field.metadata.get("comment") for field in other.schema().fields}
        assert other.metadata().description == table.comment
        assert comments == {column.name: column.comment for column in table.columns}


def test_an_older_table_gets_the_new_columns_and_keeps_its_rows(
    ledger: DeltaLedger, spark: SparkSession, tmp_path: Path
) -> None:
    old_outcomes(spark, tmp_path)
    report = upgrade(ledger, now=NOW)
    (row,) = rows_of(ledger.read("outcomes"))
    assert report.before == 0
    assert any(change.startswith("added final_state,") for change in report.changes)
    assert set(row) == set(tables()["outcomes"].column_names)
    assert (row["decision_id"], row["outcome"], row["cost_usd"]) == ("d1", "recovered", None)


def test_added_columns_carry_their_comments(ledger: DeltaLedger, spark: SparkSession, tmp_path: Path) -> None:
    old_outcomes(spark, tmp_path)
    upgrade(ledger, now=NOW)
    fields = DeltaTable(tmp_path / "tables" / "outcomes").schema().fields
    comments = {field.name: field.metadata.get("comment") for field in fields}
    assert str(comments["final_state"]).startswith("Result state that was seen")


def test_an_upgraded_table_takes_rows_with_the_new_columns(
    ledger: DeltaLedger, spark: SparkSession, tmp_path: Path
) -> None:
    old_outcomes(spark, tmp_path)
    upgrade(ledger, now=NOW)
    rows: list[dict[str, Any]] = [{"decision_id": name, "cost_usd": 0.5} for name in ("d1", "d2")]
    ledger.merge("outcomes", ledger.frame("outcomes", rows).select("decision_id", "cost_usd"))
    found = {row["decision_id"]: (row["outcome"], row["cost_usd"]) for row in rows_of(ledger.read("outcomes"))}
    assert found == {"d1": ("recovered", 0.5), "d2": (None, 0.5)}


def test_newer_tables_are_refused(ledger: DeltaLedger, spark: SparkSession, tmp_path: Path) -> None:
    old_outcomes(spark, tmp_path, version=VERSION + 1)
    before = commits(tmp_path)
    with pytest.raises(
        LedgerError, match=rf"are at version {VERSION + 1}, and this jobmedic .* up to {VERSION}; install"
    ):
        upgrade(ledger, now=NOW)
    assert commits(tmp_path) == before


def test_a_table_of_somebody_else_is_refused(ledger: DeltaLedger, spark: SparkSession, tmp_path: Path) -> None:
    shop = spark.createDataFrame([(1, "shoes")], "decision_id bigint, sold string")
    shop.write.format("delta").save(str(tmp_path / "tables" / "outcomes"))
    with pytest.raises(LedgerError, match=r"outcomes in .* is not jobmedic's: decision_id is bigint instead of string"):
        upgrade(ledger, now=NOW)


def test_every_view_can_be_read_from_empty_tables(ledger: DeltaLedger) -> None:
    upgrade(ledger, now=NOW)
    for view in views().values():
        frame = ledger.read(view.name)
        assert frame.columns == [column.name for column in view.columns]
        assert rows_of(frame) == []


def test_two_ledgers_in_one_session_stay_apart(
    ledger: DeltaLedger, spark: SparkSession, features: Features, tmp_path: Path
) -> None:
    other = DeltaLedger(spark, tmp_path / "other", features)
    ledger.merge("incidents", ledger.frame("incidents", [{"incident_id": "i", "status": "open", "opened_at": NOW}]))
    assert len(rows_of(ledger.read("v_open_incidents"))) == 1
    assert rows_of(other.read("v_open_incidents")) == []
