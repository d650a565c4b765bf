from bench.judge.folds import fold_scores, held_out_calibration, source_group, splits, supported_elsewhere
from bench.judge.labelled import Answer, Labelled
from jobmedic.knowledge.words import Action, Category


def failure(number: int, source: str) -> Labelled:
    return Labelled(
        id=str(number),
        source=source,
        error="e",
        error_trace="",
        termination_code=None,
        category=Category.NETWORK,
        action=Action.RETRY,
        accept_category=frozenset({Category.NETWORK}),
        accept_action=frozenset({Action.RETRY}),
    )


RIGHT = Answer(Category.NETWORK, Action.RETRY, 0.9, "refused")
WRONG = Answer(Category.QUOTA, Action.RETRY, 0.9, "limits")


def test_pages_of_one_repository_are_one_source() -> None:
    pages = ["https://github.com/a/b/blob/1/x.md#L3", "https://github.com/a/b/issues/4"]
    assert len({source_group(page) for page in pages}) == 1


def test_no_source_stands_on_both_sides_of_a_split() -> None:
    failures = [failure(n, f"s{n % 7}") for n in range(40)]
    for train, held in splits(failures):
        assert not {failures[i].source for i in train} & {failures[i].source for i in held}


def test_every_failure_is_held_out_once() -> None:
    failures = [failure(n, f"s{n % 7}") for n in range(40)]
    assert sum(one.count for one in fold_scores(failures, [RIGHT] * 40)) == 40


def test_one_source_alone_cannot_be_split() -> None:
    assert not fold_scores([failure(1, "s"), failure(2, "s")], [RIGHT, RIGHT])


def test_an_answer_stands_when_its_rule_was_right_on_another_source() -> None:
    failures = [failure(1, "a"), failure(2, "b")]
    assert supported_elsewhere(failures, [RIGHT, RIGHT]) == (RIGHT, RIGHT)


def test_an_answer_falls_when_its_rule_was_right_on_this_source_only() -> None:
    failures = [failure(1, "a"), failure(2, "a"), failure(3, "b")]
    kept = supported_elsewhere(failures, [RIGHT, RIGHT, WRONG])
    assert [one.category for one in kept] == [Category.UNKNOWN] * 3


def test_recalibration_learns_from_other_sources_that_confidence_was_too_high() -> None:
    failures = [failure(n, f"s{n % 5}") for n in range(50)]
    answers = [RIGHT if n % 2 else WRONG for n in range(50)]
    error, _ = held_out_calibration(failures, answers)
    assert error is not None
    assert error < 0.1
