"""What the people of the platform say: they know the truth, look once a week, and judge a few decisions."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.thirty_days.story import kind_of
from jobmedic.knowledge.words import Action, Verdict
from jobmedic.pipeline.learn.printed import Recommendation
from jobmedic.sandbox import Cause

ADVISED = 4
"""Decisions of a rule that are judged when `learn` advises against it."""
_COLUMNS = ("decision_id", "verdict", "correct_category", "correct_action", "given_by")
Row = Mapping[str, Any]


def write_verdicts(path: Path, decisions: Iterable[Row], causes: Mapping[int, Cause]) -> None:
    """A CSV for `jobmedic feedback --import`. `causes` is by run id."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(_COLUMNS)
        rows.writerows(_verdict(decision, causes[decision["run_id"]]) for decision in decisions)


def worth_a_look(decisions: Iterable[Row], advice: Iterable[Recommendation], judged: set[str]) -> Iterator[Row]:
    """What is strange, and the newest decisions of rules whose retries `learn` calls futile."""
    firsts = [row for row in decisions if row["attempt"] == 0 and row["decision_id"] not in judged]
    yield from (row for row in firsts if kind_of(row["job_name"]) == "strange")
    for rule in {one.subject for one in advice if one.kind == "futile_retries"}:
        mine = [row for row in firsts if row["rule"] == rule]
        yield from sorted(mine, key=lambda row: row["decided_at"], reverse=True)[:ADVISED]


def _verdict(decision: Row, cause: Cause) -> tuple[str | None, ...]:
    action = Action.RETRY if cause.transient else Action.SEND_EMAIL
    person = f"{kind_of(decision['job_name'])}@example.com"
    if (decision["category"], decision["action"]) == (cause.category.value, action.value):
        return decision["decision_id"], Verdict.CORRECT.value, None, None, person
    return decision["decision_id"], Verdict.WRONG.value, cause.category.value, action.value, person
