"""The diagnose stage: one diagnosis a fingerprint, from people, from before, from the rules, and only then the model."""

from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobmedic.knowledge.words import Category, Source
from jobmedic.pipeline.at_hand import at_hand
from jobmedic.pipeline.diagnose.consult import Consultation
from jobmedic.pipeline.diagnose.rule_book import rules_frame
from jobmedic.pipeline.plan import Plan, Ports
from jobmedic.pipeline.tally import Tally
from jobmedic.transforms.columns import instant
from jobmedic.transforms.diagnose import diagnose
from jobmedic.transforms.rule_confidence import rule_confidence
from jobmedic.transforms.verdicts import confirmed, judgements, taken_back

EXEMPLAR_CHARACTERS = 2000
_SAME = 0.001
"""Confidences that differ by less are one."""
SAID_BY_RULES = (
    "category",
    "transient",
    "confidence",
    "action",
    "source",
    "rule",
    "root_cause",
    "evidence",
    "fix",
    "compute",
    "needs",
    "rules_version",
    "updated_at",
)


def told_code() -> Column:
    """The termination code, or the result state where that tells more."""
    timed_out = F.col("result_state") == "TIMEDOUT"
    return F.when(timed_out, F.col("result_state")).otherwise(F.coalesce("termination_code", "result_state"))


@dataclass(slots=True)
class Diagnoser:
    ports: Ports
    plan: Plan
    tally: Tally
    now: datetime

    def diagnose(self) -> None:
        """Brings `diagnoses` up to date with every stored failure and every verdict."""
        judged_before = not self.ports.ledger.read("feedback").isEmpty()
        self.tally.new_fingerprints += self._by_rules(judged_before=judged_before)
        if self.tally.failures:
            self._count()
        if judged_before:
            self._by_people()
        Consultation(self.ports, self.plan, self.tally, self.now).consult(judged_before=judged_before)

    def _by_rules(self, *, judged_before: bool) -> int:
        """Diagnoses what has none yet, and what an older catalogue diagnosed; returns how many are new."""
        ledger = self.ports.ledger
        failures, known = ledger.read("failures"), ledger.read("diagnoses")
        fresh = at_hand(
            failures.select("fingerprint").distinct().join(known.select("fingerprint"), "fingerprint", "left_anti")
        )
        old = known.where((F.col("source") == Source.RULE.value) & F.col("model").isNull())
        old = old.where(~F.col("rules_version").eqNullSafe(F.lit(self.plan.catalogue.version))).select("fingerprint")
        seen_now = failures.where(F.col("pass_id") == self.plan.pass_id).select("fingerprint").distinct()
        stale = at_hand(old.join(seen_now, "fingerprint", "left_semi"))
        self._say(fresh, update=(), judged_before=judged_before)
        self._say(stale, update=SAID_BY_RULES, judged_before=judged_before)
        return 0 if fresh is None else fresh.count()

    def _say(self, fingerprints: DataFrame | None, *, update: tuple[str, ...], judged_before: bool) -> None:
        """Writes down what the rules say of these."""
        if fingerprints is None:
            return
        said = self._ruled(fingerprints, judged_before=judged_before)
        self.ports.ledger.merge("diagnoses", said, update=update)

    def _ruled(self, fingerprints: DataFrame, *, judged_before: bool) -> DataFrame:
        """What the rules say of the first failure with each fingerprint."""
        alike = Window.partitionBy("fingerprint")
        earliest = alike.orderBy("collected_at", "task_run_id")
        exemplars = (
            self.ports.ledger.read("failures")
            .join(fingerprints, "fingerprint", "left_semi")
            .withColumn("place", F.row_number().over(earliest))
            .withColumn("seen", F.count(F.lit(1)).over(alike))
            .withColumn("last_seen", F.max("failed_at").over(alike))
            .where(F.col("place") == 1)
            # A run that the platform timed out shows the code CANCELED, or none: its result says more.
            .withColumn("termination_code", told_code())
        )
        said = diagnose(exemplars.drop("source", "rule"), self.plan.catalogue)
        return (self._recalibrated(said) if judged_before else said).select(
            "fingerprint",
            "category",
            "transient",
            "confidence",
            F.lit(Source.RULE.value).alias("source"),
            "rule",
            "root_cause",
            "evidence",
            "fix",
            F.substring(F.coalesce("error", "error_trace"), 1, EXEMPLAR_CHARACTERS).alias("exemplar"),
            F.col("failed_at").alias("first_seen"),
            "last_seen",
            "seen",
            "action",
            "compute",
            "needs",
            F.lit(self.plan.catalogue.version).alias("rules_version"),
            "error_class",
            F.lit(None).cast("string").alias("model"),
            F.lit(None).cast("string").alias("notes"),
            instant(self.now).alias("updated_at"),
        )

    def _recalibrated(self, said: DataFrame) -> DataFrame:
        """Each rule is as sure of itself as people's verdicts on it allow."""
        joined = said.join(self._learned(), "rule", "left")
        return joined.withColumn("confidence", F.coalesce("learned", "confidence")).drop("learned")

    def _learned(self) -> DataFrame:
        """(rule, learned) of the whole catalogue; a rule that nobody judged keeps its own confidence."""
        ledger = self.ports.ledger
        decisions = ledger.read("decisions")
        judged = judgements(ledger.read("feedback"), decisions).where(F.col("right_category").isNotNull())
        spoken = decisions.select("decision_id", "rule", "category").join(judged, "decision_id", "inner")
        confidence = rule_confidence(spoken, rules_frame(ledger, self.plan.catalogue, self.plan.policy))
        return confidence.select("rule", F.col("confidence").alias("learned"))

    def _count(self) -> None:
        ledger = self.ports.ledger
        failures = ledger.read("failures")
        touched = failures.where(F.col("pass_id") == self.plan.pass_id).select("fingerprint").distinct()
        counted = (
            failures.join(touched, "fingerprint", "left_semi")
            .groupBy("fingerprint")
            .agg(F.count(F.lit(1)).alias("seen"), F.max("failed_at").alias("last_seen"))
        )
        changed = (
            counted.join(
                ledger.read("diagnoses").select("fingerprint", F.col("seen").alias("seen_before")),
                "fingerprint",
                "inner",
            )
            .where(~F.col("seen").eqNullSafe(F.col("seen_before")))
            .select("fingerprint", "seen", "last_seen")
        )
        ledger.merge("diagnoses", changed)

    def _by_people(self) -> None:
        """What people agree on stands from now on; what they took back is diagnosed anew."""
        ledger = self.ports.ledger
        feedback = ledger.read("feedback")
        known = ledger.read("diagnoses")
        agreed = confirmed(feedback, ledger.read("decisions"))
        before = known.select(
            "fingerprint", *[F.col(name).alias(f"old_{name}") for name in ("category", "action", "transient", "source")]
        )
        merged = agreed.join(before, "fingerprint", "inner").select(
            "fingerprint",
            F.coalesce("category", "old_category", F.lit(Category.UNKNOWN.value)).alias("category"),
            F.coalesce("action", "old_action").alias("action"),
            F.coalesce("transient", "old_transient").alias("transient"),
            "confidence",
            F.lit(Source.HUMAN.value).alias("source"),
            instant(self.now).alias("updated_at"),
            "old_category",
            "old_action",
            "old_source",
        )
        same = F.col("old_source").eqNullSafe(F.lit(Source.HUMAN.value))
        for name in ("category", "action"):
            same = same & F.col(name).eqNullSafe(F.col(f"old_{name}"))
        changed = merged.where(~same).drop("old_category", "old_action", "old_source")
        ledger.merge("diagnoses", changed)
        # What a model had said is gone with it, so that it may be asked again when the error comes back.
        forgotten = (*SAID_BY_RULES, "model", "notes")
        self._say(at_hand(taken_back(known, agreed)), update=forgotten, judged_before=True)
        self._follow_the_rules()

    def _follow_the_rules(self) -> None:
        """What a rule diagnosed before people judged it is from now on as sure as the rule itself, up or down.

        `updated_at` stays: a cause that became doubtful is asked of the model when it comes back, not at once.
        """
        ledger = self.ports.ledger
        by_rule = (F.col("source") == Source.RULE.value) & F.col("model").isNull()
        stored = ledger.read("diagnoses").where(by_rule).select("fingerprint", "rule", "confidence")
        moved = stored.join(self._learned(), "rule", "inner").where(
            F.abs(F.col("confidence") - F.col("learned")) > _SAME
        )
        ledger.merge("diagnoses", moved.select("fingerprint", F.col("learned").alias("confidence")))
