import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from jobmedic.knowledge.words import Category
from jobmedic.pipeline.diagnose.champion import champion
from jobmedic.pipeline.tune.evaluate import Answer, HeldOut, compare, macro_f1
from jobmedic.pipeline.tune.examples import TuneRefused
from jobmedic.pipeline.tune.job import STATE, follow, submit, waiting_words
from jobmedic.pipeline.tune.prepare import CARD, HELD_OUT, TRAINING, VALIDATION, digest
from jobmedic.pipeline.tune.promote import Promotion, promote
from jobmedic.ports.model import Question
from jobmedic.ports.registry import Alias, Classifier, Registered, RegistryError
from tests.pipeline.tuning_ground import (
    KINDS,
    Endpoint,
    NotedTracker,
    ScriptedTuning,
    Shelf,
    SteppedClock,
    endpoint,
    error,
)
from tests.table_rows import DAY

IN_FORCE = Classifier("rules-1", "prompt-1", "champion", "champion")


@pytest.fixture(scope="module")
def served() -> Iterator[Endpoint]:
    with endpoint() as found:
        yield found


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """A folder as `prepare` leaves it, with 60 held-out failures."""
    dialogue = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
    for name in (TRAINING, VALIDATION):
        (tmp_path / name).write_text((json.dumps(dialogue) + "\n") * 12, encoding="utf-8")
    rows = []
    for n in range(60):
        kind = list(KINDS)[n % 4]
        blank = dict.fromkeys(["error_trace", "task_type", "termination_code"])
        rows.append(
            blank | {"fingerprint": f"v1:{n}", "error": error(kind, n), "category": kind, "transient": KINDS[kind][1]}
        )
    (tmp_path / HELD_OUT).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    files = {name: {"examples": 12, "sha256": digest(tmp_path / name)} for name in (TRAINING, VALIDATION)}
    card = {"seed": 7, "prompt_version": "1+abc", "files": files}
    (tmp_path / CARD).write_text(json.dumps(card), encoding="utf-8")
    return tmp_path


def run_promotion(served: Endpoint, folder: Path, quality: float) -> tuple[Promotion, Shelf, NotedTracker]:
    served.api.deploy("champion", quality=0.7)
    served.api.deploy("tuned", quality=quality)
    shelf, tracker = Shelf(), NotedTracker()
    shelf.point(Alias.CHAMPION, shelf.register(IN_FORCE, note=""))
    result = promote(
        folder=folder,
        champion=served.model("champion"),
        challenger=served.model("tuned"),
        in_force=IN_FORCE,
        deployment="tuned",
        registry=shelf,
        tracker=tracker,
        progress=lambda: None,
    )
    return result, shelf, tracker


def test_a_better_challenger_becomes_champion_and_the_figures_are_tracked(served: Endpoint, prepared: Path) -> None:
    result, shelf, tracker = run_promotion(served, prepared, 1.0)
    assert result.promoted
    assert shelf.aliases[Alias.CHAMPION].classifier.deployment == "tuned"
    assert tracker.runs["promote tuned"]["challenger.macro_f1"] == 1.0
    assert tracker.runs["promote tuned"]["p_value"] < 0.05


def test_a_worse_challenger_is_registered_and_not_promoted(served: Endpoint, prepared: Path) -> None:
    result, shelf, _ = run_promotion(served, prepared, 0.3)
    assert not result.promoted
    assert result.reasons[0].startswith("macro-F1 does not rise")
    assert shelf.aliases[Alias.CHAMPION].classifier == IN_FORCE
    assert shelf.aliases[Alias.CHALLENGER].classifier.deployment == "tuned"


def test_a_challenger_that_is_hardly_better_may_be_luck(served: Endpoint, prepared: Path) -> None:
    result, shelf, _ = run_promotion(served, prepared, 0.72)
    assert not result.promoted
    assert shelf.aliases[Alias.CHAMPION].classifier == IN_FORCE
    assert "not promoted: the champion stays" in result.lines()


def test_a_deployment_that_does_not_answer_is_not_compared(served: Endpoint, prepared: Path) -> None:
    with pytest.raises(TuneRefused, match=r"nowhere did not answer 60 of 60 .*no such deployment"):
        promote(
            folder=prepared, champion=served.model("champion"), challenger=served.model("nowhere"), in_force=IN_FORCE,
            deployment="nowhere", registry=Shelf(), tracker=NotedTracker(), progress=lambda: None,
        )  # fmt: skip


def held_out(right: Category, *, transient: bool = False) -> HeldOut:
    return HeldOut(Question("v1:x", "e", None, None, None), right, transient)


def test_a_challenger_that_retries_what_cannot_work_is_objected_to() -> None:
    from jobmedic.pipeline.tune.promote import objections

    asked = [held_out(Category.USER_CODE)] * 40
    old = [Answer(Category.UNKNOWN, transient=False, refusal=None)] * 40
    new = [Answer(Category.USER_CODE, transient=True, refusal=None)] * 40
    assert objections(compare(asked, old, new, seed=1)) == ["it would retry more that cannot work: 0.000 to 1.000"]


def test_the_bootstrap_is_seeded_and_sees_no_difference_between_equals() -> None:
    asked = [held_out(kind) for kind in KINDS] * 10
    given = [Answer(item.category, transient=False, refusal=None) for item in asked]
    first, second = (compare(asked, given, given, seed=3) for _ in range(2))
    assert first == second
    assert first.p_value == 1.0


def test_macro_f1_is_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    right, chosen = [*KINDS, *KINDS], [Category.QUOTA, *list(KINDS)[1:], *KINDS]
    assert macro_f1(right, chosen) == pytest.approx(metrics.f1_score(right, chosen, average="macro"))


@pytest.mark.parametrize("api_version", [None, "2024-10-21"])
def test_a_job_is_submitted_followed_and_ends_in_a_tuned_model(
    served: Endpoint, prepared: Path, api_version: str | None
) -> None:
    fine_tuning, tracker, clock = served.fine_tuning(api_version=api_version), NotedTracker(), SteppedClock()
    state = submit(fine_tuning, tracker, prepared, base_model="gpt-4o-mini", now=DAY)
    seen: list[str] = []
    end = follow(
        fine_tuning, tracker, clock, prepared, progress=lambda job: seen.append(job.status), deadline_seconds=3600
    )
    assert end.tuned_model == f"gpt-4o-mini.ft-{state.job_id[-8:]}-jobmedic"
    assert seen == ["queued", "running", "running", "succeeded"]
    assert tracker.runs[f"tune {state.job_id} succeeded"]["trained_tokens"] == 3000


def test_the_same_data_is_not_paid_for_twice(prepared: Path) -> None:
    far = ScriptedTuning(["running"])
    submit(far, NotedTracker(), prepared, base_model="gpt", now=DAY)
    with pytest.raises(TuneRefused, match=r"submitted at .* as ftjob-1"):
        submit(far, NotedTracker(), prepared, base_model="gpt", now=DAY)
    submit(far, NotedTracker(), prepared, base_model="gpt", now=DAY, again=True)
    assert len(far.submitted) == 2


def test_data_that_was_changed_after_it_was_prepared_is_refused(prepared: Path) -> None:
    (prepared / TRAINING).write_text("{}", encoding="utf-8")
    with pytest.raises(TuneRefused, match="is not what its card describes"):
        submit(ScriptedTuning(["running"]), NotedTracker(), prepared, base_model="gpt", now=DAY)


def test_a_job_that_never_ends_is_told_and_not_waited_for(prepared: Path) -> None:
    far, clock = ScriptedTuning(["running"]), SteppedClock()
    submit(far, NotedTracker(), prepared, base_model="gpt", now=DAY)
    state = follow(far, NotedTracker(), clock, prepared, progress=lambda job: None, deadline_seconds=7200)
    assert (state.status, clock.now()) == ("running", DAY + timedelta(hours=2))
    assert "ftjob-1 is still running, 2.0 h after it was submitted" in waiting_words(state, clock.now())


def test_a_failed_job_is_a_clear_refusal_and_may_be_submitted_again(prepared: Path) -> None:
    far = ScriptedTuning(["queued", "failed"])
    submit(far, NotedTracker(), prepared, base_model="gpt", now=DAY)
    with pytest.raises(TuneRefused, match="fine-tuning job ftjob-1 failed: out of capacity"):
        follow(far, NotedTracker(), SteppedClock(), prepared, progress=lambda job: None, deadline_seconds=3600)
    assert json.loads((prepared / STATE).read_text(encoding="utf-8"))["status"] == "failed"
    submit(far, NotedTracker(), prepared, base_model="gpt", now=DAY)


def test_nothing_submitted_is_nothing_to_follow(prepared: Path) -> None:
    with pytest.raises(TuneRefused, match="run `jobmedic tune submit`"):
        follow(
            ScriptedTuning(["x"]),
            NotedTracker(),
            SteppedClock(),
            prepared,
            progress=lambda job: None,
            deadline_seconds=0,
        )


def test_without_a_champion_the_installed_classifier_becomes_it() -> None:
    shelf = Shelf()
    assert champion(shelf, IN_FORCE) == IN_FORCE
    assert shelf.aliases[Alias.CHAMPION].classifier == IN_FORCE


def test_a_new_wheel_keeps_the_promoted_deployment_under_its_own_rules() -> None:
    shelf = Shelf()
    promoted = Classifier("rules-1", "prompt-1", "tuned", "champion")
    shelf.point(Alias.CHAMPION, shelf.register(promoted, note=""))
    newer = Classifier("rules-2", "prompt-1", "champion", "champion")
    assert champion(shelf, newer) == Classifier("rules-2", "prompt-1", "tuned", "champion")


def test_a_changed_setting_is_a_persons_word_and_wins() -> None:
    shelf = Shelf()
    shelf.point(Alias.CHAMPION, shelf.register(Classifier("r", "p", "tuned", "champion"), note=""))
    chosen = Classifier("r", "p", "gpt-new", "gpt-new")
    assert champion(shelf, chosen) == chosen


def test_a_process_that_names_no_deployment_does_not_unseat_the_champion() -> None:
    shelf, promoted = Shelf(), Classifier("r", "p", "tuned", "gpt")
    shelf.point(Alias.CHAMPION, shelf.register(promoted, note=""))
    assert champion(shelf, Classifier("r", "p", "", "")).deployment == ""
    assert champion(shelf, Classifier("r", "p", "gpt", "gpt")) == promoted


def test_a_registry_out_of_reach_leaves_the_configured_deployment(caplog: pytest.LogCaptureFixture) -> None:
    class Unreachable(Shelf):
        def get(self, alias: Alias) -> Registered | None:
            raise RegistryError("no answer")

    assert champion(Unreachable(), IN_FORCE) == IN_FORCE
    assert "the configured deployment is used" in caplog.text
