"""The exactly-once protocol: an action is claimed in the ledger before its call, and its result written after it.

A claim is a row that only one pass can insert. A pass that died leaves its claim behind; another takes it over, once it
is sure of the death or the claim is old, and looks at the run before it acts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from jobmedic.knowledge.words import ActionStatus, DecisionStatus, Mode
from jobmedic.pipeline.act.quotes import with_diagnosis
from jobmedic.pipeline.plan import Plan, left_behind
from jobmedic.ports.ledger import Ledger
from jobmedic.transforms.columns import from_micros

_BATCH = 2000

# Written with every result, so that nothing of an earlier try stays beside it.
_NO_RESULT = dict.fromkeys(("repair_id", "new_run_id", "recipient", "incident_id", "error", "message_id"))


@dataclass(frozen=True, slots=True)
class Claimed:
    """A decision that this pass, and no other, is to apply."""

    decision_id: str
    run_id: int
    job_id: int | None
    job_name: str | None
    task_keys: tuple[str, ...]
    fingerprint: str
    category: str
    action: str
    params: Mapping[str, str]
    compute: str | None
    reason: str
    confidence: float
    owner: str | None
    repair_id_seen: int | None
    incident_id: str | None
    run_page_url: str | None
    failed_at: datetime | None
    gate: str | None
    root_cause: str | None
    evidence: str | None
    fix: str | None
    needs: str | None
    proposed_action: str | None
    rule: str | None
    source: str | None
    intended_before: datetime | None
    """When an earlier pass claimed it that left no result; None for a fresh claim."""


@dataclass(slots=True)
class Claims:
    ledger: Ledger
    plan: Plan
    workspace_id: str
    now: datetime
    _finished: list[str] = field(default_factory=list)

    def take(self, run_id: int | None = None) -> list[Claimed]:
        """Everything that is ready, claimed; and what dead passes left behind. Nothing in shadow mode."""
        if self.plan.mode is not Mode.ACT:
            return []
        inherited = self._inherit(run_id)
        ready = self._ready(run_id)
        rows = [
            {
                "decision_id": row["decision_id"],
                "action": row["action"],
                "status": ActionStatus.INTENDED.value,
                "claimed_by": self.plan.claimant,
                "requested_at": self.now,
                "incident_id": row["incident_id"],
                "workspace_id": self.workspace_id,
                "run_id": row["run_id"],
            }
            for row in ready
        ]
        for start in range(0, len(rows), _BATCH):
            self.ledger.merge("actions", rows[start : start + _BATCH], update=())
        return self._mine(inherited)

    def finish(self, results: Sequence[Mapping[str, Any]]) -> None:
        """Results by decision id: columns of `actions`. A result without `status` gives the claim back for a later pass."""
        done = [{**_NO_RESULT, "finished_at": self.now, **row} for row in results if "status" in row]
        self.ledger.merge("actions", done)
        self._finished += [row["decision_id"] for row in done]
        given_back = [
            {"decision_id": row["decision_id"], "error": row.get("error"), "claimed_by": None}
            for row in results
            if "status" not in row
        ]
        self.ledger.merge("actions", given_back)

    def close(self) -> None:
        """Decisions whose results are written down are done, those of a pass that died before it could say so too."""
        rows = [{"decision_id": key, "status": DecisionStatus.DONE.value} for key in dict.fromkeys(self._finished)]
        for start in range(0, len(rows), _BATCH):
            self.ledger.merge("decisions", rows[start : start + _BATCH])
        self._finished.clear()

    def _ready(self, run_id: int | None) -> list[Row]:
        """Decisions that are ready and unclaimed; of those that have their result already, `close` takes note."""
        decisions = self._here(self.ledger.read("decisions"), run_id).where(
            F.col("status") == DecisionStatus.READY.value
        )
        claimed = self.ledger.read("actions").select("decision_id", F.col("status").alias("came_of_it"))
        rows = (
            decisions.join(claimed, "decision_id", "left")
            .select("decision_id", "action", "incident_id", "run_id", "came_of_it")
            .collect()
        )
        open_ones = {None, ActionStatus.INTENDED.value}
        self._finished += [row["decision_id"] for row in rows if row["came_of_it"] not in open_ones]
        return [row for row in rows if row["came_of_it"] is None]

    def _inherit(self, run_id: int | None) -> dict[str, datetime]:
        """Takes over claims whose pass gave them back, died, or let them grow old; two that try, one wins."""
        left = (
            self._here(self.ledger.read("actions"), run_id)
            .where(F.col("status") == ActionStatus.INTENDED.value)
            .select("decision_id", "claimed_by", F.unix_micros("requested_at").alias("micros"))
            .collect()
        )
        orphans = {
            row["decision_id"]: row
            for row in left
            if left_behind(row["claimed_by"], from_micros(row["micros"]), self.now)
        }
        for owner in {row["claimed_by"] for row in orphans.values()}:
            rows = [
                {"decision_id": key, "claimed_by": self.plan.claimant, "requested_at": self.now}
                for key, row in orphans.items()
                if row["claimed_by"] == owner
            ]
            self.ledger.merge("actions", rows, expect={"claimed_by": owner, "status": ActionStatus.INTENDED.value})
        return {key: from_micros(row["micros"]) for key, row in orphans.items()}

    def _mine(self, inherited: Mapping[str, datetime]) -> list[Claimed]:
        mine = (
            self.ledger.read("actions")
            .where((F.col("claimed_by") == self.plan.claimant) & (F.col("status") == ActionStatus.INTENDED.value))
            .select("decision_id")
        )
        decisions = self.ledger.read("decisions").join(mine, "decision_id", "left_semi")
        rows: Iterable[Row] = (
            with_diagnosis(decisions, self.ledger)
            .withColumn("failed", F.unix_micros("failed_at"))
            .orderBy("failed", "decision_id")
            .collect()
        )
        return [_claimed(row, inherited.get(row["decision_id"])) for row in rows]

    def _here(self, rows: DataFrame, run_id: int | None) -> DataFrame:
        here = rows.where(F.col("workspace_id") == self.workspace_id)
        return here if run_id is None else here.where(F.col("run_id") == run_id)


def _claimed(row: Row, intended_before: datetime | None) -> Claimed:
    same = (
        "decision_id",
        "run_id",
        "job_id",
        "job_name",
        "fingerprint",
        "category",
        "action",
        "compute",
        "reason",
        "confidence",
    )
    more = (
        "owner",
        "repair_id_seen",
        "incident_id",
        "run_page_url",
        "gate",
        "root_cause",
        "evidence",
        "fix",
        "needs",
        "proposed_action",
        "rule",
        "source",
    )
    return Claimed(
        **{name: row[name] for name in (*same, *more)},
        task_keys=tuple(row["task_keys"] or ()),
        params=dict(row["params"] or {}),
        failed_at=None if row["failed"] is None else from_micros(row["failed"]),
        intended_before=intended_before,
    )
