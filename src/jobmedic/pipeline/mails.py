"""Mails to owners: one for each owner, fingerprint and window, however many runs it covers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from pyspark.sql import functions as F

from jobmedic.knowledge.words import Action, ActionStatus
from jobmedic.pipeline.claims import Claimed
from jobmedic.pipeline.letters import LetterDecision, mail_window, owner_mail
from jobmedic.pipeline.plan import Plan, Ports
from jobmedic.ports.notices import Mail, NoticeError
from jobmedic.transforms.columns import instant

Result = dict[str, Any]


@dataclass(slots=True)
class OwnerMails:
    ports: Ports
    plan: Plan
    workspace_id: str
    now: datetime

    def send(self, claimed: Sequence[Claimed]) -> Iterator[Result]:
        groups: dict[tuple[str, str], list[Claimed]] = {}
        for one in claimed:
            recipient = self._recipient(one)
            if recipient is None:
                yield _result(one, ActionStatus.REFUSED) | {"error": self._nobody(one)}
            else:
                groups.setdefault((recipient, one.fingerprint), []).append(one)
        sent = self._sent_before() if groups else {}
        for (recipient, fingerprint), members in groups.items():
            yield from self._group(recipient, members, sent.get((recipient, fingerprint)))

    def _group(self, recipient: str, members: list[Claimed], earlier: str | None) -> Iterator[Result]:
        if earlier is not None:
            for one in members:
                yield _result(one, ActionStatus.APPLIED) | {
                    "recipient": recipient,
                    "message_id": earlier,
                    "error": "covered by the mail that this owner already got about this failure",
                }
            return
        if self.plan.mail_off is not None or self.ports.mailer is None:
            for one in members:
                yield _result(one, ActionStatus.REFUSED) | {
                    "recipient": recipient,
                    "error": self.plan.mail_off or "no mail server is configured",
                }
            return
        mail = self._mail(recipient, members)
        try:
            self.ports.mailer.send(mail)
        except NoticeError as error:
            for one in members:
                failed = _result(one, ActionStatus.FAILED) if error.permanent else {"decision_id": one.decision_id}
                yield failed | {"recipient": recipient, "error": str(error)}
            return
        for one in members:
            yield _result(one, ActionStatus.APPLIED) | {"recipient": recipient, "message_id": mail.message_id}

    def _recipient(self, one: Claimed) -> str | None:
        return one.owner if one.owner and "@" in one.owner else self.plan.default_recipient

    def _nobody(self, one: Claimed) -> str:
        return f"nobody to mail: the owner is {one.owner or 'not known'}, which is no mail address, and EMAIL_DEFAULT_RECIPIENT is not set"

    def _sent_before(self) -> dict[tuple[str, str], str]:
        """Message-ID by recipient and fingerprint of mails that went out within the window."""
        since = self.now - timedelta(hours=self.plan.policy.mail.window_hours)
        ledger = self.ports.ledger
        rows = (
            ledger.read("actions")
            .where((F.col("action") == Action.SEND_EMAIL.value) & (F.col("status") == ActionStatus.APPLIED.value))
            .where(F.col("workspace_id") == self.workspace_id)
            # What a mail covered does not lengthen the mail's own window.
            .where((F.col("finished_at") >= instant(since)) & F.col("message_id").isNotNull() & F.col("error").isNull())
            .join(ledger.read("decisions").select("decision_id", "fingerprint"), "decision_id", "inner")
            .groupBy("recipient", "fingerprint")
            .agg(F.max("message_id").alias("message_id"))
            .collect()
        )
        return {(row["recipient"], row["fingerprint"]): row["message_id"] for row in rows}

    def _mail(self, recipient: str, members: Sequence[Claimed]) -> Mail:
        """Its Message-ID is the same when it is sent again because a pass died before it could write that down."""
        first = min((one.failed_at for one in members if one.failed_at), default=self.now)
        hours = self.plan.policy.mail.window_hours
        return owner_mail(
            [self._letter(one) for one in reversed(members)],  # they were claimed oldest first
            recipients=(recipient,),
            sender=self.plan.sender or "",
            window=mail_window(first, hours),
            window_hours=hours,
            tables=self.plan.tables_name,
        )

    def _letter(self, one: Claimed) -> LetterDecision:
        return LetterDecision.of({"workspace_id": self.workspace_id}, {name: getattr(one, name) for name in LETTER})


LETTER = tuple(entry.name for entry in fields(LetterDecision) if entry.init and entry.name != "workspace_id")


def _result(one: Claimed, status: ActionStatus) -> Result:
    return {"decision_id": one.decision_id, "status": status.value}
