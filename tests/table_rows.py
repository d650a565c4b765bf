"""Small DataFrames in the shape of jobmedic's tables, for tests of transforms."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from pyspark.sql import DataFrame, SparkSession

TABLES = Path(__file__).parents[1] / "src" / "jobmedic" / "knowledge" / "tables"
DAY = datetime(2025, 3, 3, tzinfo=UTC)


def table_frame(spark: SparkSession, table: str, rows: Sequence[Mapping[str, Any]]) -> DataFrame:
    """The rows with all columns of the table, missing ones null."""
    columns = yaml.safe_load((TABLES / f"{table}.yml").read_text(encoding="utf-8"))["columns"]
    names = [column["name"] for column in columns]
    strange = {name for row in rows for name in row} - set(names)
    assert not strange, f"{table} has no column {strange}"
    schema = ", ".join(f"{column['name']} {column['type']}" for column in columns)
    return spark.createDataFrame([tuple(row.get(name) for name in names) for row in rows], schema)


def decision(decision_id: str, **values: Any) -> dict[str, Any]:
    """A retry of a network failure by rule `jdbc-timeout`, applied at once, unless told otherwise."""
    row: dict[str, Any] = {
        "decision_id": decision_id,
        "fingerprint": "v1:aa",
        "category": "network",
        "action": "retry",
        "proposed_action": "retry",
        "confidence": 0.9,
        "rule": "jdbc-timeout",
        "source": "rule",
        "transient": True,
        "mode": "act",
        "status": "done",
        "task_keys": ["load"],
        "retry_success_probability": 0.5,
        "expected_gain_usd": 5.0,
        "expected_cost_usd": 0.5,
        "decided_at": DAY + timedelta(hours=1),
        "failed_at": DAY + timedelta(hours=1, seconds=-60),
        "seconds_to_decide": 60.0,
    }
    return row | {"proposed_action": values.get("action", "retry")} | values


def verdict(decision_id: str | None, person: str, said: str = "correct", **values: Any) -> dict[str, Any]:
    row = {"decision_id": decision_id, "given_by": person, "verdict": said, "given_at": DAY + timedelta(hours=2)}
    return row | values


def outcome(decision_id: str, what: str, **values: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "decision_id": decision_id,
        "outcome": what,
        "observed_at": DAY + timedelta(hours=3),
        "attributed_to": "jobmedic",
        "cost_usd": 0.4,
        "seconds_to_recover": 600.0 if what == "recovered" else None,
    }
    return row | values


def applied(decision_id: str, **values: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"decision_id": decision_id, "action": "retry", "status": "applied"}
    return row | {"requested_at": DAY + timedelta(hours=1)} | values
