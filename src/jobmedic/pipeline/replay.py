"""All stored failures decided again under another policy, catalogue or confidence bar.

It reads the ledger and nothing else: no workspace, model, mail or incident port is among its arguments, so it cannot act.
Storms and breakers are judged as of each failure's own time; the workspace-wide retry budget, which belongs to single
passes, is left out on both sides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobmedic.knowledge.catalogue import Catalogue
from jobmedic.knowledge.policy import Policy
from jobmedic.knowledge.words import Mode, Source
from jobmedic.pipeline.diagnose.diagnoser import told_code
from jobmedic.pipeline.learn.pictures import pairs_picture
from jobmedic.ports.ledger import Ledger
from jobmedic.transforms.columns import instant
from jobmedic.transforms.compare import compare
from jobmedic.transforms.decide import decide
from jobmedic.transforms.diagnose import diagnose
from jobmedic.transforms.history import History, counts, retries
from jobmedic.transforms.traffic import Setting
from jobmedic.transforms.verdicts import judgements


@dataclass(frozen=True, slots=True)
class Variant:
    """What the failures are decided under."""

    policy: Policy
    catalogue: Catalogue | None = None
    """None keeps the diagnoses that are stored; a catalogue diagnoses anew what rules had diagnosed."""


@dataclass(frozen=True, slots=True)
class ReplayReport:
    decisions: int
    changed: int
    actions_now: Mapping[str, int]
    actions_then: Mapping[str, int]
    cost_now_usd: float
    cost_then_usd: float
    gain_now_usd: float
    gain_then_usd: float
    better: int
    worse: int
    changes: tuple[dict[str, Any], ...]
    """Rows of `compare` whose action changes, the most frequent first."""

    def lines(self) -> list[str]:
        judged = self.better + self.worse
        lines = [f"{self.decisions:,} decisions replayed, {self.changed:,} would change"]
        for action in sorted({*self.actions_now, *self.actions_then}):
            now, then = self.actions_now.get(action, 0), self.actions_then.get(action, 0)
            lines.append(f"  {action:<22} {now:>9,} → {then:>9,}  ({then - now:+,})")
        lines.append(f"  expected retry cost    ${self.cost_now_usd:,.2f} → ${self.cost_then_usd:,.2f}")
        lines.append(f"  expected recoveries    ${self.gain_now_usd:,.2f} → ${self.gain_then_usd:,.2f}")
        lines.append(
            f"  of {judged:,} changed decisions whose right answer is known, {self.better:,} change for the better and {self.worse:,} for the worse"
        )
        for change in self.changes[:20]:
            gates = " → ".join(str(change[name] or "no gate") for name in ("now_gate", "then_gate"))
            lines.append(
                f"  {change['decisions']:>7,} × {change['category']}: {change['now_action']} → {change['then_action']} ({gates})"
            )
        return lines

    def picture(self) -> str:
        """Decisions by action, now and then, as SVG."""
        return pairs_picture(self.actions_now, self.actions_then, "Decisions by action")


def replay(ledger: Ledger, present: Variant, other: Variant, *, since: datetime | None = None) -> ReplayReport:
    """Decides under both, so that only the variant differs. `since` leaves older failures out. Raises LedgerError."""
    failures = _failures(ledger, since)
    before = _decided(ledger, failures, present)
    after = _decided(ledger, failures, other)
    rows = [row.asDict() for row in compare(before, after, _known(ledger)).collect()]
    return _report(rows)


def _failures(ledger: Ledger, since: datetime | None) -> DataFrame:
    """Without the texts, which no decision reads: they are most of the table."""
    failures = ledger.read("failures").drop("error", "error_trace", "state_message")
    return failures if since is None else failures.where(F.col("failed_at") >= instant(since))


def _decided(ledger: Ledger, failures: DataFrame, variant: Variant) -> DataFrame:
    setting = Setting(F.col("failed_at"), Mode.ACT, "replay", unlimited=True)
    decided = decide(failures, _diagnoses(ledger, variant.catalogue), _history(ledger), variant.policy, setting)
    return decided.select("decision_id", "category", "action", "gate", "expected_cost_usd", "expected_gain_usd")


def _diagnoses(ledger: Ledger, catalogue: Catalogue | None) -> DataFrame:
    stored = ledger.read("diagnoses")
    if catalogue is None:
        return stored
    ruled = F.col("source") == Source.RULE.value
    first = Window.partitionBy("fingerprint").orderBy("collected_at", "task_run_id")
    exemplars = (
        ledger.read("failures")
        .join(stored.where(ruled).select("fingerprint"), "fingerprint", "left_semi")
        .withColumn("place", F.row_number().over(first))
        .where(F.col("place") == 1)
        .withColumn("termination_code", told_code())
        .select("fingerprint", "error", "error_trace", "termination_code", "error_class", "sqlstate")
    )
    said = ("category", "transient", "confidence", "rule", "action", "evidence", "compute")
    anew = diagnose(exemplars, catalogue).select("fingerprint", *said)
    rest = stored.where(ruled).drop(*said).join(anew, "fingerprint", "inner")
    return stored.where(~ruled).unionByName(rest.select(*stored.columns))


def _history(ledger: Ledger) -> History:
    """What retries came to, all told. Breakers, canaries and incidents belong to moments and start closed."""
    retried = retries(ledger.read("decisions"), ledger.read("actions"), ledger.read("outcomes"))
    nobody = retried.where(F.lit(False))
    at, key = F.col("observed_at"), F.col("fingerprint")
    times = (at.alias("tripped_at"), at.alias("last_failed_at"))
    breaker = (F.lit(0).cast("bigint").alias("failed_in_row"), *times, F.lit(0).alias("pending"))
    here = (F.col("workspace_id"), key)
    text = key.cast("string")
    return History(
        by_fingerprint=counts(retried, "fingerprint", "action"),
        by_category=counts(retried, "category", "action"),
        fingerprint_breakers=nobody.select(key, *breaker),
        job_breakers=nobody.select("workspace_id", "job_id", *breaker),
        canaries=nobody.select(*here, F.col("run_id").alias("canary_run_id"), text.alias("canary_outcome")),
        decided_recently=nobody.select(*here, F.lit(0).cast("bigint").alias("decided_runs")),
        open_incidents=nobody.select(*here, text.alias("open_incident_id")),
        autonomy=nobody.select(text.alias("scope_type"), text.alias("scope"), text.alias("mode")),
    )


def _known(ledger: Ledger) -> DataFrame:
    """What came of the decisions that were made, and what people said would have been right."""
    outcomes = ledger.read("outcomes").select("decision_id", "outcome")
    said = judgements(ledger.read("feedback"), ledger.read("decisions")).select("decision_id", "right_action")
    return outcomes.join(said, "decision_id", "full_outer").select("decision_id", "outcome", "right_action")


def _report(rows: list[dict[str, Any]]) -> ReplayReport:
    def total(name: str, chosen: list[dict[str, Any]] = rows) -> float:
        return float(sum(row[name] or 0 for row in chosen))

    def by(name: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for row in rows:
            found[row[name]] = found.get(row[name], 0) + row["decisions"]
        return found

    changed = [row for row in rows if row["now_action"] != row["then_action"]]
    return ReplayReport(
        decisions=int(total("decisions")),
        changed=int(total("decisions", changed)),
        actions_now=by("now_action"),
        actions_then=by("then_action"),
        cost_now_usd=total("now_cost_usd"),
        cost_then_usd=total("then_cost_usd"),
        gain_now_usd=total("now_gain_usd"),
        gain_then_usd=total("then_gain_usd"),
        better=int(total("better")),
        worse=int(total("worse")),
        changes=tuple(sorted(changed, key=lambda row: (-row["decisions"], str(row)))),
    )
