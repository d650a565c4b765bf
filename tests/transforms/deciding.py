"""Failures, diagnoses and a past to decide from, each with plain defaults that a test changes where it matters."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from pyspark.sql import DataFrame, Row, SparkSession

from jobmedic.knowledge.policy import Policy
from jobmedic.knowledge.tables import tables
from jobmedic.knowledge.words import Mode
from jobmedic.transforms.columns import instant
from jobmedic.transforms.decide import decide
from jobmedic.transforms.history import History
from jobmedic.transforms.traffic import Setting

NOW = datetime(2026, 3, 29, 3, 0, tzinfo=UTC)
SAFE = {"jobmedic_idempotent": "true"}

FAILURE: dict[str, Any] = {
    "workspace_id": "w1",
    "task_run_id": 11,
    "run_id": 1,
    "job_id": 7,
    "job_name": "nightly-load",
    "run_type": "JOB_RUN",
    "task_key": "load",
    "failed_at": NOW - timedelta(minutes=5),
    "run_seconds": 600.0,
    "result_state": "FAILED",
    "fingerprint": "v1:net",
    "owner": "owner@example.com",
    "tags": SAFE,
    "run_result_state": "FAILED",
    "repairs": 0,
    "executions": 1,
    "job_exists": True,
    "code_ran": True,
    "job_parameters": {},
    "compute_remedies": ["larger_node", "more_workers"],
}
DIAGNOSIS: dict[str, Any] = {
    "fingerprint": "v1:net",
    "category": "network",
    "transient": True,
    "confidence": 0.9,
    "source": "rule",
    "rule": "connection-reset",
    "action": "retry",
}
EMPTY = {
    "by_fingerprint": "fingerprint string, action string, recovered bigint, failed bigint",
    "by_category": "category string, action string, recovered bigint, failed bigint",
    "fingerprint_breakers": "fingerprint string, failed_in_row bigint, tripped_at timestamp, last_failed_at timestamp, pending int",
    "job_breakers": "workspace_id string, job_id bigint, failed_in_row bigint, tripped_at timestamp, last_failed_at timestamp, pending int",
    "canaries": "workspace_id string, fingerprint string, canary_run_id bigint, canary_outcome string",
    "decided_recently": "workspace_id string, fingerprint string, decided_runs bigint",
    "open_incidents": "workspace_id string, fingerprint string, open_incident_id string",
    "autonomy": "scope_type string, scope string, mode string",
}


def rows(spark: SparkSession, table: str, given: Sequence[Mapping[str, Any]]) -> DataFrame:
    schema = tables()[table]
    return spark.createDataFrame([tuple(row.get(name) for name in schema.column_names) for row in given], schema.ddl)


def past(spark: SparkSession, given: Mapping[str, Any]) -> History:
    frames: dict[str, Any] = {
        name: spark.createDataFrame(given.get(name, []), schema) for name, schema in EMPTY.items()
    }
    numbers = {name: value for name, value in given.items() if name not in EMPTY}
    return History(**frames, **numbers)


def policy(tmp_path: Path, **over: Any) -> Policy:
    path = tmp_path / "policy.yml"
    path.write_text(yaml.safe_dump(over), encoding="utf-8")
    return Policy.load(path)


def decided(
    spark: SparkSession,
    failures: Sequence[Mapping[str, Any]],
    diagnoses: Sequence[Mapping[str, Any]] = ({},),
    *,
    rules: Policy | None = None,
    mode: Mode = Mode.ACT,
    own_job_ids: tuple[int, ...] = (),
    **history: Any,
) -> list[Row]:
    """Decisions in the order of their runs."""
    setting = Setting(now=instant(NOW), mode=mode, pass_id="p1", own_job_ids=own_job_ids)
    frame = decide(
        rows(
            spark,
            "failures",
            [FAILURE | {"task_run_id": 10 * (n + 1), "run_id": n + 1} | dict(over) for n, over in enumerate(failures)],
        ),
        rows(spark, "diagnoses", [DIAGNOSIS | dict(over) for over in diagnoses]),
        past(spark, history),
        rules or Policy.load(),
        setting,
    )
    return sorted(frame.collect(), key=lambda row: row.run_id)
