import pytest
from sklearn.metrics import f1_score

from bench.judge.baselines import keywords
from bench.judge.labelled import Answer, Labelled
from bench.judge.measures import calibration_error, class_scores, confusion, reliability, score
from jobmedic.knowledge.words import Action, Category

C, A = Category, Action


def labelled(
    category: Category, action: Action, *, also: tuple[Category | Action, ...] = (), error: str = "x", number: int = 0
) -> Labelled:
    categories = frozenset(one for one in also if isinstance(one, C)) | {category}
    actions = frozenset(one for one in also if isinstance(one, A)) | {action}
    return Labelled(f"t{number}", "here", error, "", None, category, action, categories, actions)


def test_an_accepted_second_label_counts_as_right() -> None:
    scores = score([labelled(C.NETWORK, A.RETRY, also=(C.TIMEOUT,))], [Answer(C.TIMEOUT, A.RETRY)])
    assert scores.category_accuracy == 1
    assert scores.macro_f1 == 1


def test_class_scores_agree_with_scikit_learn() -> None:
    truth = [C.NETWORK, C.NETWORK, C.TIMEOUT, C.QUOTA, C.QUOTA, C.SYNTAX]
    said = [C.NETWORK, C.TIMEOUT, C.TIMEOUT, C.QUOTA, C.NETWORK, C.UNKNOWN]
    failures = [labelled(one, A.RETRY) for one in truth]
    answers = [Answer(one, A.RETRY) for one in said]
    assert score(failures, answers).macro_f1 == pytest.approx(f1_score(truth, said, average="macro"))


def test_a_category_neither_labelled_nor_answered_has_no_score() -> None:
    classes = class_scores([labelled(C.QUOTA, A.RETRY)], [Answer(C.SYNTAX, A.RETRY)])
    assert [one.category for one in classes] == [C.SYNTAX, C.QUOTA]


def test_a_retry_of_what_only_the_owner_can_mend_is_a_wrong_retry() -> None:
    failures = [labelled(C.SYNTAX, A.SEND_EMAIL), labelled(C.SYNTAX, A.SEND_EMAIL), labelled(C.NETWORK, A.RETRY)]
    answers = [Answer(C.NETWORK, A.RETRY), Answer(C.SYNTAX, A.SEND_EMAIL), Answer(C.NETWORK, A.RETRY)]
    scores = score(failures, answers)
    assert (scores.wrong_retries, scores.wrong_retry_rate) == (1, 0.5)


def test_a_plain_retry_where_parameters_must_change_is_a_blind_retry_and_not_a_wrong_one() -> None:
    scores = score([labelled(C.RESOURCE, A.RETRY_WITH_NEW_PARAMS)], [Answer(C.RESOURCE, A.RETRY)])
    assert (scores.blind_retries, scores.wrong_retries, scores.action_accuracy) == (1, 0, 0)


def test_a_mail_about_what_a_retry_mends_is_a_missed_retry() -> None:
    scores = score([labelled(C.NETWORK, A.RETRY)], [Answer(C.NETWORK, A.SEND_EMAIL)])
    assert (scores.missed_retries, scores.missed_retry_rate) == (1, 1.0)


def test_unknown_counts_against_only_where_an_expert_could_tell() -> None:
    failures = [labelled(C.UNKNOWN, A.ESCALATE), labelled(C.NETWORK, A.RETRY)]
    scores = score(failures, [Answer(C.UNKNOWN, A.ESCALATE)] * 2)
    assert scores.unknown_share == 0.5


def test_calibration_error_is_the_gap_between_stated_and_seen() -> None:
    bins = reliability([(0.95, True)] * 8 + [(0.95, False)] * 2)
    assert calibration_error(bins) == pytest.approx(0.15)


def test_every_confidence_falls_into_one_bin() -> None:
    assert sum(one.count for one in reliability([(index / 20, True) for index in range(21)])) == 21


def test_no_confidence_at_all_has_no_calibration_error() -> None:
    assert score([labelled(C.NETWORK, A.RETRY)], [Answer(C.NETWORK, A.RETRY)]).ece is None


def test_confusion_counts_every_failure_once() -> None:
    failures = [labelled(C.NETWORK, A.RETRY), labelled(C.QUOTA, A.RETRY)]
    assert sum(confusion(failures, [Answer(C.QUOTA, A.RETRY)] * 2).values()) == 2


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("Connection refused: timed out", C.TIMEOUT),
        ("Path does not exist and access denied", C.PERMISSION),
        ("Invalid thing not found", C.SYNTAX),
        ("KeyError: 'a'", C.UNKNOWN),
    ],
)
def test_the_keyword_table_takes_the_first_category_whose_keyword_stands_in_the_text(
    text: str, category: Category
) -> None:
    assert keywords(labelled(C.UNKNOWN, A.ESCALATE, error=text)).category == category
