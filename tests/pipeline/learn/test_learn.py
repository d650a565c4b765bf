from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.frames import rows_of
from jobmedic.knowledge.catalogue import Catalogue
from jobmedic.knowledge.policy import Policy
from jobmedic.pipeline.learn.daily import Known, learn
from jobmedic.pipeline.learn.printed import LearnReport
from tests.table_rows import DAY, applied, decision, outcome, verdict

MIDNIGHT = DAY + timedelta(days=1)
RULES = """
- id: jdbc-timeout
  category: network
  match: 'jdbc read timed out'
  root_cause: The database did not answer.
  fix: Look at the database.
  examples: {match: [JDBC read timed out]}
"""


@dataclass
class NotedRun:
    """What a tracker was told."""

    run_id: str | None
    tags: Mapping[str, str]
    seen: dict[str, float] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    complete: bool = True

    def metrics(self, values: Mapping[str, float]) -> None:
        self.seen |= values

    def params(self, values: Mapping[str, str]) -> None:
        self.told |= values

    def artifact(self, path: Path) -> None:
        self.files[path.name] = path.read_text(encoding="utf-8")


@dataclass
class Notebook:
    """A tracker in memory, which may be out of reach, or lose its store after a run was opened."""

    reachable: bool = True
    takes: bool = True
    runs: list[NotedRun] = field(default_factory=list)

    @contextmanager
    def run(self, name: str, *, tags: Mapping[str, str], one: bool = False) -> Iterator[NotedRun]:
        if not self.reachable:
            yield NotedRun(None, tags, complete=False)
            return
        earlier = next((run for run in self.runs if one and run.tags == tags), None)
        run = earlier or NotedRun(f"run-{len(self.runs)}", tags)
        if earlier is None:
            self.runs.append(run)
        run.complete = self.takes
        yield run


@pytest.fixture
def known(tmp_path: Path) -> Known:
    (tmp_path / "rules.yml").write_text(RULES, encoding="utf-8")
    (tmp_path / "policy.yml").write_text("autonomy: {enabled: true, bar: 0.5, judged: 5}", encoding="utf-8")
    policy = Policy.load(tmp_path / "policy.yml")
    return Known(policy, Catalogue.load(tmp_path / "rules.yml"), prompt_version="1+abc")


@dataclass
class Day:
    """A ledger and what it takes to learn from it."""

    ledger: DeltaLedger
    known: Known
    folder: Path
    tracker: Notebook = field(default_factory=Notebook)

    def write(self, table: str, *rows: Mapping[str, Any]) -> None:
        self.ledger.append(table, self.ledger.frame(table, rows))

    def retries(self, recovered: int, failed: int, *, at: datetime = DAY) -> None:
        ids = [f"{at:%d%H}-{n:02}" for n in range(recovered + failed)]
        self.write("decisions", *[decision(d, decided_at=at + timedelta(minutes=n)) for n, d in enumerate(ids)])
        self.write("actions", *[applied(d) for d in ids])
        ends = ["recovered"] * recovered + ["failed_same"] * failed
        self.write("outcomes", *[outcome(d, end) for d, end in zip(ids, ends, strict=True)])

    def learn(self, now: datetime = MIDNIGHT) -> LearnReport:
        return learn(self.ledger, self.tracker, self.known, now=now, folder=self.folder)

    def score(self, metric: str) -> list[tuple[float | None, int, str | None]]:
        rows = rows_of(self.ledger.read("scores").orderBy("period_start"))
        return [
            (r["value"], r["n"], r["mlflow_run_id"]) for r in rows if r["metric"] == metric and r["dimension"] == "all"
        ]


@pytest.fixture
def day(ledger: DeltaLedger, known: Known, tmp_path: Path) -> Day:
    return Day(ledger, known, tmp_path / "pictures")


def test_the_table_and_the_tracker_hold_the_same_figures(day: Day) -> None:
    day.retries(3, 1)
    report = day.learn()
    assert report.figures["accuracy"].value == 0.75
    assert day.score("accuracy") == [(0.75, 4, "run-0")]
    run = day.tracker.runs[0]
    assert (run.seen["accuracy"], run.seen["accuracy.category.network"], run.seen["saved_usd"]) == (0.75, 0.75, 30.0)
    assert run.told["rules_version"] == day.known.catalogue.version
    assert "<svg" in run.files["trend.svg"]


def test_learning_again_at_the_same_time_changes_nothing(day: Day) -> None:
    day.retries(3, 1)
    day.learn()
    report = day.learn()
    assert (report.period_start, report.rescored, report.logged, len(day.tracker.runs)) == (None, 0, 0, 1)


def test_a_second_period_is_compared_with_the_first(day: Day) -> None:
    day.retries(1, 1)
    day.learn()
    day.retries(3, 0, at=MIDNIGHT)
    report = day.learn(MIDNIGHT + timedelta(days=1))
    assert (report.figures["accuracy"].value, report.previous["accuracy"].value) == (1.0, 0.5)
    assert any("decisions right" in line and "(before: 0.500)" in line for line in report.lines())


def test_late_verdicts_change_the_scores_of_their_period_and_are_logged_again(day: Day) -> None:
    day.retries(2, 0)
    day.learn()
    day.write("feedback", verdict("0300-00", "ann", "wrong", correct_category="quota", correct_action="send_email"))
    report = day.learn(MIDNIGHT + timedelta(hours=1))
    assert (report.rescored, report.logged) == (1, 1)
    assert day.score("accuracy") == [(0.5, 2, "run-0")]
    assert "quota" in day.tracker.runs[0].files["confusion.svg"]
    assert "calibration.svg" in day.tracker.runs[0].files


def test_figures_that_the_tracker_missed_are_logged_the_next_time(day: Day) -> None:
    day.retries(2, 0)
    day.tracker.reachable = False
    report = day.learn()
    assert (report.logged, report.waiting, day.score("accuracy")) == (0, 1, [(1.0, 2, None)])
    day.tracker.reachable = True
    day.retries(1, 0, at=MIDNIGHT)
    assert day.learn(MIDNIGHT + timedelta(days=1)).logged == 2
    assert [run for _, _, run in day.score("accuracy")] == ["run-0", "run-1"]


def test_figures_that_were_lost_on_their_way_are_logged_the_next_time(day: Day) -> None:
    day.retries(2, 0)
    day.tracker.takes = False
    assert (day.learn().waiting, day.score("accuracy")) == (1, [(1.0, 2, None)])
    day.tracker.takes = True
    assert day.learn().logged == 1
    assert (day.score("accuracy"), len(day.tracker.runs)) == ([(1.0, 2, "run-0")], 1)


def test_a_period_that_is_logged_late_bears_the_versions_of_its_own_passes(day: Day) -> None:
    day.retries(2, 0)
    day.write("passes", {"pass_id": "p", "started_at": DAY + timedelta(hours=3), "policy_version": "old"})
    day.tracker.reachable = False
    day.learn()
    day.tracker.reachable = True
    day.retries(1, 0, at=MIDNIGHT)
    day.learn(MIDNIGHT + timedelta(days=1))
    assert [run.told["policy_version"] for run in day.tracker.runs] == ["old", day.known.policy.digest]
    assert (day.tracker.runs[0].told.get("deployment"), day.tracker.runs[1].told["deployment"]) == (None, "none")


def test_recommendations_are_stored_and_printed(day: Day) -> None:
    day.retries(1, 13)
    report = day.learn()
    advice = "rule `jdbc-timeout` retried 14 times, 1 recovered: set its action to send_email"
    assert f"recommendation: {advice}" in report.lines()
    assert advice in {row["text"] for row in rows_of(day.ledger.read("recommendations"))}


def test_autonomy_is_earned_and_lost_with_a_row_each(day: Day) -> None:
    day.retries(8, 0)
    assert day.learn().autonomy[0].startswith("category network acts from now on: 8 of 8")
    day.retries(0, 12, at=MIDNIGHT)
    assert day.learn(MIDNIGHT + timedelta(days=1)).autonomy[0].startswith("category network back to shadow: 8 of 20")
    rows = rows_of(day.ledger.read("autonomy").orderBy("changed_at"))
    assert [(r["mode"], r["policy_version"]) for r in rows] == [(m, day.known.policy.digest) for m in ("act", "shadow")]


def test_feedback_by_plain_sql_that_cannot_be_used_is_named(day: Day) -> None:
    day.retries(1, 0)
    day.write("feedback", verdict("nowhere", "ann"), verdict("0300-00", "ann", "rubbish"))
    assert day.learn().unusable_feedback == ("0300-00: verdict is rubbish", "nowhere: there is no such decision")


def test_before_the_first_decision_there_is_nothing_to_learn(day: Day) -> None:
    report = day.learn()
    assert report.lines() == ["no new decisions up to 2025-03-04 00:00 UTC"]
    assert (report.logged, day.tracker.runs) == (0, [])
