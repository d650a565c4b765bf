"""The mails that jobmedic writes: to the owner of a job, to the on-call, and the test message of `jobmedic check`.

Whatever comes from outside is data: HTML templates escape it, only http(s) addresses become links, and texts are cut.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from functools import cache
from typing import Any, Self

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from jobmedic.knowledge.words import Action
from jobmedic.ports.notices import IncidentNotice, Mail

IDEMPOTENT_TAG = "jobmedic_idempotent"
_RUNS_SHOWN = 20
_CUTS = {"root_cause": 600, "evidence": 1500, "fix": 1000, "reason": 1000, "needs": 300, "job_name": 120}
_DOMAIN = re.compile(r"@([A-Za-z0-9.-]{1,40})\Z")  # longer ones would fold the Message-ID header
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class LetterDecision:
    """What a letter says of one decision: its columns, and root cause, evidence, fix and needs of its diagnosis."""

    decision_id: str
    workspace_id: str
    run_id: int
    fingerprint: str
    category: str
    action: str
    reason: str
    job_name: str | None = None
    task_keys: tuple[str, ...] = ()
    proposed_action: str | None = None
    gate: str | None = None
    rule: str | None = None
    source: str | None = None
    confidence: float | None = None
    failed_at: datetime | None = None
    run_page_url: str | None = None
    root_cause: str | None = None
    evidence: str | None = None
    fix: str | None = None
    needs: str | None = None
    title: str = field(init=False, default="")
    said_by: str = field(init=False, default="")
    short_id: str = field(init=False, default="")
    """As much of the decision's id as `jobmedic feedback` needs."""

    def __post_init__(self) -> None:
        for name, limit in _CUTS.items():
            value = getattr(self, name)
            object.__setattr__(self, name, _cut(value, limit) if value else value)
        object.__setattr__(self, "task_keys", tuple(_one_line(key) for key in self.task_keys or ()))
        object.__setattr__(self, "short_id", self.decision_id[:12])
        object.__setattr__(self, "title", _one_line(self.job_name or "") or f"Run {self.run_id}")
        by = (
            f"by rule {self.rule}"
            if self.rule
            else {"model": "by the language model", "human": "by a person"}.get(self.source or "")
        )
        object.__setattr__(self, "said_by", f", {by}" if by else "")

    @classmethod
    def of(cls, *rows: Mapping[str, Any]) -> Self:
        """From table rows, a decision's and its diagnosis'; the first row that has a column wins."""
        merged = {name: value for row in reversed(rows) for name, value in row.items()}
        known = {f.name for f in fields(cls) if f.init}
        return cls(**{name: value for name, value in merged.items() if name in known})


def mail_window(at: datetime, hours: float) -> datetime:
    """Start of the window that `at` falls in, counted from the epoch: the same for every pass and process."""
    length = max(round(hours * 3600), 1)
    return datetime.fromtimestamp(int(_aware(at).timestamp()) // length * length, UTC)


def letter_id(sender: str, *parts: str) -> str:
    """A Message-ID that the same parts always make; at the sender's domain, as mail filters expect."""
    digest = hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
    domain = _DOMAIN.search(parseaddr(sender)[1])
    return f"<jobmedic-{digest}@{domain[1] if domain else 'jobmedic.local'}>"


def owner_mail(
    decisions: Sequence[LetterDecision],
    *,
    recipients: Sequence[str],
    sender: str,
    window: datetime,
    window_hours: float,
    tables: str | None = None,
) -> Mail:
    """One message for all decisions of one fingerprint that one owner is told of in one window; newest first.

    `tables` is `catalog.schema` where the owner can write SQL, and None where the tables are a folder.
    """
    first = decisions[0]
    others = len(decisions) - 1
    subject = f"[jobmedic] {first.title} failed: {_words(first.category)}" + (f" (+{others} more)" if others else "")
    sql = _templates().get_template("feedback.sql.j2")
    many = f"{len(decisions)} runs are covered by this message"
    facts = {
        "d": first,
        "did": _did(first),
        "offer_tag": first.gate == "safety" and f"{IDEMPOTENT_TAG}=false" not in first.reason,
        "tag": IDEMPOTENT_TAG,
        "covered": many if others else "One run is covered by this message",
        "shown": decisions[:_RUNS_SHOWN],
        "more": max(len(decisions) - _RUNS_SHOWN, 0),
        "sql": sql.render(tables=tables, decision_id=first.decision_id) if tables else None,
        "until": window + timedelta(hours=window_hours),
    }
    # The owner, not every address: a changed list of recipients makes no second letter.
    identity = letter_id(
        sender, "owner", first.workspace_id, recipients[0].lower(), first.fingerprint, window.isoformat()
    )
    return _mail("owner", subject, facts, tuple(recipients), identity)


def incident_mail(
    notice: IncidentNotice, decisions: Sequence[LetterDecision], *, recipients: Sequence[str], sender: str
) -> Mail:
    """To the on-call, once an incident; `decisions` are those that opened it, and may be none."""
    notice = replace(notice, title=_one_line(notice.title), summary=_cut(notice.summary, _CUTS["evidence"]))
    runs, jobs = notice.runs, notice.jobs
    facts = {
        "notice": notice,
        "known": _rest(notice.summary, decisions[0]) if decisions else notice.summary,
        "d": decisions[0] if decisions else None,
        "hit": f"{runs} run{'s' * (runs != 1)} of {jobs} job{'s' * (jobs != 1)}",
        "shown": decisions[:_RUNS_SHOWN],
        "more": max(len(decisions) - _RUNS_SHOWN, 0),
    }
    subject = f"[jobmedic] Incident: {notice.title}"
    return _mail("incident", subject, facts, tuple(recipients), incident_letter_id(notice, sender))


def incident_letter_id(notice: IncidentNotice, sender: str) -> str:
    """Another one when the incident is opened anew after it was over."""
    return letter_id(sender, "incident", notice.incident_id, _aware(notice.opened_at).astimezone(UTC).isoformat())


def check_mail(*, recipients: Sequence[str], sender: str, at: datetime) -> Mail:
    """Each one is a message of its own, else a mailbox would drop the second as a duplicate."""
    identity = letter_id(sender, "test", at.isoformat())
    return _mail("test", "[jobmedic] Test message", {"at": at}, tuple(recipients), identity)


def _mail(name: str, subject: str, facts: Mapping[str, object], recipients: tuple[str, ...], message_id: str) -> Mail:
    html = _templates().get_template(f"{name}.html.j2").render(facts, subject=subject)
    text = _templates().get_template(f"{name}.txt.j2").render(facts, subject=subject)
    return Mail(recipients, subject, html, re.sub(r"\n{3,}", "\n\n", text), message_id)


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("jobmedic.knowledge", "mail"),
        autoescape=select_autoescape(enabled_extensions=("html.j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"words": _words, "utc": _utc, "link": _is_link, "sentence": _sentence, "quoted": _quoted}
    return made


def _did(decision: LetterDecision) -> str:
    retries = {Action.RETRY, Action.RETRY_WITH_NEW_PARAMS}
    if decision.action in retries:
        return "It runs the failed tasks again."
    if decision.proposed_action in retries:
        return "It did not run this again, though a retry was considered."
    return "It left the run alone and tells you."


def _rest(summary: str, decision: LetterDecision) -> str:
    """What a summary says beyond what the letter says in places of its own."""
    rest = summary
    for told in (decision.fix, decision.reason):
        rest = rest.replace(told, "") if told else rest
    return " ".join(rest.split()) or summary


def _words(category: str) -> str:
    return str(category).replace("_", " ")


def _utc(at: datetime) -> str:
    return f"{_aware(at).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _is_link(url: str | None) -> bool:
    return bool(url) and re.fullmatch(r"https?://[^\s<>\"']+", str(url)) is not None


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else text + "."


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.splitlines())


def _cut(text: str, limit: int) -> str:
    sound = _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n")).strip()
    return sound if len(sound) <= limit else sound[: limit - 2].rstrip() + " …"


def _one_line(text: str) -> str:
    return _cut(" ".join(text.split()), _CUTS["job_name"])
