"""One open problem, however many runs it hits: incident rows, telling the on-call once, closing what is over."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pyspark.sql import Row, Window
from pyspark.sql import functions as F

from jobmedic.knowledge.words import Action, Category, DecisionStatus, IncidentStatus, Mode, Outcome
from jobmedic.pipeline.act.letters import LetterDecision, incident_letter_id, incident_mail
from jobmedic.pipeline.act.post import ELSEWHERE, Letter, Place, Post
from jobmedic.pipeline.act.quotes import with_diagnosis
from jobmedic.pipeline.plan import Plan, Ports
from jobmedic.pipeline.tally import Tally
from jobmedic.ports.notices import IncidentNotice, NoticeError
from jobmedic.transforms.columns import from_micros, instant

QUIET_FOR = timedelta(hours=24)
"""An incident without a new failure for this long is over."""

SHOWN = 50

_TOLD_TOGETHER = 100
"""Incidents whose letters are read at once: what bounds the driver's memory."""


@dataclass(slots=True)
class IncidentBook:
    ports: Ports
    plan: Plan
    tally: Tally
    workspace_id: str
    now: datetime
    told: dict[str, str | None] = field(default_factory=dict)
    """By incident: None when the on-call knows, else why not. Filled by `announce`."""

    def write(self) -> None:
        """Opens and updates the incidents that this pass's decisions belong to, and those that a dead pass left unopened."""
        decisions = self.ports.ledger.read("decisions").where(F.col("workspace_id") == self.workspace_id)
        known = self.ports.ledger.read("incidents").select("incident_id").withColumn("known", F.lit(True))
        touched = (
            decisions.where(F.col("incident_id").isNotNull())
            .join(known, "incident_id", "left")
            .where((F.col("pass_id") == self.plan.pass_id) | F.col("known").isNull())
        )
        ids = [row["incident_id"] for row in touched.select("incident_id").distinct().collect()]
        if ids:
            rows, over = self._rows(ids), self._resolved(ids)
            again = {"resolved_at": None, "notified_at": None}
            self.ports.ledger.merge("incidents", [row | again for row in rows if row["incident_id"] in over])
            changing = ("runs", "jobs", "title", "summary", "last_seen_at")
            self.ports.ledger.merge("incidents", rows, update=changing)

    def _resolved(self, ids: Sequence[str]) -> set[str]:
        """What comes back after it was over is opened anew, and the on-call is told anew."""
        known = self.ports.ledger.read("incidents").where(F.col("incident_id").isin(list(ids)))
        over = known.where(F.col("status") == IncidentStatus.RESOLVED.value).select("incident_id")
        return {row["incident_id"] for row in over.collect()}

    def announce(self) -> None:
        """Tells the on-call of open incidents that they do not know yet and that something not in shadow belongs to."""
        if self.plan.mode is not Mode.ACT:
            return
        live = (
            self.ports.ledger.read("decisions")
            .where((F.col("workspace_id") == self.workspace_id) & F.col("incident_id").isNotNull())
            .where(F.col("status") != DecisionStatus.SHADOW.value)
            .select("incident_id")
        )
        waiting = (
            self.ports.ledger.read("incidents")
            .where(
                (F.col("workspace_id") == self.workspace_id)
                & (F.col("status") == IncidentStatus.OPEN.value)
                & F.col("notified_at").isNull()
            )
            .join(live, "incident_id", "left_semi")
            .withColumn("opened", F.unix_micros("opened_at"))
            .collect()
        )
        self._tell_all([_notice(row) for row in waiting])
        known = [{"incident_id": key, "notified_at": self.now} for key, trouble in self.told.items() if trouble is None]
        self.ports.ledger.merge("incidents", known)

    def _rows(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        members = self.ports.ledger.read("decisions").where(F.col("incident_id").isin(list(ids)))
        told = self.ports.ledger.read("diagnoses").select("fingerprint", "root_cause", "fix", "evidence")
        found = (
            members.groupBy("incident_id", "workspace_id", "fingerprint")
            .agg(
                F.countDistinct("run_id").alias("runs"),
                F.countDistinct("job_id").alias("jobs"),
                F.max("category").alias("category"),
                F.min("job_name").alias("job_name"),
                F.unix_micros(F.max("failed_at")).alias("last"),
                F.max(F.when(F.col("action") == Action.ESCALATE.value, F.col("reason"))).alias("reason"),
            )
            .join(told, "fingerprint", "left")
            .collect()
        )
        return [self._row(row) for row in found]

    def _row(self, row: Row) -> dict[str, Any]:
        summary = " ".join(part for part in (row["root_cause"], row["fix"], row["reason"]) if part)
        return {
            "incident_id": row["incident_id"],
            "fingerprint": row["fingerprint"],
            "scope": "fingerprint",
            "status": IncidentStatus.OPEN.value,
            "opened_at": self.now,
            "runs": row["runs"],
            "jobs": row["jobs"],
            "title": _title(row["category"], row["job_name"], row["jobs"], row["runs"]),
            "summary": summary,
            "workspace_id": self.workspace_id,
            "category": row["category"],
            "last_seen_at": from_micros(row["last"]) if row["last"] is not None else self.now,
        }

    def resolve(self) -> None:
        """Over: nothing new for a day, or a retry of this very failure recovered after the last one was seen."""
        ledger = self.ports.ledger
        mended = (
            ledger.read("outcomes")
            .where(F.col("outcome") == Outcome.RECOVERED.value)
            .select("decision_id", "observed_at")
            .join(ledger.read("decisions").select("decision_id", "fingerprint", "workspace_id"), "decision_id", "inner")
            .groupBy("workspace_id", "fingerprint")
            .agg(F.max("observed_at").alias("mended_at"))
        )
        waiting = (
            ledger.read("decisions")
            .where(
                F.col("status").isin(
                    DecisionStatus.HELD.value, DecisionStatus.DEFERRED.value, DecisionStatus.READY.value
                )
            )
            .select("incident_id")
        )
        quiet = F.col("last_seen_at") < instant(self.now - QUIET_FOR)
        over = (
            ledger.read("incidents")
            .where((F.col("status") == IncidentStatus.OPEN.value) & (F.col("workspace_id") == self.workspace_id))
            .join(mended, ["workspace_id", "fingerprint"], "left")
            .where(quiet | F.coalesce(F.col("mended_at") > F.col("last_seen_at"), F.lit(False)))
            .join(waiting, "incident_id", "left_anti")
            .select(
                "incident_id",
                F.lit(IncidentStatus.RESOLVED.value).alias("status"),
                instant(self.now).alias("resolved_at"),
            )
        )
        ledger.merge("incidents", over)

    def _tell_all(self, notices: Sequence[IncidentNotice]) -> None:
        """Each by one pass: of two at once one tells the on-call, and the other leaves it to it."""
        post = Post(self.ports.ledger, self.plan, self.workspace_id, self.now)
        letters = {notice.incident_id: incident_letter_id(notice, self.plan.sender or "") for notice in notices}
        places = post.claim([Letter(letter_id, None, incident_id=key) for key, letter_id in letters.items()])
        mine = []
        for notice in notices:
            place = places[letters[notice.incident_id]]
            if place is Place.MINE:
                mine.append(notice)
            else:  # one that was sent is known, though the pass that sent it could not say so any more
                self.told[notice.incident_id] = ELSEWHERE if place is Place.ELSEWHERE else None
        for start in range(0, len(mine), _TOLD_TOGETHER):
            group = mine[start : start + _TOLD_TOGETHER]
            members = self._members([notice.incident_id for notice in group])
            for notice in group:
                trouble = self._tell(notice, members.get(notice.incident_id, []))
                self.told[notice.incident_id] = trouble
                if trouble is None:
                    post.sent(letters[notice.incident_id])
                else:
                    post.unsent(letters[notice.incident_id], trouble)
        post.close()

    def _tell(self, notice: IncidentNotice, members: list[LetterDecision]) -> str | None:
        """Mail first, then the channels. None when everybody who is configured was told, or nobody is."""
        troubles = []
        notice = replace(notice, run_page_url=members[0].run_page_url if members else None)
        people = self.plan.on_call or ((self.plan.default_recipient,) if self.plan.default_recipient else ())
        if self.ports.mailer is not None and people and self.plan.mail_off is None:
            try:
                self.ports.mailer.send(incident_mail(notice, members, recipients=people, sender=self.plan.sender or ""))
            except NoticeError as error:
                troubles.append(str(error))
        if self.ports.channels is not None:
            try:
                self.ports.channels.announce(notice)
            except NoticeError as error:
                troubles.append(str(error))
        for trouble in troubles:
            self.tally.problem(trouble)
        return "; ".join(troubles) or None

    def _members(self, ids: Sequence[str]) -> dict[str, list[LetterDecision]]:
        """What belongs to each incident, the oldest failures first; more than a letter shows are not read."""
        oldest = Window.partitionBy("incident_id").orderBy("failed_at", "run_id")
        decisions = (
            self.ports.ledger.read("decisions")
            .where(F.col("incident_id").isin(list(ids)) & F.col("failed_at").isNotNull())
            .withColumn("place", F.row_number().over(oldest))
            .where(F.col("place") <= SHOWN)
        )
        rows = (
            with_diagnosis(decisions, self.ports.ledger)
            .withColumn("failed_micros", F.unix_micros("failed_at"))
            .orderBy("place")
            .collect()
        )
        found: dict[str, list[LetterDecision]] = {}
        for row in rows:
            letter = LetterDecision.of({"failed_at": from_micros(row["failed_micros"])}, row.asDict())
            found.setdefault(row["incident_id"], []).append(letter)
        return found


def _title(category: str, job_name: str | None, jobs: int, runs: int) -> str:
    """Names a job, by which people know what is hit."""
    cause = "unknown cause" if category == Category.UNKNOWN.value else category.replace("_", " ")
    name, others = job_name or "a run", jobs - 1
    if others > 0:
        return f"{cause}: {name} and {others} other job{'s' * (others > 1)} failed the same way, {runs} runs"
    return f"{cause}: {name} failed" + (f" {runs} times" if runs > 1 else "")


def _notice(row: Row) -> IncidentNotice:
    """Without the page of a run, which takes another read."""
    return IncidentNotice(
        incident_id=row["incident_id"],
        title=row["title"],
        summary=row["summary"],
        category=row["category"],
        run_page_url=None,
        runs=row["runs"],
        jobs=row["jobs"],
        opened_at=from_micros(row["opened"]),
    )
