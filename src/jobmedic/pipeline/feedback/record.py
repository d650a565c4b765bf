"""People's verdicts on decisions: checked, redacted, and appended to the feedback table."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TypeVar

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobmedic.knowledge.words import Action, Category, Verdict
from jobmedic.ports.ledger import Ledger

_Word = TypeVar("_Word", Verdict, Category, Action)
_NEAREST = 3
_SHORTEST_PREFIX = 6
_COMMENT_CHARACTERS = 4000


class FeedbackError(ValueError):
    """A verdict that cannot be recorded; the message names the value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """One row of the feedback table."""

    decision_id: str
    verdict: Verdict
    correct_category: Category | None
    correct_action: Action | None
    comment: str | None
    given_by: str
    given_at: datetime


def checked(
    *,
    decision_id: str,
    verdict: str,
    category: str | None,
    action: str | None,
    comment: str | None,
    given_by: str,
    given_at: datetime,
    redact: Callable[[str], str],
) -> Feedback:
    """Words in any case and with spaces around them are understood. Raises FeedbackError."""
    said = _member(Verdict, "verdict", verdict)
    right_category = _member(Category, "category", category) if _given(category) else None
    right_action = _member(Action, "action", action) if _given(action) else None
    if said is not Verdict.WRONG and (right_category or right_action):
        raise FeedbackError(
            f"verdict {said} takes no category or action: use `wrong` to say what would have been right"
        )
    if not decision_id.strip():
        raise FeedbackError("the decision id is empty: `v_decisions` and every mail show it")
    if not given_by.strip():
        raise FeedbackError("who judges is empty: name a person, since the newest verdict of each person counts")
    words = redact(comment.strip())[:_COMMENT_CHARACTERS] if comment and comment.strip() else None
    return Feedback(decision_id.strip(), said, right_category, right_action, words, given_by.strip(), given_at)


def record(
    ledger: Ledger,
    *,
    decision_id: str,
    verdict: str,
    category: str | None = None,
    action: str | None = None,
    comment: str | None = None,
    given_by: str,
    now: datetime,
    redact: Callable[[str], str],
) -> Feedback:
    """Records one verdict; `decision_id` may be cut short as long as it is unique. Raises FeedbackError."""
    row = checked(
        decision_id=decision_id,
        verdict=verdict,
        category=category,
        action=action,
        comment=comment,
        given_by=given_by,
        given_at=now,
        redact=redact,
    )
    whole = Feedback(**(asdict(row) | {"decision_id": _whole_id(ledger, row.decision_id)}))
    append(ledger, [whole])
    return whole


def append(ledger: Ledger, rows: Sequence[Feedback]) -> None:
    if rows:
        ledger.append("feedback", ledger.frame("feedback", [asdict(row) for row in rows]))


def whole_ids(ledger: Ledger, given: Iterable[str]) -> dict[str, str | None]:
    """By what was given, the decision that it names or begins; None where it begins several, no entry where none."""
    asked = ledger.frame("feedback", [{"decision_id": name} for name in sorted(set(given))])
    asked = asked.select(F.col("decision_id").alias("given"), _head("decision_id"))
    named = F.col("decision_id") == F.col("given")
    begun = F.col("decision_id").startswith(F.col("given")) & (F.length("given") >= _SHORTEST_PREFIX)
    found = (
        ledger.read("decisions")
        .select("decision_id", _head("decision_id"))
        .join(F.broadcast(asked), "head", "inner")
        .where(named | begun)
        .groupBy("given")
        .agg(
            F.max(F.when(named, F.col("decision_id"))).alias("named"),
            F.min("decision_id").alias("begun"),
            F.count(F.lit(1)).alias("n"),
        )
    )
    return {row["given"]: row["named"] or (row["begun"] if row["n"] == 1 else None) for row in found.collect()}


def _head(name: str) -> Column:
    return F.substring(name, 1, _SHORTEST_PREFIX).alias("head")


def _whole_id(ledger: Ledger, given: str) -> str:
    ids = ledger.read("decisions").select("decision_id")
    if not ids.where(F.col("decision_id") == given).isEmpty():
        return given
    if len(given) >= _SHORTEST_PREFIX:
        begun = [row.decision_id for row in ids.where(F.col("decision_id").startswith(given)).limit(_NEAREST).collect()]
        if len(begun) == 1:
            return str(begun[0])
        if begun:
            raise FeedbackError(f"{given!r} begins several decisions, such as {', '.join(begun)}: give more of it")
    distance = F.levenshtein(F.col("decision_id"), F.lit(given))
    near = ids.orderBy(distance, "decision_id").limit(_NEAREST).collect()
    if not near:
        raise FeedbackError(
            f"there is no decision {given!r}: no decision was recorded yet; run `jobmedic triage` first"
        )
    names = ", ".join(row.decision_id for row in near)
    raise FeedbackError(f"there is no decision {given!r}; the nearest are {names}. `v_decisions` lists them all")


def _given(word: str | None) -> bool:
    return word is not None and bool(word.strip())


def _member(kind: type[_Word], name: str, word: str | None) -> _Word:
    try:
        return kind((word or "").strip().lower())
    except ValueError:
        allowed = ", ".join(member.value for member in kind)
        raise FeedbackError(f"{name} {word!r} is not known; it is one of {allowed}") from None
