from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobmedic.edges.delta_ledger import source
from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.frames import rows_of
from jobmedic.ports.ledger import LedgerError

NOON = datetime(2026, 3, 29, 1, 30, 0, 123456, UTC)


Row = dict[str, Any]


def decision(name: str | None = "d1", **values: Any) -> Row:
    return {"decision_id": name, "workspace_id": "w", "run_id": 2**60 + 1, "decided_at": NOON, **values}


def stored(ledger: DeltaLedger, table: str = "decisions") -> list[Row]:
    return rows_of(ledger.read(table))


def test_what_was_never_written_reads_as_empty_with_all_columns(ledger: DeltaLedger) -> None:
    frame = ledger.read("decisions")
    assert rows_of(frame) == []
    assert {"decision_id", "params", "not_before"} <= set(frame.columns)


def test_reading_makes_no_files(ledger: DeltaLedger, tmp_path: Path) -> None:
    rows_of(ledger.read("decisions"))
    assert list(tmp_path.iterdir()) == []


def test_a_row_comes_back_as_it_was(ledger: DeltaLedger) -> None:
    given = decision(task_keys=["b", "a"], params={"n": "1", "gone": None}, confidence=0.1, transient=True, attempt=3)
    ledger.merge("decisions", ledger.frame("decisions", [given]))
    (row,) = stored(ledger)
    assert {name: row[name] for name in given} == given
    assert row["not_before"] is None


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 3, 8, 7, 30, tzinfo=UTC),  # New York skips 2:30 that day
        datetime(2026, 11, 1, 5, 30, tzinfo=UTC),  # and has 1:30 twice: first,
        datetime(2026, 11, 1, 6, 30, 0, 999999, UTC),  # and again
        datetime(1969, 12, 31, 23, 59, 59, 1, UTC),
        datetime(2999, 1, 1, tzinfo=UTC),
    ],
)
def test_a_time_comes_back_to_the_microsecond(ledger: DeltaLedger, moment: datetime) -> None:
    ledger.append("passes", ledger.frame("passes", [{"pass_id": "p", "started_at": moment}]))
    assert [row["started_at"] for row in stored(ledger, "passes")] == [moment]


def test_a_time_without_a_zone_is_refused(ledger: DeltaLedger) -> None:
    with pytest.raises(LedgerError, match="no zone"):
        ledger.frame("passes", [{"started_at": datetime(2026, 1, 1)}])  # noqa: DTZ001


def test_a_whole_number_is_a_double_too(ledger: DeltaLedger) -> None:
    """Seconds that add up to nothing are an int in Python; a session in the Java machine would refuse it."""
    ledger.merge("outcomes", ledger.frame("outcomes", [{"decision_id": "d", "compute_seconds_used": 0}]))
    assert ledger.read("outcomes").collect()[0]["compute_seconds_used"] == 0.0


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\x00b", "a\x00b"),
        ("bad \ud83d end", "bad \ufffd end"),
        ("שלום 😀", "שלום 😀"),
        ("", ""),
        ("o'\\n\n", "o'\\n\n"),
    ],
)
def test_odd_text_is_stored(ledger: DeltaLedger, text: str, kept: str) -> None:
    ledger.merge("decisions", ledger.frame("decisions", [decision(reason=text, params={text: text})]))
    (row,) = stored(ledger)
    assert (row["reason"], row["params"]) == (kept, {kept: kept})


def test_rows_are_written_as_they_are_and_their_columns_are_those_that_any_names(ledger: DeltaLedger) -> None:
    ledger.merge("decisions", [decision("d1", owner="ann"), decision("d2", params={"{n}": "{1}"})])
    ledger.merge("decisions", [{"decision_id": "d1", "status": "done"}, {"decision_id": "d2", "owner": "bob"}])
    found = sorted(stored(ledger), key=lambda row: str(row["decision_id"]))
    assert [(row["status"], row["owner"], row["run_id"]) for row in found] == [
        ("done", None, 2**60 + 1),
        (None, "bob", 2**60 + 1),
    ]
    assert found[1]["params"] == {"{n}": "{1}"}


def test_a_row_is_left_alone_where_it_is_not_as_expected(ledger: DeltaLedger) -> None:
    ledger.merge("decisions", [decision("d1", owner="{ann}"), decision("d2", owner=None)])
    ledger.merge("decisions", [decision("d1", status="a"), decision("d2", status="a")], expect={"owner": "{ann}"})
    ledger.merge("decisions", [decision("d1", status="b"), decision("d2", status="b")], expect={"owner": None})
    assert sorted((row["decision_id"], row["status"]) for row in stored(ledger)) == [("d1", "a"), ("d2", "b")]


def test_more_rows_than_the_driver_should_hold_are_merged_where_they_are(
    ledger: DeltaLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "MOST_ROWS", 2)
    ledger.merge("decisions", ledger.frame("decisions", [decision(str(n)) for n in range(3)]))
    assert len(stored(ledger)) == 3
    with pytest.raises(LedgerError, match="comes twice"):
        ledger.merge("decisions", ledger.frame("decisions", [decision("a"), decision("b"), decision("b")]))
    assert len(stored(ledger)) == 3


def test_a_second_merge_updates_what_it_gives_and_leaves_the_rest(ledger: DeltaLedger) -> None:
    ledger.merge("decisions", ledger.frame("decisions", [decision(status="ready", owner="ann")]))
    ledger.merge("decisions", ledger.frame("decisions", [decision(status="done")]).select("decision_id", "status"))
    (row,) = stored(ledger)
    assert (row["status"], row["owner"], row["run_id"]) == ("done", "ann", 2**60 + 1)


def test_update_names_the_only_columns_that_change(ledger: DeltaLedger) -> None:
    ledger.merge("decisions", ledger.frame("decisions", [decision(status="ready", owner="ann")]))
    ledger.merge("decisions", ledger.frame("decisions", [decision(status="done", owner="bob")]), update=["status"])
    assert [(row["status"], row["owner"]) for row in stored(ledger)] == [("done", "ann")]


def test_insert_only_leaves_the_first_row(ledger: DeltaLedger) -> None:
    for owner in ("ann", "bob"):
        ledger.merge("decisions", ledger.frame("decisions", [decision(owner=owner)]), update=())
    assert [row["owner"] for row in stored(ledger)] == ["ann"]


def test_insert_with_few_columns_leaves_the_rest_null(ledger: DeltaLedger) -> None:
    ledger.merge("decisions", ledger.frame("decisions", [decision()]).select("decision_id", "run_id"))
    (row,) = stored(ledger)
    assert (row["decision_id"], row["run_id"], row["workspace_id"]) == ("d1", 2**60 + 1, None)


@pytest.mark.parametrize("rows", [[decision(), decision()], [decision(), decision(None)]])
def test_a_key_that_is_null_or_comes_twice_is_refused(ledger: DeltaLedger, rows: list[Row]) -> None:
    with pytest.raises(LedgerError, match=r"decisions in .* key \(decision_id\)"):
        ledger.merge("decisions", ledger.frame("decisions", rows))
    with pytest.raises(LedgerError, match=r"decisions in .* key \(decision_id\)"):
        ledger.merge("decisions", rows)
    assert stored(ledger) == []


def test_a_write_of_no_rows_leaves_no_commit(ledger: DeltaLedger, tmp_path: Path) -> None:
    ledger.merge("decisions", ledger.frame("decisions", [decision()]))
    ledger.append("feedback", ledger.frame("feedback", [{"decision_id": "d1"}]))
    before = sorted(tmp_path.glob("tables/*/_delta_log/*.json"))
    ledger.merge("decisions", ledger.frame("decisions", []))
    ledger.append("feedback", ledger.frame("feedback", []))
    ledger.merge("decisions", [])
    ledger.append("feedback", [])
    assert sorted(tmp_path.glob("tables/*/_delta_log/*.json")) == before


def test_rows_derived_in_spark_are_cast_to_the_tables_types(ledger: DeltaLedger, spark: SparkSession) -> None:
    derived = spark.sql("SELECT 'd1' AS decision_id, 7 AS run_id, 1 AS confidence, map('a', 'b') AS params")
    ledger.merge("decisions", derived)
    (row,) = stored(ledger)
    assert (row["run_id"], row["confidence"], row["params"]) == (7, 1.0, {"a": "b"})


def test_a_table_is_merged_with_what_was_read_from_itself(ledger: DeltaLedger) -> None:
    ledger.merge("decisions", ledger.frame("decisions", [decision(str(n), attempt=n) for n in range(5)]))
    bumped = ledger.read("decisions").selectExpr("decision_id", "attempt + 10 AS attempt").where("attempt > 12")
    ledger.merge("decisions", bumped)
    assert sorted(row["attempt"] for row in stored(ledger)) == [0, 1, 2, 13, 14]


def test_a_composite_key_is_matched_whole(ledger: DeltaLedger) -> None:
    rows = [{"workspace_id": w, "task_run_id": r, "error": f"{w}{r}"} for w in "ab" for r in (1, 2)]
    ledger.merge("failures", ledger.frame("failures", rows))
    ledger.merge("failures", ledger.frame("failures", [{"workspace_id": "b", "task_run_id": 2, "error": "new"}]))
    assert sorted(row["error"] for row in stored(ledger, "failures")) == ["a1", "a2", "b1", "new"]


def test_append_keeps_every_row(ledger: DeltaLedger) -> None:
    for n in range(2):
        ledger.append("feedback", ledger.frame("feedback", [{"decision_id": "d", "given_at": NOON + timedelta(n)}]))
    assert len(stored(ledger, "feedback")) == 2


def test_maps_of_numbers_come_back(ledger: DeltaLedger) -> None:
    row = {"pass_id": "p", "decisions": {"retry": 3}, "seconds": {"act": 0.5}, "errors": ["x"]}
    ledger.append("passes", ledger.frame("passes", [row]))
    (back,) = stored(ledger, "passes")
    assert {name: back[name] for name in row} == row
