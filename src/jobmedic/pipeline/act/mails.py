"""Mails to owners: one for each owner, fingerprint and window, however many runs it covers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from jobmedic.knowledge.words import ActionStatus
from jobmedic.pipeline.act.claims import Claimed
from jobmedic.pipeline.act.letters import LetterDecision, mail_window, owner_mail
from jobmedic.pipeline.act.post import ELSEWHERE, Letter, Place, Post
from jobmedic.pipeline.plan import Plan, Ports
from jobmedic.ports.notices import Mail, NoticeError

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
        if not groups:
            return
        post = Post(self.ports.ledger, self.plan, self.workspace_id, self.now)
        earlier = post.sent_since(self.now - timedelta(hours=self.plan.policy.mail.window_hours))
        due: list[tuple[Letter, Mail, list[Claimed]]] = []
        for (recipient, fingerprint), members in groups.items():
            if covered := earlier.get((recipient, fingerprint)):
                yield from self._covered(recipient, covered, members)
            elif self.plan.mail_off is not None or self.ports.mailer is None:
                yield from self._no_mail(recipient, members)
            else:
                mail = self._mail(recipient, members)
                due.append((Letter(mail.message_id, fingerprint, recipient), mail, members))
        places = post.claim([letter for letter, _, _ in due])
        for letter, mail, members in due:
            yield from self._post(post, places[letter.letter_id], mail, members)
        post.close()

    def _covered(self, recipient: str, message_id: str, members: list[Claimed]) -> Iterator[Result]:
        for one in members:
            yield _result(one, ActionStatus.APPLIED) | {
                "recipient": recipient,
                "message_id": message_id,
                "error": "covered by the mail that this owner already got about this failure",
            }

    def _no_mail(self, recipient: str, members: list[Claimed]) -> Iterator[Result]:
        for one in members:
            yield _result(one, ActionStatus.REFUSED) | {
                "recipient": recipient,
                "error": self.plan.mail_off or "no mail server is configured",
            }

    def _post(self, post: Post, place: Place, mail: Mail, members: list[Claimed]) -> Iterator[Result]:
        assert self.ports.mailer is not None
        (recipient,) = mail.recipients
        if place is Place.SENT:
            yield from self._covered(recipient, mail.message_id, members)
            return
        if place is Place.ELSEWHERE:
            for one in members:
                yield {"decision_id": one.decision_id, "error": ELSEWHERE}
            return
        try:
            self.ports.mailer.send(mail)
        except NoticeError as error:
            post.unsent(mail.message_id, str(error))
            for one in members:
                failed = _result(one, ActionStatus.FAILED) if error.permanent else {"decision_id": one.decision_id}
                yield failed | {"recipient": recipient, "error": str(error)}
            return
        post.sent(mail.message_id)
        for one in members:
            yield _result(one, ActionStatus.APPLIED) | {"recipient": recipient, "message_id": mail.message_id}

    def _recipient(self, one: Claimed) -> str | None:
        return one.owner if one.owner and "@" in one.owner else self.plan.default_recipient

    def _nobody(self, one: Claimed) -> str:
        return f"nobody to mail: the owner is {one.owner or 'not known'}, which is no mail address, and EMAIL_DEFAULT_RECIPIENT is not set"

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
