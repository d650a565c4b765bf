"""Verdicts from a CSV file: broken lines are told by their number, the good ones are kept.

Spreadsheets write what they like, so a byte order mark, UTF-16, CRLF, and `;` or tabs between the columns are read too.
A quote that is never closed spoils its own line, not the rest of the file.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyspark.sql import functions as F

from jobmedic.pipeline.feedback.record import Feedback, FeedbackError, append, checked, whole_ids
from jobmedic.ports.ledger import Ledger

_REQUIRED = ("decision_id", "verdict")
_ALIASES = {"id": "decision_id", "category": "correct_category", "action": "correct_action"}
_COLUMNS = (*_REQUIRED, "correct_category", "correct_action", "comment", "given_by", "given_at")
_LONGEST_RECORD = 100
_STRANGE = {
    False: "there is no decision {!r}",
    True: "{!r} begins several decisions: give more of it",
}
_CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class BrokenLine:
    line: int
    """As an editor counts, from 1, the header included."""
    reason: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    recorded: int
    duplicates: int
    """Verdicts that stood in the table, or earlier in the file, already."""
    broken: tuple[BrokenLine, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    row: Feedback


def import_csv(
    ledger: Ledger, path: Path, *, given_by: str, now: datetime, redact: Callable[[str], str]
) -> ImportReport:
    """Appends the good lines in one commit. Raises FeedbackError when the file as a whole cannot be used.

    `given_by` and `now` fill in where a line names no person or time.
    """
    good: list[_Line] = []
    broken: list[BrokenLine] = []
    for number, cells in _records(_text(path), path):
        if isinstance(cells, str):
            broken.append(BrokenLine(number, cells))
            continue
        try:
            # Of two lines without a time the later one is the newer verdict.
            good.append(_Line(number, _feedback(cells, given_by, now + timedelta(microseconds=number), redact)))
        except FeedbackError as problem:
            broken.append(BrokenLine(number, str(problem)))
    ids = whole_ids(ledger, (line.row.decision_id for line in good)) if good else {}
    named: list[Feedback] = []
    for line in good:
        given = line.row.decision_id
        if whole := ids.get(given):
            named.append(replace(line.row, decision_id=whole))
        else:
            broken.append(BrokenLine(line.number, _STRANGE[given in ids].format(given)))
    fresh = _fresh(ledger, named)
    append(ledger, fresh)
    return ImportReport(len(fresh), len(named) - len(fresh), tuple(sorted(broken, key=lambda line: line.line)))


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise FeedbackError(f"{path}: cannot be read: {problem.strerror}") from problem
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return raw.decode("utf-16", "replace")
    # What is not UTF-8 becomes a surrogate, by which its own line is recognised.
    return raw.decode("utf-8-sig", "surrogateescape")


def _records(text: str, path: Path) -> Iterator[tuple[int, Mapping[str, str] | str]]:
    """(line number, cells by column) or (line number, reason) a record; blank lines are skipped."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    start = next((at for at, line in enumerate(lines) if line.strip()), None)
    if start is None:
        raise FeedbackError(f"{path}: is empty; the first line names the columns: {', '.join(_COLUMNS)}")
    delimiter = max(",;\t", key=lines[start].count)
    names = [cell.strip().lower() for cell in next(csv.reader([lines[start]], delimiter=delimiter))]
    header = [_ALIASES.get(name, name) for name in names]
    if missing := [name for name in _REQUIRED if name not in header]:
        raise FeedbackError(
            f"{path}:{start + 1}: column {' and '.join(missing)} is missing; the columns are {', '.join(_COLUMNS)}"
        )
    at = start + 1
    while at < len(lines):
        if not lines[at].strip(f" {delimiter}"):
            at += 1
            continue
        cells, used = _record(lines, at, delimiter, len(header))
        yield at + 1, cells if isinstance(cells, str) else dict(zip(header, cells, strict=False))
        at += used


def _record(lines: list[str], at: int, delimiter: str, width: int) -> tuple[list[str] | str, int]:
    """The cells and how many lines they took; a record that is broken takes one, so that the next line has its chance."""
    for used in range(1, min(_LONGEST_RECORD, len(lines) - at) + 1):
        record = "\n".join(lines[at : at + used])
        if record.count('"') % 2:
            continue
        if any("\udc80" <= c <= "\udcff" for c in record):
            return "is not UTF-8", 1
        try:
            cells = next(csv.reader(io.StringIO(record), delimiter=delimiter, strict=True))
        except (csv.Error, StopIteration) as problem:
            return f"is not CSV: {problem}", 1
        if len(cells) > width:
            return f"has {len(cells)} cells, the header {width}: put text with a `{delimiter}` into quotes", 1
        return cells, used
    return "has a quote that is never closed", 1


def _feedback(cells: Mapping[str, str], given_by: str, now: datetime, redact: Callable[[str], str]) -> Feedback:
    return checked(
        decision_id=cells.get("decision_id", ""),
        verdict=cells.get("verdict", ""),
        category=cells.get("correct_category"),
        action=cells.get("correct_action"),
        comment=cells.get("comment"),
        given_by=cells.get("given_by", "").strip() or given_by,
        given_at=_moment(cells.get("given_at", ""), now),
        redact=redact,
    )


def _moment(text: str, now: datetime) -> datetime:
    if not text.strip():
        return now
    try:
        given = datetime.fromisoformat(text.strip())
    except ValueError:
        raise FeedbackError(f"given_at {text!r} is no time: write 2025-03-31T14:05:00, UTC") from None
    moment = given if given.tzinfo else given.replace(tzinfo=UTC)
    if moment > now + _CLOCK_SKEW:
        raise FeedbackError(f"given_at {text!r} lies in the future")
    return moment.astimezone(UTC)


_Content = tuple[str, str, str, str | None, str | None, str | None]


def _fresh(ledger: Ledger, rows: list[Feedback]) -> list[Feedback]:
    """Rows that change something: not the newest verdict of their person on their decision already."""
    if not rows:
        return []
    ids = ledger.frame("feedback", [{"decision_id": name} for name in sorted({r.decision_id for r in rows})])
    stored = (
        ledger.read("feedback")
        .join(ids.select("decision_id"), "decision_id", "left_semi")
        .withColumn("micros", F.unix_micros("given_at"))
        .collect()
    )
    seen = {(_content_of(r.asDict()), r.micros) for r in stored}
    newest: dict[tuple[str, str], _Content] = {}
    for r in sorted(stored, key=lambda r: (r.micros is not None, r.micros)):
        newest[r.decision_id, r.given_by] = _content_of(r.asDict())
    fresh = []
    for row in sorted(rows, key=lambda r: r.given_at):
        content, moment = _content(row), _micros(row.given_at)
        if (content, moment) in seen or newest.get((row.decision_id, row.given_by)) == content:
            continue
        seen.add((content, moment))
        newest[row.decision_id, row.given_by] = content
        fresh.append(row)
    return fresh


def _content(row: Feedback) -> _Content:
    return (row.decision_id, row.given_by, row.verdict, row.correct_category, row.correct_action, row.comment)


def _content_of(cells: Mapping[str, str]) -> _Content:
    names = ("decision_id", "given_by", "verdict", "correct_category", "correct_action", "comment")
    a, b, c, d, e, f = (cells[name] for name in names)
    return (a, b, c, d, e, f)


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
