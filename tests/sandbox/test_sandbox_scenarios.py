"""Scenario files: what is read, what is refused, and the demo's own."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from jobmedic.knowledge.policy import Policy
from jobmedic.knowledge.words import Category
from jobmedic.sandbox import Sandbox, ScenarioError, demo_policy, demo_scenario, load_scenario, load_scenario_of
from jobmedic.sandbox.scenario.loader import read_scenario
from jobmedic.sandbox.world.runif import bad

GOOD = """\
name: small
causes:
  - id: slow
    category: timeout
    transient: true
    error: "timed out after {{ms}} ms"
jobs:
  - name: nightly
    owner: ann@example.com
    tasks:
      - {key: load}
      - {key: report, needs: [load]}
failures:
  - {job: nightly, cause: slow}
"""


def test_a_good_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "small.yml"
    path.write_text(GOOD)
    assert load_scenario(path).jobs[0].tasks[1].needs == ("load",)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("category: timeout", "category: gremlins", 4, "Input should be"),
        ("transient: true", "tranisent: true", 3, "Field required"),
        ("{{ms}}", "{{moon}}", 6, "nobody fills in moon"),
        ("needs: [load]", "needs: [extract]", 12, "extract is no task that stands before report"),
        ("key: report", "key: load", 12, "load is there twice"),
        ("cause: slow", "cause: quick", 14, "no cause is called quick"),
        ("job: nightly", "job: weekly", 14, "no job is called weekly"),
        ("cause: slow}", "cause: slow, task: none}", 14, "job nightly has no task none"),
        ("name: small", "name: small\nname: big", 2, "stands here twice"),
        ("owner: ann@example.com", "owner: [", 11, "not YAML"),
    ],
)
def test_a_bad_file_is_refused_with_line_and_reason(old: str, new: str, line: int, words: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        read_scenario(GOOD.replace(old, new), "story.yml")
    first = str(caught.value)
    assert f"story.yml:{line}:" in first
    assert words in first


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words"])
def test_a_file_that_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(ScenarioError, match=r"story\.yml:1"):
        read_scenario(text, "story.yml")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"nowhere\.yml: can't be read"):
        load_scenario(tmp_path / "nowhere.yml")


@pytest.fixture(scope="module")
def night() -> Any:
    """The demo's night, with nobody there to help."""
    sandbox = Sandbox(demo_scenario())
    sandbox.world.advance(8 * 3600)
    return sandbox


def test_the_demo_has_forty_jobs_and_about_a_hundred_failed_runs(night: Sandbox) -> None:
    failed = [t for t in night.truth().values() if bad(t.first_result)]
    assert len(night.scenario.jobs) == 40
    assert 80 <= len(failed) <= 120


def test_the_demo_meets_every_category(night: Sandbox) -> None:
    met = Counter(c for t in night.truth().values() for c in t.categories)
    assert set(met) == set(Category)


def test_every_cause_of_the_demo_happens(night: Sandbox) -> None:
    met = {c for t in night.truth().values() for c in t.causes}
    assert met == {c.id for c in night.scenario.causes}


def test_the_demos_storm_hits_seventeen_jobs_within_a_quarter_of_an_hour(night: Sandbox) -> None:
    hit = [t.run_id for t in night.truth().values() if "storage-account-is-down" in t.causes]
    ended = [night.world.runs[run_id].ended for run_id in hit]
    assert len(hit) == 17
    assert max(ended) - min(ended) < 15 * 60_000


def test_the_demos_long_run_began_before_midnight_and_fails_in_the_night(night: Sandbox) -> None:
    run = night.world.runs[night.stage.run_ids["recommender-training", 1]]
    midnight = night.scenario.start.timestamp() * 1000
    assert run.started < midnight - 48 * 3_600_000
    assert midnight < run.ended < midnight + 6 * 3_600_000


def test_some_of_the_demo_needs_no_jobmedic(night: Sandbox) -> None:
    helpers = Counter(t.recovered_by for t in night.truth().values() if t.recovered_by)
    assert helpers["native retry"] >= 3
    assert helpers["repair by anna@retailer.example"] == 1


def test_the_demos_policy_is_a_policy() -> None:
    assert Policy.load(demo_policy()).compute.larger_node["Standard_D4ds_v5"] == "Standard_E8ds_v5"


def test_generated_load_fails_as_often_as_asked_and_repeats_its_causes() -> None:
    sandbox = Sandbox(load_scenario_of(500, 60, seed=1))
    sandbox.world.advance(600)
    truth = sandbox.truth().values()
    causes = Counter(t.causes[0] for t in truth)
    assert len(truth) == sum(t.result == "FAILED" for t in truth) == 500
    assert 20 < len(causes) <= 60
    assert causes.most_common(1)[0][1] > 50
