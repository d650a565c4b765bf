import random

import pytest

from bench.fingerprints.variations import messages, skeleton, varied
from bench.judge.labelled import Labelled
from jobmedic.knowledge.words import Action, Category


def failure(error: str, trace: str = "") -> Labelled:
    category, action = Category.UNKNOWN, Action.ESCALATE
    return Labelled("a", "s", error, trace, None, category, action, frozenset({category}), frozenset({action}))


@pytest.mark.parametrize(
    "text",
    [
        "Connection to 10.1.2.3:5432 refused",
        "no such file '/mnt/raw/orders/part-0001.csv'",
        "run 123456789012 failed at 2024-03-01 10:11:12,345",
        "at com.acme.Load.run(Load.java:44)",
        "mail ana@example.com about 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    ],
)
def test_another_day_changes_the_slots_and_leaves_the_skeleton(text: str) -> None:
    other = varied(text, random.Random(3))
    assert other != text
    assert skeleton(other) == skeleton(text)


def test_names_of_columns_are_no_slots() -> None:
    assert skeleton("column `a` not found") != skeleton("column `b` not found")


def test_a_path_named_twice_stays_one_path() -> None:
    other = varied("'/a/b/c.csv' is not '/a/b/c.csv'", random.Random(3))
    one, two = other.split(" is not ")
    assert one == two


def test_one_seed_makes_the_same_messages() -> None:
    texts = [failure("port 10.0.0.1:80 is dead"), failure("KeyError: 'b'")]
    assert messages(texts, copies=4, wrapped=True, seed=5) == messages(texts, copies=4, wrapped=True, seed=5)


def test_a_wrapper_does_not_change_the_group() -> None:
    texts = [failure("java.net.ConnectException: refused")]
    assert len({one.group for one in messages(texts, copies=8, wrapped=True, seed=1)}) == 1


def test_failures_with_another_deepest_cause_are_other_groups() -> None:
    texts = [
        failure("boom", "Caused by: java.io.EOFException"),
        failure("boom", "Caused by: java.lang.NullPointerException"),
    ]
    assert len({one.group for one in messages(texts, copies=1, wrapped=False, seed=1)}) == 2


def test_a_plain_sentence_is_never_wrapped() -> None:
    texts = [failure("Cluster terminated. Reason: Cloud Provider Shutdown")]
    assert {one.error for one in messages(texts, copies=4, wrapped=True, seed=1)} == {texts[0].error}


def test_an_error_code_is_no_slot() -> None:
    assert skeleton("failed with error 0x83090aa2") != skeleton("failed with error 0x83090c1f")
