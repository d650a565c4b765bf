import json
import re
from collections import Counter
from pathlib import Path

import pytest

from bench.judge.labelled import read_labelled
from jobmedic.knowledge.words import Action, Category

CORPUS = Path(__file__).parents[1] / "corpus" / "provoked.jsonl"


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    return [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").split("\n") if line]


def test_the_corpus_can_be_judged_and_is_large_enough() -> None:
    assert len(read_labelled(CORPUS)) >= 150


def test_every_category_and_every_action_was_provoked(rows: list[dict[str, str]]) -> None:
    assert {row["category"] for row in rows} == set(Category)
    assert {row["action"] for row in rows} == set(Action)


def test_both_engines_failed_many_times(rows: list[dict[str, str]]) -> None:
    engines = Counter(row["engine"] for row in rows)
    assert engines["sail"] >= 40
    assert engines["classic"] >= 40


def test_no_two_failures_read_alike(rows: list[dict[str, str]]) -> None:
    assert len({(row["error"], row["error_trace"]) for row in rows}) == len(rows)


def test_no_text_shows_its_own_label(rows: list[dict[str, str]]) -> None:
    for row in rows:
        assert f'"{row["category"]}", MAIL' not in row["error_trace"], row["id"]


def test_no_text_names_the_machine_that_it_comes_from() -> None:
    text = CORPUS.read_text(encoding="utf-8")
    assert not re.search(r"(?<!/srv)/(?:root|tmp|work/main)/", text)
