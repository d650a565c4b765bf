"""The daily job: decisions scored against outcomes and feedback, and what follows from the scores.

Tables first, tracker second: figures that MLflow could not take wait in `scores` and are logged the next time.
Past periods of the last two weeks are scored again, since outcomes and verdicts come late.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobmedic.edges.frames import rows_of
from jobmedic.knowledge.catalogue import Catalogue
from jobmedic.knowledge.policy import Policy
from jobmedic.pipeline.diagnose.rule_book import rules_frame
from jobmedic.pipeline.learn.printed import LearnReport, Recommendation
from jobmedic.pipeline.learn.score_book import (
    Page,
    Period,
    changed,
    days_before,
    mark_logged,
    new_period,
    pages_of,
    stored_pages,
    versions,
    write_pages,
)
from jobmedic.pipeline.learn.track_scores import log_pages
from jobmedic.ports.ledger import Ledger
from jobmedic.ports.tracker import Tracker
from jobmedic.transforms.autonomy import autonomy_changes
from jobmedic.transforms.columns import instant
from jobmedic.transforms.judged import judged
from jobmedic.transforms.recommend import recommendations
from jobmedic.transforms.rule_confidence import rule_confidence
from jobmedic.transforms.score import score
from jobmedic.transforms.verdicts import disputes, malformed

RESCORED_DAYS = 14
TREND_DAYS = 60
HISTORY_DAYS = 90
"""Decisions that recommendations and autonomy look back on."""
_UNUSABLE_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Known:
    """What is in force: it decides, and its versions are logged."""

    policy: Policy
    catalogue: Catalogue
    prompt_version: str
    deployment: str | None = None

    @property
    def params(self) -> dict[str, str]:
        return {
            "policy_version": self.policy.digest,
            "rules_version": self.catalogue.version,
            "prompt_version": self.prompt_version,
            "deployment": self.deployment or "none",
        }


def learn(ledger: Ledger, tracker: Tracker, known: Known, *, now: datetime, folder: Path) -> LearnReport:
    """`folder` takes the pictures. Raises LedgerError; an unreachable tracker raises nothing."""
    period = new_period(ledger, now)
    book = {page.period: page for page in stored_pages(ledger, since=days_before(now, TREND_DAYS))}
    past = [p for p in book if p.end > days_before(now, RESCORED_DAYS)]
    fresh = _scored(ledger, known.policy, [*past, *([period] if period else [])])
    written = [page for new in fresh if (page := changed(new, book.get(new.period)))]
    write_pages(ledger, written, now)
    book |= {page.period: page for page in written}
    pages = [book[p] for p in sorted(book)]
    promoted = _autonomy(ledger, known.policy, now)
    advice = _recommendations(ledger, known, now)
    waiting = [page for page in pages if page.run_id is None]
    in_force = versions(ledger, waiting)
    if period is not None:
        in_force[period] = known.params | in_force.get(period, {})
    logged = log_pages(tracker, waiting, pages, in_force, folder)
    mark_logged(ledger, logged)
    at = next((i for i, page in enumerate(pages) if page.period == period), None)
    return LearnReport(
        period_start=period.start if period and at is not None else None,
        period_end=now,
        figures=pages[at].overall if at is not None else {},
        previous=pages[at - 1].overall if at else {},
        recommendations=advice,
        autonomy=promoted,
        unusable_feedback=_unusable(ledger),
        rescored=sum(1 for page in written if page.period != period),
        logged=len(logged),
        waiting=len(waiting) - len(logged),
        run_id=logged[-1].run_id if logged and logged[-1].period == period else None,
    )


def seen_decisions(ledger: Ledger, *, since: datetime) -> DataFrame:
    """Decisions from `since` on, beside what came of them."""
    decisions = ledger.read("decisions").where(F.col("decided_at") >= instant(since))
    return judged(decisions, ledger.read("actions"), ledger.read("outcomes"), ledger.read("feedback"))


def _scored(ledger: Ledger, policy: Policy, periods: Sequence[Period]) -> list[Page]:
    if not periods:
        return []
    frame = ledger.frame("scores", [period.keys for period in periods]).select("period_start", "period_end")
    scores = score(
        seen_decisions(ledger, since=min(period.start for period in periods)),
        ledger.read("passes"),
        ledger.read("incidents"),
        frame,
        recovery_value_usd=policy.money.value_of_recovery_usd,
    )
    return pages_of(rows_of(scores, "scoring the decisions"))


def _autonomy(ledger: Ledger, policy: Policy, now: datetime) -> tuple[str, ...]:
    asked = policy.autonomy
    if not asked.enabled:
        return ()
    due = autonomy_changes(
        seen_decisions(ledger, since=days_before(now, HISTORY_DAYS)),
        ledger.read("autonomy"),
        by=asked.by,
        bar=asked.bar,
        judged_at_least=asked.judged,
    )
    rows = [{**row, "changed_at": now, "policy_version": policy.digest} for row in rows_of(due.orderBy("scope"))]
    if rows:
        ledger.append("autonomy", ledger.frame("autonomy", rows))
    return tuple(row["reason"] for row in rows)


def _recommendations(ledger: Ledger, known: Known, now: datetime) -> tuple[Recommendation, ...]:
    since = days_before(now, HISTORY_DAYS)
    seen, rules = seen_decisions(ledger, since=since), rules_frame(ledger, known.catalogue, known.policy)
    disputed = disputes(ledger.read("feedback"), ledger.read("decisions"))
    found = recommendations(seen, rules, rule_confidence(seen, rules), disputed)
    rows = rows_of(found.orderBy("kind", F.desc("n"), "subject"), "finding recommendations")
    if rows:
        stamped = [{**row, "made_at": now, "period_start": since, "period_end": now} for row in rows]
        ledger.merge("recommendations", ledger.frame("recommendations", stamped))
    return tuple(Recommendation(**row) for row in rows)


def _unusable(ledger: Ledger) -> tuple[str, ...]:
    """Malformed rows, and verdicts on decisions that do not exist; both come in by plain SQL."""
    feedback = ledger.read("feedback")
    lost = (
        feedback.join(ledger.read("decisions").select("decision_id"), "decision_id", "left_anti")
        .where(F.col("decision_id").isNotNull())
        .select("decision_id", F.lit("there is no such decision").alias("problem"))
    )
    wrong = malformed(feedback).select("decision_id", "problem").unionByName(lost).distinct()
    rows = rows_of(wrong.orderBy("decision_id", "problem").limit(_UNUSABLE_SHOWN))
    return tuple(f"{row['decision_id']}: {row['problem']}" for row in rows)
