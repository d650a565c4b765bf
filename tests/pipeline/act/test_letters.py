import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from jobmedic.pipeline.act.letters import LetterDecision, check_mail, incident_mail, letter_id, mail_window, owner_mail
from jobmedic.ports.notices import IncidentNotice, Mail

AT = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
DECISION = LetterDecision(
    decision_id="d1",
    workspace_id="w1",
    run_id=9_223_372_036_854_775_807,
    fingerprint="v1:abc",
    category="data_not_found",
    action="send_email",
    reason="the owner has to change something",
    job_name="nightly-load",
    task_keys=("load", "check"),
    rule="table-not-found",
    confidence=0.97,
    failed_at=AT,
    run_page_url="https://adb-1.example.net/run/1",
    root_cause="The table is gone.",
    evidence="Table or view not found: sales",
    fix="Create the table sales.",
)
NOTICE = IncidentNotice("inc-7", "Warehouse down", "It refuses.\nOne canary is under way.", "network", None, 42, 7, AT)
HOSTILE = '<script>alert("x")</script><img src=x onerror=y>{{ 7 * 7 }}'


def letter(*decisions: LetterDecision, **changes: Any) -> Mail:
    facts = {
        "recipients": ("ada@example.com",),
        "sender": "Medic <medic@example.com>",
        "window": mail_window(AT, 24),
        "window_hours": 24,
    }
    return owner_mail(decisions or (DECISION,), **{**facts, **changes})


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]


def test_an_owner_reads_what_failed_why_the_quote_the_fix_the_link_and_how_to_answer() -> None:
    mail = letter()
    for part in (mail.html, mail.text):
        for words in (
            "nightly-load failed",
            "load, check",
            "The table is gone.",
            "Table or view not found: sales",
            "Create the table sales.",
            "https://adb-1.example.net/run/1",
            "jobmedic feedback d1 --verdict correct",
            "the owner has to change something.",
            "97 % sure, by rule table-not-found",
            "2026-03-01 08:30 UTC",
            "9223372036854775807",
        ):
            assert words in part
    assert mail.subject == "[jobmedic] nightly-load failed: data not found"


def test_one_owner_fingerprint_and_window_make_one_message_id() -> None:
    again = letter(replace(DECISION, decision_id="d2", run_id=2), recipients=("ADA@example.com", "bob@example.com"))
    assert again.message_id == letter().message_id
    assert re.fullmatch(r"<jobmedic-[0-9a-f]{32}@example\.com>", again.message_id)


@pytest.mark.parametrize(
    "other",
    [
        letter(replace(DECISION, fingerprint="v1:def")),
        letter(replace(DECISION, workspace_id="w2")),
        letter(recipients=("bob@example.com",)),
        letter(window=mail_window(AT + timedelta(hours=24), 24)),
    ],
)
def test_another_cause_workspace_owner_or_window_is_another_message(other: Mail) -> None:
    assert other.message_id != letter().message_id


def test_a_letter_about_many_runs_says_how_many_and_shows_the_first_twenty() -> None:
    mail = letter(*(replace(DECISION, run_id=n) for n in range(50)))
    assert mail.subject.endswith("(+49 more)")
    assert "50 runs are covered by this message" in mail.html
    assert "and 30 more" in mail.text
    assert mail.text.count("- Run ") == 20


def test_hostile_text_is_shown_and_never_run() -> None:
    texts = dict.fromkeys(
        ("job_name", "reason", "root_cause", "evidence", "fix", "needs", "rule", "decision_id"), HOSTILE
    )
    mail = letter(replace(DECISION, task_keys=(HOSTILE,), **texts))  # type: ignore[arg-type]
    tags = Tags(mail.html)
    assert not tags.names & {"script", "img"}
    assert "{{ 7 * 7 }}" in mail.html
    assert "\n" not in mail.subject


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", 'https://x" onclick="y', "https://x y", None, ""]
)
def test_only_a_web_address_becomes_a_link(url: str | None) -> None:
    mail = letter(replace(DECISION, run_page_url=url))
    assert Tags(mail.html).links == []
    assert "Run:" not in mail.text


def test_a_job_name_cannot_break_out_of_its_line() -> None:
    mail = letter(replace(DECISION, job_name="load\r\nBcc: eve@example.com\u202e\x00"))
    assert mail.subject.startswith("[jobmedic] load Bcc: eve@example.com\ufffd\ufffd failed")


def test_long_texts_are_cut() -> None:
    mail = letter(replace(DECISION, evidence="x" * 100_000, root_cause="y" * 100_000))
    assert len(mail.html) < 20_000


def test_safety_tells_which_tag_would_allow_retries() -> None:
    offered = letter(replace(DECISION, gate="safety", proposed_action="retry", reason="nothing says that it is safe"))
    assert "jobmedic_idempotent = true" in offered.text
    assert "It did not run this again" in offered.html


def test_an_owner_who_forbade_retries_is_not_offered_the_tag() -> None:
    forbidden = replace(DECISION, gate="safety", reason="The job's tag jobmedic_idempotent=false forbids retries")
    assert "jobmedic_idempotent = true" not in letter(forbidden).text


def test_feedback_in_sql_is_shown_where_the_tables_are_in_a_catalog() -> None:
    assert "INSERT INTO" not in letter().text
    assert "INSERT INTO main.jobmedic.feedback (" in letter(tables="main.jobmedic").html


def test_a_decision_with_nothing_known_still_makes_a_letter() -> None:
    mail = letter(LetterDecision("d", "w", 1, "v1:x", "unknown", "send_email", "nobody knows"))
    assert "Run 1 failed" in mail.html
    assert "does not tell what failed" in mail.text
    assert "None" not in mail.text + mail.html


def test_a_letter_is_made_of_table_rows() -> None:
    decision = {
        "decision_id": "d",
        "workspace_id": "w",
        "run_id": 1,
        "fingerprint": "f",
        "category": "network",
        "action": "send_email",
    }
    made = LetterDecision.of(
        {**decision, "reason": "r", "task_keys": ["a"], "status": "ready"},
        {"fix": "f", "source": "model", "category": "quota"},
    )
    assert (made.category, made.fix, made.task_keys, made.said_by) == (
        "network",
        "f",
        ("a",),
        ", by the language model",
    )


def test_a_window_is_the_same_for_every_pass_within_it() -> None:
    start = mail_window(AT, 24)
    assert start == mail_window(start, 24) == mail_window(start + timedelta(hours=23, minutes=59), 24)
    assert mail_window(AT.replace(tzinfo=None), 24) == start


def test_an_incident_is_one_message_with_its_size_and_its_runs() -> None:
    mail = incident_mail(NOTICE, [DECISION], recipients=["oncall@example.com"], sender="medic@example.com")
    again = incident_mail(replace(NOTICE, runs=99), [], recipients=["other@example.com"], sender="medic@example.com")
    assert mail.message_id == again.message_id
    assert "42 runs of 7 jobs since 2026-03-01 08:30 UTC" in mail.text
    assert "One canary is under way." in mail.html
    assert "99 runs" in again.html


def test_an_incident_says_each_thing_once() -> None:
    said = replace(NOTICE, summary=f"It is down. {DECISION.fix} {DECISION.reason}")
    mail = incident_mail(said, [DECISION], recipients=["oncall@example.com"], sender="medic@example.com")
    assert DECISION.fix is not None
    assert [mail.text.count(one) for one in ("It is down.", DECISION.fix, DECISION.reason)] == [1, 1, 1]


def test_a_hostile_incident_is_shown_and_never_run() -> None:
    notice = replace(NOTICE, title=HOSTILE + "\nBcc: x", summary=HOSTILE, run_page_url="javascript:x")
    mail = incident_mail(notice, [], recipients=["oncall@example.com"], sender="medic@example.com")
    assert not Tags(mail.html).names & {"script", "img", "a"}
    assert "\n" not in mail.subject


def test_two_checks_are_two_messages() -> None:
    first = check_mail(recipients=["ada@example.com"], sender="medic@example.com", at=AT)
    second = check_mail(recipients=["ada@example.com"], sender="medic@example.com", at=AT + timedelta(seconds=1))
    assert first.message_id != second.message_id
    assert "jobmedic check" in first.text


@pytest.mark.parametrize("sender", ["nobody", "a@exämple.com", ""])
def test_a_sender_without_a_plain_domain_still_gives_an_id(sender: str) -> None:
    assert letter_id(sender, "x").endswith("@jobmedic.local>")
