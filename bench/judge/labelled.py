"""Labelled failures and answers to them: the two records that every measure takes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jobmedic.knowledge.words import Action, Category

RETRIES = frozenset({Action.RETRY, Action.RETRY_WITH_NEW_PARAMS})


class LabelError(Exception):
    """A label file that cannot be judged; the message names the file and the line."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One failure with an expert's answers: the first one, and all that are accepted as right."""

    id: str
    source: str
    """Where the text comes from; texts of one source are never split between folds."""
    error: str
    error_trace: str
    termination_code: str | None
    category: Category
    action: Action
    accept_category: frozenset[Category]
    accept_action: frozenset[Action]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a classifier said about one failure. `confidence` and `rule` are None where it has no such thing."""

    category: Category
    action: Action
    confidence: float | None = None
    rule: str | None = None
    fingerprint: str | None = None


def read_labelled(path: Path) -> tuple[Labelled, ...]:
    """One failure a line; `accept_*` default to the label itself, `source` to `how`, else to the id."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error.strerror}); name a file of labelled failures") from error
    failures = tuple(_failures(path, text))
    if not failures:
        raise LabelError(f"{path}: holds no labelled failure")
    return failures


def _failures(path: Path, text: str) -> Iterator[Labelled]:
    seen: set[str] = set()
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            failure = _failure(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise LabelError(f"{path}:{number}: not a labelled failure ({error})") from error
        if failure.id in seen:
            raise LabelError(f"{path}:{number}: the id {failure.id} stands there twice")
        seen.add(failure.id)
        yield failure


def _failure(row: dict[str, object]) -> Labelled:
    category, action = Category(str(row["category"])), Action(str(row["action"]))
    categories = row.get("accept_category") or [category]
    actions = row.get("accept_action") or [action]
    if not isinstance(categories, list) or not isinstance(actions, list):
        raise TypeError("accept_category and accept_action are lists")
    return Labelled(
        id=str(row["id"]),
        source=str(row.get("source") or row.get("how") or row["id"]),
        error=str(row.get("error") or ""),
        error_trace=str(row.get("error_trace") or ""),
        termination_code=str(row["termination_code"]) if row.get("termination_code") else None,
        category=category,
        action=action,
        accept_category=frozenset(Category(str(one)) for one in categories) | {category},
        accept_action=frozenset(Action(str(one)) for one in actions) | {action},
    )
