"""Asking the language model: only about fingerprints that neither people nor rules know, once each, within a budget.

Its answer is data. What fails a check is dropped, and the diagnosis says so; then what the rules said stands.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame, Row, Window
from pyspark.sql import functions as F

from jobmedic.knowledge.words import Category, Source
from jobmedic.pipeline.diagnose.answers import checked
from jobmedic.pipeline.plan import Plan, Ports
from jobmedic.pipeline.tally import Tally
from jobmedic.ports.model import LanguageModel, ModelReply, Precedent, Question
from jobmedic.transforms.columns import instant
from jobmedic.transforms.precedents import judged_examples, precedents
from jobmedic.transforms.verdicts import confirmed

UNASKED = "No model was asked: "


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left of the policy's allowance, for this pass and this day."""

    calls: int
    tokens: int
    usd: float

    @property
    def spent(self) -> str | None:
        """What ran out, in words; None while there is some of everything."""
        if self.calls <= 0:
            return "the budget of model calls is used up"
        if self.tokens <= 0:
            return "the day's budget of tokens is used up"
        return "the day's budget of dollars is used up" if self.usd <= 0 else None

    def less(self, reply: ModelReply) -> "Budget":
        return Budget(
            self.calls - reply.asked, self.tokens - reply.tokens_in - reply.tokens_out, self.usd - reply.cost_usd
        )


@dataclass(slots=True)
class Consultation:
    ports: Ports
    plan: Plan
    tally: Tally
    now: datetime

    def consult(self, *, judged_before: bool) -> None:
        """`judged_before`: people have judged decisions, so there may be precedents."""
        model = self.ports.model
        if model is None:
            return
        budget = self._budget()
        # One row more than may be asked: enough to know that something was left out.
        fingerprints = [row["fingerprint"] for row in self._unsure().limit(max(0, budget.calls) + 1).collect()]
        waiting = self._newest(fingerprints) if fingerprints else []
        if not waiting:
            return
        like = self._precedents(fingerprints) if judged_before else {}
        questions = [(row, self._question(row, like.get(row["fingerprint"], ()))) for row in waiting]
        asked = self._ask(model, questions, budget)
        if asked.unasked is not None:
            self._leave([row["fingerprint"] for row, _, _ in asked.replies], asked.unasked)
        answers = [self._answer(*one) for one in asked.replies]
        # Just the columns that the rows name are set; where the model gave no diagnosis the rules' words stand.
        self.ports.ledger.merge("diagnoses", [said for said, found in answers if found is None])
        self.ports.ledger.merge("diagnoses", [said | found for said, found in answers if found is not None])

    def _leave(self, asked: list[str], why: str) -> None:
        """All that was not asked about says why, however many there are."""
        self.tally.problem(f"{why}; new errors keep what the rules say")
        left = self._unsure().select("fingerprint", F.lit(UNASKED + why).alias("notes"))
        self.ports.ledger.merge("diagnoses", left.where(~F.col("fingerprint").isin(asked)) if asked else left)

    def _budget(self) -> Budget:
        rules = self.plan.policy.model
        day = self.ports.ledger.read("passes").where(F.col("started_at") >= instant(self.now - timedelta(days=1)))
        used = day.agg(
            F.coalesce(F.sum("model_calls"), F.lit(0)).alias("calls"),
            F.coalesce(F.sum(F.col("tokens_in") + F.col("tokens_out")), F.lit(0)).alias("tokens"),
            F.coalesce(F.sum("cost_usd"), F.lit(0.0)).alias("usd"),
        ).collect()[0]
        calls = min(rules.calls_per_pass, rules.calls_per_day - used["calls"])
        return Budget(calls, rules.tokens_per_day - used["tokens"], rules.usd_per_day - used["usd"])

    def _unsure(self) -> DataFrame:
        """Causes of this pass that rules do not know well enough and no model has answered; the commonest first.

        Of this pass is what it collected, and what an earlier pass collected and died before it could diagnose.
        """
        weak = F.col("category") == Category.UNKNOWN.value
        for category, entry in self.plan.policy.categories.items():
            weak = weak | ((F.col("category") == category.value) & (F.col("confidence") < entry.confidence))
        known = self.ports.ledger.read("diagnoses").where(
            (F.col("source") == Source.RULE.value) & F.col("model").isNull() & weak
        )
        collected = (
            self.ports.ledger.read("failures")
            .where((F.col("pass_id") == self.plan.pass_id) & F.coalesce("error", "error_trace").isNotNull())
            .groupBy("fingerprint")
            .agg(F.count(F.lit(1)).alias("collected"))
        )
        return (
            known.join(collected, "fingerprint", "left")
            .where(F.col("collected").isNotNull() | (F.col("updated_at") >= instant(self.now)))
            .select("fingerprint", "seen")
            .orderBy(F.desc("seen"), "fingerprint")
        )

    def _newest(self, fingerprints: list[str]) -> list[Row]:
        """The newest failure with each fingerprint that has a text, in the order given."""
        newest = Window.partitionBy("fingerprint").orderBy(F.desc("collected_at"), F.desc("task_run_id"))
        rows = (
            self.ports.ledger.read("failures")
            .where(F.col("fingerprint").isin(fingerprints) & F.coalesce("error", "error_trace").isNotNull())
            .withColumn("place", F.row_number().over(newest))
            .where(F.col("place") == 1)
            .select("fingerprint", "error", "error_trace", "task_type", "termination_code", "job_parameters")
            .collect()
        )
        return sorted(rows, key=lambda row: fingerprints.index(row["fingerprint"]))

    def _question(self, row: Row, like: tuple[Precedent, ...]) -> Question:
        mask = self.ports.mask_for_model
        allowed = {rule.name for rule in self.plan.policy.params}
        declared: dict[str, str] = row["job_parameters"] or {}
        return Question(
            fingerprint=row["fingerprint"],
            error=mask(row["error"] or ""),
            error_trace=mask(row["error_trace"]) if row["error_trace"] else None,
            task_type=row["task_type"],
            termination_code=row["termination_code"],
            parameters={name: mask(value or "") for name, value in declared.items() if name in allowed},
            precedents=like,
        )

    def _precedents(self, fingerprints: list[str]) -> dict[str, tuple[Precedent, ...]]:
        """Like failures that people have judged, nearest first."""
        ledger = self.ports.ledger
        feedback = ledger.read("feedback")
        known = ledger.read("diagnoses")
        examples = judged_examples(known, confirmed(feedback, ledger.read("decisions")))
        asked = known.where(F.col("fingerprint").isin(fingerprints))
        asked = asked.select("fingerprint", F.col("exemplar").alias("error"), "error_class")
        return {
            row["fingerprint"]: tuple(
                Precedent(self.ports.mask_for_model(one["error"]), Category(one["category"]), bool(one["transient"]))
                for one in row["precedents"]
            )
            for row in precedents(asked, examples).collect()
        }

    def _ask(self, model: LanguageModel, questions: list[tuple[Row, Question]], budget: Budget) -> "Asked":
        """Asks in rounds as wide as the policy's concurrency, so that the budget is looked at in between."""
        width = self.plan.policy.model.concurrency
        replies: list[tuple[Row, Question, ModelReply]] = []
        with ThreadPoolExecutor(width, thread_name_prefix="jobmedic-model") as pool:
            while len(replies) < len(questions) and budget.spent is None:
                group = questions[len(replies) :][: min(width, budget.calls)]
                for (row, question), reply in zip(
                    group, pool.map(lambda pair: model.diagnose(pair[1]), group), strict=True
                ):
                    budget = budget.less(reply)
                    self._count(reply)
                    replies.append((row, question, reply))
        return Asked(replies, budget.spent if len(replies) < len(questions) else None)

    def _count(self, reply: ModelReply) -> None:
        self.tally.model_calls += reply.asked
        self.tally.tokens_in += reply.tokens_in
        self.tally.tokens_out += reply.tokens_out
        self.tally.cost_usd += reply.cost_usd
        if reply.refusal:
            self.tally.problem(f"the model gave no diagnosis, so the rules' stands: {reply.refusal}")

    def _answer(self, row: Row, question: Question, reply: ModelReply) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """What is recorded of the call, and what replaces the rules' words; None when they stand."""
        answer = checked(reply, question, self.plan.policy)
        said = {
            "fingerprint": row["fingerprint"],
            # A model that was down is asked again when the error comes back; one that answered is not.
            "model": reply.model if reply.diagnosis is not None else None,
            "prompt_version": reply.prompt_version,
            "tokens_in": reply.tokens_in,
            "tokens_out": reply.tokens_out,
            "cost_usd": reply.cost_usd,
            "notes": self.ports.mask("; ".join(answer.notes)) or None,
            "updated_at": self.now,
        }
        found = answer.diagnosis
        if found is None:
            return said, None
        return said, {
            "category": found.category.value,
            "transient": found.transient,
            "confidence": found.confidence,
            "action": None,  # the policy's word on the category decides
            "source": Source.MODEL.value,
            "rule": None,
            "root_cause": self.ports.mask(found.root_cause),
            "evidence": found.evidence,
            "fix": self.ports.mask(found.fix),
            "needs": None,
            "compute": None,
            "suggested_params": dict(found.suggested_params) or None,
        }


@dataclass(frozen=True, slots=True)
class Asked:
    replies: list[tuple[Row, Question, ModelReply]]
    unasked: str | None
    """Why there are causes that nobody was asked about; None when there are none."""
