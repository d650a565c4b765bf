import pytest

from bench.fingerprints.grouping import grouping


def test_the_same_groups_under_other_names_are_right() -> None:
    result = grouping(["a", "a", "b"], [7, 7, 9])
    assert (result.accuracy, result.f_measure) == (1, 1)


def test_a_torn_group_counts_as_wrong_with_all_its_messages() -> None:
    result = grouping(["a", "a", "a", "b"], [1, 1, 2, 3])
    assert result.accuracy == 0.25
    assert result.f_measure == pytest.approx(2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2))
    assert result.split == 1


def test_two_groups_thrown_together_count_as_wrong_both() -> None:
    result = grouping(["a", "a", "b", "c"], [1, 1, 1, 2])
    assert result.accuracy == 0.25
    assert result.merged == 1


def test_no_message_at_all_is_no_error() -> None:
    assert grouping([], []).f_measure == 0
