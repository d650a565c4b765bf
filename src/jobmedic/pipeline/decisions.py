"""The decide stage: gathers what waits for a decision and what the past says, and writes the decisions down."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobmedic.knowledge.words import DecisionStatus, IncidentStatus, Mode, Source
from jobmedic.pipeline.at_hand import at_hand
from jobmedic.pipeline.plan import Plan, Ports
from jobmedic.pipeline.tally import Tally
from jobmedic.transforms.autonomy import autonomy_state
from jobmedic.transforms.columns import instant
from jobmedic.transforms.decide import decide, decision_id
from jobmedic.transforms.history import SETTLED, History, breakers, canaries, counts, decided_recently, retries
from jobmedic.transforms.traffic import Setting

REMEMBERED = timedelta(days=90)
"""Outcomes older than this say little about the cluster, the data and the code of today."""

KEPT_IN_VIEW = timedelta(days=30)
"""A failure that has waited longer than this for a decision is history."""

WAITING = (DecisionStatus.DEFERRED.value, DecisionStatus.HELD.value)


@dataclass(slots=True)
class Decider:
    ports: Ports
    plan: Plan
    tally: Tally
    workspace_id: str
    now: datetime

    def decide(self, run_id: int | None = None) -> None:
        """Decides every failed run that has no final decision yet, or just `run_id`."""
        waiting = self._undecided()
        if run_id is not None:
            waiting = waiting.where(F.col("run_id") == run_id)
        runs = at_hand(waiting.select("workspace_id", "run_id").distinct())
        if runs is None:
            return
        setting = Setting(instant(self.now), self.plan.mode, self.plan.pass_id, self.plan.own_job_ids)
        decided = decide(waiting, self._diagnoses(), self.history(runs), self.plan.policy, setting)
        changed = at_hand(self._changed(decided))
        if changed is None:
            return
        self.ports.ledger.merge("decisions", changed)
        self.tally.decisions.update(
            {row["action"]: row["count"] for row in changed.groupBy("action").count().collect()}
        )

    def settle(self, run_ids: Sequence[int]) -> None:
        """Decisions that still wait for runs that recovered or vanished meanwhile need nothing any more."""
        for start in range(0, len(run_ids), 1000):
            ids = list(run_ids[start : start + 1000])
            over = (
                self.ports.ledger.read("decisions")
                .where((F.col("workspace_id") == self.workspace_id) & F.col("run_id").isin(ids))
                .where(F.col("status").isin(*WAITING, DecisionStatus.READY.value))
                .select(
                    "decision_id",
                    F.lit(DecisionStatus.DONE.value).alias("status"),
                    F.lit(SETTLED).alias("gate"),
                    F.concat(
                        F.lit("Nothing was done: the run recovered, or is gone. Before that: "), F.col("reason")
                    ).alias("reason"),
                )
                .join(self.ports.ledger.read("actions").select("decision_id"), "decision_id", "left_anti")
            )
            self.ports.ledger.merge("decisions", over)

    def _undecided(self) -> DataFrame:
        """Failures of each run's newest attempt without a final decision: new, waiting, or written down and then lost."""
        ledger = self.ports.ledger
        newest = F.max(F.coalesce("repairs", F.lit(0))).over(Window.partitionBy("workspace_id", "run_id"))
        recent = F.col("collected_at") >= instant(self.now - KEPT_IN_VIEW)
        failures = (
            ledger.read("failures")
            .where((F.col("workspace_id") == self.workspace_id) & recent)
            .withColumn("repairs", F.coalesce("repairs", F.lit(0)))
            .withColumn("newest", newest)
            .where(F.col("repairs") == F.col("newest"))
            .withColumn("decision_id", decision_id())
        )
        decided = ledger.read("decisions").select("decision_id", F.col("status").alias("decided"))
        claimed = ledger.read("actions").select("decision_id").withColumn("claimed", F.lit(True))
        open_ones = [*WAITING, DecisionStatus.READY.value]
        again = F.col("decided").isin(*open_ones)
        if self.plan.mode is Mode.ACT:
            # What shadow mode only recorded is acted on, as far back as a first pass in act mode would have looked.
            fresh = F.col("failed_at") >= instant(self.now - self.plan.since)
            again = again | ((F.col("decided") == DecisionStatus.SHADOW.value) & fresh)
        return (
            failures.join(decided, "decision_id", "left")
            .join(claimed, "decision_id", "left")
            .where(F.col("claimed").isNull() & (F.col("decided").isNull() | again))
            .drop("newest", "decided", "claimed", "decision_id")
        )

    def _diagnoses(self) -> DataFrame:
        """An answer of the model that an earlier pass paid for is `known` to this one."""
        earlier = (F.col("source") == Source.MODEL.value) & (F.col("updated_at") < instant(self.now))
        return self.ports.ledger.read("diagnoses").withColumn(
            "source", F.when(earlier, Source.KNOWN.value).otherwise(F.col("source"))
        )

    def _changed(self, decided: DataFrame) -> DataFrame:
        """Leaves out what is decided just so already: a decision that waits is not rewritten by every pass."""
        same = ("action", "status", "gate", "not_before", "mode", "incident_id", "storm_role", "category")
        stored = self.ports.ledger.read("decisions").select(
            "decision_id", *[F.col(name).alias(f"old_{name}") for name in same]
        )
        unchanged = F.col("stored").isNotNull()
        for name in same:
            unchanged = unchanged & F.col(name).eqNullSafe(F.col(f"old_{name}"))
        joined = decided.join(stored.withColumn("stored", F.lit(True)), "decision_id", "left")
        # What followed a canary stays known as part of its storm; a canary that gave way is none any more.
        followed = F.when(F.col("old_storm_role") == "follower", F.col("old_storm_role"))
        joined = joined.withColumns(
            {
                "incident_id": F.coalesce("incident_id", "old_incident_id"),
                "storm_role": F.coalesce("storm_role", followed),
            }
        )
        return joined.where(~unchanged).drop("stored", *[f"old_{name}" for name in same])

    def history(self, runs: DataFrame) -> History:
        """The past as the decision on these runs needs it."""
        ledger, now = self.ports.ledger, instant(self.now)
        rules = self.plan.policy
        here = F.col("workspace_id") == self.workspace_id
        decisions, outcomes = ledger.read("decisions").where(here), ledger.read("outcomes")
        actions = ledger.read("actions").where(F.col("requested_at") >= instant(self.now - REMEMBERED))
        # Another workspace has other machines and other data: what helped there says nothing here.
        retried = retries(decisions, actions, outcomes)
        incidents = ledger.read("incidents").where(F.col("status") == IncidentStatus.OPEN.value)
        window = instant(self.now - timedelta(hours=rules.budget.window_hours))
        failed = ledger.read("failures").where(here & (F.col("collected_at") >= window)).select("run_id").distinct()
        return History(
            by_fingerprint=counts(retried, "fingerprint", "action"),
            by_category=counts(retried, "category", "action"),
            fingerprint_breakers=breakers(retried, "fingerprint", failures=rules.breaker.failures),
            job_breakers=breakers(retried, "workspace_id", "job_id", failures=rules.breaker.failures),
            canaries=canaries(
                decisions, ledger.read("actions"), outcomes, now=now, window_minutes=rules.storm.window_minutes
            ),
            decided_recently=decided_recently(
                decisions.join(runs, ["workspace_id", "run_id"], "left_anti"),
                now=now,
                window_minutes=rules.storm.window_minutes,
            ),
            open_incidents=incidents.groupBy("workspace_id", "fingerprint").agg(
                F.min("incident_id").alias("open_incident_id")
            ),
            autonomy=autonomy_state(ledger.read("autonomy")),
            retries_in_window=retried.where(F.col("requested_at") >= window).count(),
            failed_runs_in_window=failed.count(),
        )
