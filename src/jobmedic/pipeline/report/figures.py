"""What the report shows, read from the views. Everything is aggregated in Spark; only what is shown comes to the driver."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobmedic.edges.frames import rows_of
from jobmedic.knowledge.words import Action
from jobmedic.ports.ledger import Ledger
from jobmedic.transforms.columns import instant

DECISIONS_SHOWN = 150
CAUSES_SHOWN = 12
FEW_DAYS = 3
"""A span this short is drawn by the hour."""

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Figures:
    since: datetime | None
    modes: tuple[str, ...]
    totals: Mapping[str, Any]
    hourly: bool
    failures: Rows
    """bucket (aware), category, failures"""
    actions: Rows
    """action, status words, decisions"""
    gates: Rows
    outcomes: Rows
    causes: Rows
    incidents: Rows
    decisions: Rows
    newest_pass: dict[str, Any] | None

    @property
    def empty(self) -> bool:
        return not self.decisions and not self.failures


def gather(ledger: Ledger, *, now: datetime, since: timedelta | None) -> Figures:
    """Raises LedgerError."""
    start = now - since if since else None
    decisions = _from(ledger.read("v_decisions"), "decided_at", start)
    failures = _from(ledger.read("failures"), "failed_at", start)
    passes = _from(ledger.read("passes"), "started_at", start)
    hourly = _span(failures) <= timedelta(days=FEW_DAYS)
    return Figures(
        since=start,
        modes=tuple(row["mode"] for row in rows_of(decisions.select("mode").distinct().orderBy("mode"))),
        totals=_totals(decisions, failures, passes, ledger),
        hourly=hourly,
        failures=_over_time(failures, ledger.read("diagnoses"), hourly=hourly),
        actions=_counted(decisions, "action", "done"),
        gates=_counted(decisions.where(F.col("gate").isNotNull()), "gate"),
        outcomes=_counted(decisions.where(F.col("retry_outcome").isNotNull()), "retry_outcome"),
        causes=_causes(failures, ledger),
        incidents=rows_of(ledger.read("v_open_incidents").orderBy(F.desc("runs"), "incident_id").limit(20)),
        decisions=_latest(decisions, ledger.read("diagnoses")),
        newest_pass=next(iter(rows_of(passes.orderBy(F.desc("started_at")).limit(1))), None),
    )


def _from(rows: DataFrame, column: str, start: datetime | None) -> DataFrame:
    return rows if start is None else rows.where(F.col(column) >= instant(start))


def _span(failures: DataFrame) -> timedelta:
    row = failures.agg(
        F.min(F.unix_micros("failed_at")).alias("first"), F.max(F.unix_micros("failed_at")).alias("last")
    ).collect()[0]
    return timedelta(microseconds=(row["last"] or 0) - (row["first"] or 0))


def _totals(decisions: DataFrame, failures: DataFrame, passes: DataFrame, ledger: Ledger) -> dict[str, Any]:
    applied = F.col("action_status") == "applied"
    mailed = applied & (F.col("action") == Action.SEND_EMAIL.value)
    made = decisions.agg(
        F.count(F.lit(1)).alias("decisions"),
        _sum(F.col("retry_outcome") == "recovered").alias("recovered"),
        _sum(F.col("retry_outcome").isNotNull()).alias("retries_ended"),
        _sum(applied & F.col("action").isin("retry", "retry_with_new_params")).alias("retries"),
        _sum(mailed).alias("mailed"),
        F.coalesce(F.sum("saved_usd"), F.lit(0.0)).alias("saved_usd"),
        F.coalesce(F.sum("wasted_usd"), F.lit(0.0)).alias("wasted_usd"),
        F.coalesce(F.sum("cost_usd"), F.lit(0.0)).alias("retry_usd"),
        _sum(F.col("judged_right").isNotNull()).alias("judged"),
        _sum(F.col("judged_right")).alias("right"),
    )
    seen = failures.agg(
        F.count(F.lit(1)).alias("failures"),
        F.countDistinct("run_id").alias("runs"),
        F.countDistinct("job_id").alias("jobs"),
        F.countDistinct("fingerprint").alias("causes"),
    )
    model = passes.agg(
        F.count(F.lit(1)).alias("passes"),
        F.coalesce(F.sum("model_calls"), F.lit(0)).alias("model_calls"),
        F.coalesce(F.sum(F.col("tokens_in") + F.col("tokens_out")), F.lit(0)).alias("tokens"),
        F.coalesce(F.sum("cost_usd"), F.lit(0.0)).alias("model_usd"),
    )
    # One mail may cover many decisions: they share its Message-ID.
    letters = ledger.read("actions").where(
        (F.col("action") == Action.SEND_EMAIL.value) & (F.col("status") == "applied")
    )
    sent = letters.join(decisions.select("decision_id"), "decision_id", "left_semi").agg(
        F.countDistinct("message_id").alias("mails")
    )
    found: dict[str, Any] = {"incidents": ledger.read("v_open_incidents").count()}
    for frame in (made, seen, model, sent):
        found |= frame.collect()[0].asDict()
    return found


def _sum(condition: Column) -> Column:
    return F.coalesce(F.sum(F.when(condition, 1).otherwise(0)), F.lit(0))


def _over_time(failures: DataFrame, diagnoses: DataFrame, *, hourly: bool) -> Rows:
    told = diagnoses.select("fingerprint", "category")
    bucket = F.date_trunc("hour" if hourly else "day", "failed_at").alias("bucket")
    joined = failures.select("fingerprint", bucket).join(told, "fingerprint", "left")
    counted = joined.groupBy("bucket", F.coalesce("category", F.lit("unknown")).alias("category")).agg(
        F.count(F.lit(1)).alias("failures")
    )
    return rows_of(counted.orderBy("bucket", "category"))


def _counted(decisions: DataFrame, name: str, more: str | None = None) -> Rows:
    """Most frequent first. With `more`, also what became of them in words."""
    if more is None:
        counted = decisions.groupBy(F.col(name).alias("name")).agg(F.count(F.lit(1)).alias("decisions"))
        return rows_of(counted.orderBy(F.desc("decisions"), "name"))
    state = F.coalesce("action_status", "status").alias(more)
    counted = decisions.groupBy(F.col(name).alias("name"), state).agg(F.count(F.lit(1)).alias("decisions"))
    return rows_of(counted.orderBy("name", F.desc("decisions")))


def _causes(failures: DataFrame, ledger: Ledger) -> Rows:
    hit = failures.groupBy("fingerprint").agg(
        F.count(F.lit(1)).alias("failures"),
        F.countDistinct("job_id").alias("jobs"),
        F.max("failed_at").alias("last_seen"),
    )
    told = ledger.read("diagnoses").select(
        "fingerprint",
        "category",
        "source",
        "rule",
        "confidence",
        "root_cause",
        "fix",
        "notes",
        F.substring("exemplar", 1, 400).alias("exemplar"),
    )
    record = (
        ledger.read("v_retry_success")
        .groupBy("fingerprint")
        .agg(F.sum("ended").alias("ended"), F.sum("recovered").alias("recovered"))
    )
    rows = (
        hit.orderBy(F.desc("failures"), "fingerprint")
        .limit(CAUSES_SHOWN)
        .join(told, "fingerprint", "left")
        .join(record, "fingerprint", "left")
    )
    return rows_of(rows.orderBy(F.desc("failures"), "fingerprint"))


def _latest(decisions: DataFrame, diagnoses: DataFrame) -> Rows:
    names = (
        "decision_id",
        "workspace_id",
        "run_id",
        "job_name",
        "task_keys",
        "run_page_url",
        "failed_at",
        "decided_at",
        "category",
        "confidence",
        "action",
        "status",
        "action_status",
        "action_error",
        "gate",
        "mode",
        "reason",
        "outcome",
        "attributed_to",
        "storm_role",
        "judged_right",
        "fingerprint",
    )
    newest = (
        decisions.orderBy(F.desc("decided_at"), F.desc("failed_at"), "decision_id")
        .limit(DECISIONS_SHOWN)
        .select(*names)
    )
    joined = newest.join(diagnoses.select("fingerprint", "root_cause", "fix"), "fingerprint", "left")
    return rows_of(joined.orderBy(F.desc("decided_at"), F.desc("failed_at"), "decision_id"))
