"""Thirty simulated days on a platform whose failures stay the same: what gets better was learned."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession

from bench.thirty_days.people import worth_a_look, write_verdicts
from bench.thirty_days.story import WRONG_RULE, Mix, kind_of, scenario, with_wrong_rule
from jobmedic.champion_model import ChampionModel
from jobmedic.edges.azure_openai.fine_tuning import AzureFineTuning
from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.delta_ledger.upkeep import maintain
from jobmedic.edges.redact import redact, redact_for_model
from jobmedic.edges.spark import Features
from jobmedic.knowledge.prompt import diagnosis_prompt
from jobmedic.knowledge.words import Source
from jobmedic.pipeline.diagnose.champion import champion
from jobmedic.pipeline.feedback.csv_file import import_csv
from jobmedic.pipeline.learn.daily import Known, learn
from jobmedic.pipeline.learn.printed import LearnReport
from jobmedic.pipeline.tune.job import follow, submit
from jobmedic.pipeline.tune.prepare import prepare
from jobmedic.pipeline.tune.promote import Promotion, promote
from jobmedic.ports.registry import Classifier
from jobmedic.sandbox import Sandbox
from jobmedic.sandbox.sandbox import JOBMEDIC_USER
from tests.pipeline.tuning_ground import NotedTracker, Shelf
from tests.pipeline.ward import CATALOGUE, HOUR, Ward, model_of, ports_of

pytestmark = pytest.mark.timeout(3600)  # a minute on Sail, half an hour on Apache Spark; a month all the same

DAYS = 30
MIX = Mix(flaky=2, strange=5, weekdays=(0, 1, 3), days=DAYS + 2)  # a night more, for the model promoted at the end
BASE = "base"
DAY = 24 * 60
PROMPT = diagnosis_prompt()


@dataclass
class Month:
    """One platform with its people; each day one pass, each week `learn` and what people say to it."""

    ward: Ward
    shelf: Shelf = field(default_factory=Shelf)
    reports: list[LearnReport] = field(default_factory=list)
    judged: set[str] = field(default_factory=set)

    def live(self) -> None:
        self.ward.minutes(3 * 60)
        for day in range(DAYS):
            self.ward.treat()
            maintain(self.ward.ledger)  # as after every pass
            if day % 7 == 6:
                self._end_of_week()
            self.ward.minutes(DAY if day < DAYS - 1 else 60)
        self.ward.treat()  # sees how the last retries ended
        self._end_of_week()

    def _end_of_week(self) -> None:
        ward, now = self.ward, self.ward.sandbox.clock.now()
        known = Known(ward.policy, ward.catalogue, PROMPT.version)
        report = learn(ward.ledger, NotedTracker(), known, now=now, folder=ward.folder / "pictures")
        said = list(worth_a_look(ward.rows("decisions"), report.recommendations, self.judged))
        write_verdicts(ward.folder / "verdicts.csv", said, self._causes())
        import_csv(ward.ledger, ward.folder / "verdicts.csv", given_by="nobody", now=now, redact=redact)
        self.judged |= {row["decision_id"] for row in said}
        self.reports.append(report)

    def _causes(self) -> dict[int, Any]:
        sandbox = self.ward.sandbox
        return {run: sandbox.world.causes[told.causes[0]] for run, told in sandbox.truth().items() if told.causes}

    def score(self, metric: str) -> list[float]:
        """By period, the first the oldest: whole weeks, and the rest of the month."""
        rows = [row for row in self.ward.rows("scores", metric=metric) if row["dimension"] == "all"]
        return [row["value"] for row in sorted(rows, key=lambda row: row["period_start"])]

    def failed(self, first_day: int) -> Counter[str]:
        """How many runs failed in the seven nights from this day on, by kind, as the sandbox knows it."""
        runs = self.ward.sandbox.world.runs.values()
        begin = self.ward.sandbox.scenario.start + timedelta(days=first_day)
        stretch = range(int(begin.timestamp() * 1000), int((begin + timedelta(days=7)).timestamp() * 1000))
        truth = self.ward.sandbox.truth()
        return Counter(kind_of(run.name) for run in runs if run.started in stretch and truth[run.run_id].failed)

    def tuned(self, quality: float) -> Promotion:
        """What becomes of a model of this quality that was trained on the month."""
        sandbox, folder, tracker = self.ward.sandbox, self.ward.folder / "tuning", NotedTracker()
        far = AzureFineTuning(endpoint=sandbox.model_url, api_key=sandbox.model_key, poll_seconds=0.01)
        sandbox.model.tuning.quality = quality
        submit(far, tracker, folder, base_model="gpt-4o-mini", now=sandbox.clock.now(), again=True)
        end = follow(
            far, tracker, sandbox.clock, folder, progress=lambda job: None, deadline_seconds=HOUR, every_seconds=1
        )
        assert end.tuned_model
        return promote(
            folder=folder,
            champion=model_of(sandbox, self.in_force.deployment),
            challenger=model_of(sandbox, end.tuned_model),
            in_force=self.in_force,
            deployment=end.tuned_model,
            registry=self.shelf,
            tracker=tracker,
            progress=lambda: None,
        )

    @property
    def in_force(self) -> Classifier:
        return champion(self.shelf, Classifier(self.ward.catalogue.version, PROMPT.version, BASE, BASE))


@pytest.fixture(scope="module")
def month(spark: SparkSession, features: Features, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    folder = tmp_path_factory.mktemp("month")
    ledger = DeltaLedger(spark, folder / "tables", features)
    with Sandbox(scenario(MIX)) as sandbox:
        sandbox.model.deploy(BASE, quality=0.75)
        ward = Ward(sandbox, ledger, ports_of(sandbox, ledger), folder, catalogue=with_wrong_rule(CATALOGUE))
        lived = Month(ward)
        ward.use(model=ChampionModel(lambda: lived.in_force.deployment, lambda name: model_of(sandbox, name)))
        lived.live()
        yield lived


def test_retry_success_rises_and_wasted_retries_fall_while_the_failures_stay_the_same(month: Month) -> None:
    assert month.failed(0) == month.failed(14) == month.failed(21)
    success, wasted = month.score("retry_success_rate"), month.score("wasted_usd")
    # Two weeks together: which of two failures at one time is asked about first moves a week by a few retries of twenty.
    assert sum(success[2:4]) / 2 > success[0] + 0.15
    assert sum(wasted[2:4]) / 2 < 0.6 * wasted[0]
    money = sum(row["wasted_usd"] for row in month.ward.rows("v_costs"))
    assert money == pytest.approx(sum(wasted))


def test_what_it_says_it_mended_is_what_it_mended(month: Month) -> None:
    said = {row["run_id"] for row in month.ward.rows("v_decisions", retry_outcome="recovered")}
    told = month.ward.sandbox.truth()
    assert said == {run for run, one in told.items() if one.recovered_by == f"repair by {JOBMEDIC_USER}"}


def test_a_rule_that_is_wrong_on_purpose_is_found_recommended_away_and_overridden(month: Month) -> None:
    found = [r for report in month.reports for r in report.recommendations if r.subject == WRONG_RULE]
    assert found[0].kind == "futile_retries"
    assert found[0].text == f"rule `{WRONG_RULE}` retried {found[0].n} times, 0 recovered: set its action to send_email"
    told_at = next(r.period_end for r in month.reports if found[0] in r.recommendations)
    licences = [row for row in month.ward.rows("decisions") if kind_of(row["job_name"]) == "licence"]
    before, after = ([r for r in licences if (r["decided_at"] > told_at) is late] for late in (False, True))
    assert any(row["action"] == "retry" for row in before)
    assert not [row for row in after if row["rule"] == WRONG_RULE and row["action"] == "retry"]
    known = {row["fingerprint"] for row in before if row["decision_id"] in month.judged}
    again = [(row["source"], row["action"]) for row in after if row["fingerprint"] in known]
    assert set(again) == {(Source.HUMAN.value, "send_email")}


def test_a_worse_challenger_stays_out_and_a_better_one_answers_the_next_question(month: Month) -> None:
    ward = month.ward
    prepare(ward.ledger, PROMPT, ward.folder / "tuning", now=ward.sandbox.clock.now(), redact=redact_for_model)
    assert not month.tuned(0.3).promoted
    assert month.in_force.deployment == BASE
    better = month.tuned(1.0)
    assert better.promoted, better.lines()
    ward.minutes(2 * DAY)
    ward.use(model=ChampionModel(lambda: month.in_force.deployment, lambda name: model_of(ward.sandbox, name)))
    assert ward.treat().tally.model_calls > 0
    assert ward.sandbox.model_calls[-1].deployment == month.in_force.deployment != BASE
