from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.pipeline.feedback.csv_file import ImportReport, import_csv
from jobmedic.pipeline.feedback.record import FeedbackError, record
from tests.table_rows import DAY, decision

NOW = DAY + timedelta(days=1)
IDS = ("ws1-1001-0", "ws1-1002-0", "ws1-2001-0")


def redact(text: str) -> str:
    return text.replace("hunter2", "[secret]")


@pytest.fixture
def judged_ledger(ledger: DeltaLedger) -> DeltaLedger:
    ledger.append("decisions", ledger.frame("decisions", [decision(name) for name in IDS]))
    return ledger


def say(ledger: DeltaLedger, decision_id: str, verdict: str, **values: Any) -> None:
    record(ledger, decision_id=decision_id, verdict=verdict, given_by="ann", now=NOW, redact=redact, **values)


def stored(ledger: DeltaLedger) -> list[tuple[Any, ...]]:
    rows = ledger.read("feedback").orderBy("given_at").collect()
    return [(r.decision_id, r.given_by, r.verdict, r.correct_category, r.correct_action, r.comment) for r in rows]


def test_a_verdict_is_stored_with_its_comment_redacted(judged_ledger: DeltaLedger) -> None:
    say(judged_ledger, IDS[0], " Wrong", category="Quota", action="retry", comment="password hunter2 expired")
    assert stored(judged_ledger) == [(IDS[0], "ann", "wrong", "quota", "retry", "password [secret] expired")]


def test_a_unique_beginning_of_the_id_is_enough(judged_ledger: DeltaLedger) -> None:
    say(judged_ledger, "ws1-200", "correct")
    assert stored(judged_ledger)[0][0] == IDS[2]


def test_a_beginning_of_several_ids_is_refused_with_the_candidates(judged_ledger: DeltaLedger) -> None:
    with pytest.raises(FeedbackError, match=r"begins several decisions, such as ws1-100.-0, ws1-100.-0: give more"):
        say(judged_ledger, "ws1-100", "correct")


def test_an_unknown_decision_is_refused_with_the_nearest(judged_ledger: DeltaLedger) -> None:
    with pytest.raises(FeedbackError, match="no decision 'ws1-2007-0'; the nearest are ws1-2001-0"):
        say(judged_ledger, "ws1-2007-0", "correct")
    assert stored(judged_ledger) == []


def test_before_the_first_pass_the_message_says_so(ledger: DeltaLedger) -> None:
    with pytest.raises(FeedbackError, match="no decision was recorded yet"):
        say(ledger, "ws1-1001-0", "correct")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"verdict": "rubbish"}, "verdict 'rubbish' is not known; it is one of correct, wrong, withdrawn"),
        ({"verdict": "wrong", "category": "nettwork"}, "category 'nettwork' is not known; it is one of timeout, "),
        ({"verdict": "wrong", "action": "mail"}, "action 'mail' is not known; it is one of ignore, retry, "),
        ({"verdict": "correct", "category": "quota"}, "verdict correct takes no category or action"),
    ],
)
def test_a_word_that_is_not_known_is_named_with_what_is_allowed(
    judged_ledger: DeltaLedger, values: dict[str, str], message: str
) -> None:
    with pytest.raises(FeedbackError, match=message):
        say(judged_ledger, IDS[0], **values)


def load(ledger: DeltaLedger, folder: Path, content: bytes) -> ImportReport:
    path = folder / "verdicts.csv"
    path.write_bytes(content)
    return import_csv(ledger, path, given_by="ann", now=NOW, redact=redact)


def test_broken_lines_are_told_by_number_and_the_good_ones_kept(judged_ledger: DeltaLedger, tmp_path: Path) -> None:
    lines = [
        "decision_id,verdict,correct_category,correct_action,comment",
        f"{IDS[0]},wrong,quota,,",
        f"{IDS[1]},maybe,,,",
        f'{IDS[1]},wrong,,,"never closed',
        "",
        "ws9-1-0,correct,,,",
        f"{IDS[1]},wrong,,,one,two",
        f"{IDS[2]},correct",
    ]
    report = load(judged_ledger, tmp_path, "\n".join(lines).encode())
    assert (report.recorded, report.duplicates) == (2, 0)
    assert [(b.line, b.reason.split(":")[0]) for b in report.broken] == [
        (3, "verdict 'maybe' is not known; it is one of correct, wrong, withdrawn"),
        (4, "has a quote that is never closed"),
        (6, "there is no decision 'ws9-1-0'"),
        (7, "has 6 cells, the header 5"),
    ]
    assert [row[0] for row in stored(judged_ledger)] == [IDS[0], IDS[2]]


def test_a_spreadsheets_mark_quotes_semicolons_and_line_ends_are_read(
    judged_ledger: DeltaLedger, tmp_path: Path
) -> None:
    text = f'\ufeffID;Verdict;Category;Comment;Given_by\r\n{IDS[0]};wrong;quota;"two ""big""\r\nlines; really";bob\r\n'
    assert load(judged_ledger, tmp_path, text.encode()).recorded == 1
    assert stored(judged_ledger) == [(IDS[0], "bob", "wrong", "quota", None, 'two "big"\nlines; really')]


def test_utf_16_is_read_and_bytes_that_are_no_text_break_their_line_alone(
    judged_ledger: DeltaLedger, tmp_path: Path
) -> None:
    assert load(judged_ledger, tmp_path, f"decision_id,verdict\n{IDS[0]},correct\n".encode("utf-16")).recorded == 1
    mixed = f"decision_id,verdict\n{IDS[1]},\xff\n{IDS[2]},correct\n".encode("latin-1")
    report = load(judged_ledger, tmp_path, mixed)
    assert (report.recorded, [(b.line, b.reason) for b in report.broken]) == (1, [(2, "is not UTF-8")])


def test_a_line_may_name_its_decision_by_a_beginning_of_which_there_is_one(
    judged_ledger: DeltaLedger, tmp_path: Path
) -> None:
    report = load(judged_ledger, tmp_path, b"decision_id,verdict\nws1-200,correct\nws1-100,correct\nws1-,correct\n")
    assert [row[0] for row in stored(judged_ledger)] == [IDS[2]]
    assert [b.reason for b in report.broken] == [
        "'ws1-100' begins several decisions: give more of it",
        "there is no decision 'ws1-'",
    ]


def test_importing_a_file_twice_records_it_once(judged_ledger: DeltaLedger, tmp_path: Path) -> None:
    content = f"decision_id,verdict\n{IDS[0]},correct\n{IDS[1]},wrong\n{IDS[0]},correct\n".encode()
    first, second = load(judged_ledger, tmp_path, content), load(judged_ledger, tmp_path, content)
    assert (first.recorded, first.duplicates) == (2, 1)
    assert (second.recorded, second.duplicates) == (0, 3)


def test_of_two_lines_of_one_person_the_later_counts(judged_ledger: DeltaLedger, tmp_path: Path) -> None:
    load(judged_ledger, tmp_path, f"decision_id,verdict\n{IDS[0]},wrong\n{IDS[0]},correct\n".encode())
    assert [row[2] for row in stored(judged_ledger)] == ["wrong", "correct"]


def test_times_are_utc_and_none_lies_in_the_future(judged_ledger: DeltaLedger, tmp_path: Path) -> None:
    lines = [f"{IDS[0]},correct,2025-03-03T10:00:00+02:00", f"{IDS[1]},correct,2099-01-01", f"{IDS[2]},correct,soon"]
    report = load(judged_ledger, tmp_path, "\n".join(["decision_id,verdict,given_at", *lines]).encode())
    assert report.broken[0].reason == "given_at '2099-01-01' lies in the future"
    hours = judged_ledger.read("feedback").selectExpr("unix_micros(given_at) AS m").collect()
    assert [r.m for r in hours] == [int((DAY + timedelta(hours=8)).timestamp()) * 1_000_000]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty; the first line names the columns"), (b"decision_id,comment\n", "column verdict is missing")],
)
def test_a_file_without_the_columns_is_refused_as_a_whole(
    judged_ledger: DeltaLedger, tmp_path: Path, content: bytes, message: str
) -> None:
    with pytest.raises(FeedbackError, match=message):
        load(judged_ledger, tmp_path, content)
