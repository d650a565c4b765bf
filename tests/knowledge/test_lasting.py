"""Where a text says that nothing will pass by itself, no rule retries by its words."""

import pytest
from pyspark.sql import SparkSession

from jobmedic.knowledge.catalogue import Catalogue, Lasting
from jobmedic.knowledge.words import Action
from jobmedic.pipeline.classify import BadRow, classify

CATALOGUE = Catalogue.load()
WITHOUT = CATALOGUE.model_copy(update={"lasting": ()})


def _actions(spark: SparkSession, texts: list[str], catalogue: Catalogue = CATALOGUE) -> list[str]:
    answers = classify(spark, ({"id": str(n), "error": text} for n, text in enumerate(texts)), catalogue=catalogue)
    return [answer["action"] for answer in answers if not isinstance(answer, BadRow)]


@pytest.mark.parametrize("one", CATALOGUE.lasting, ids=lambda one: one.name)
def test_each_is_found_in_its_examples_alone(spark: SparkSession, one: Lasting) -> None:
    retrying = "Trouble on the communication channel" if one.only_weak else "The service is temporarily unavailable"
    alone = CATALOGUE.model_copy(update={"lasting": (one,)})
    beside = [f"{text} {retrying}" for text in (*one.examples.match, *one.examples.never)]
    said = [action == Action.RETRY for action in _actions(spark, beside, alone)]
    assert said == [False] * len(one.examples.match) + [True] * len(one.examples.never)


def test_beside_such_words_nothing_is_retried(spark: SparkSession) -> None:
    texts = [
        "The service is temporarily unavailable: the header is invalid.",
        "The service is temporarily unavailable. Invalid setting ledger.rows",
        "Failed to launch the cluster: the workspace is restricted to instance types that encrypt",
    ]
    assert set(_actions(spark, texts, WITHOUT)) == {Action.RETRY}
    assert Action.RETRY not in _actions(spark, texts)


def test_a_strong_rule_holds_beside_what_silences_weak_ones(spark: SparkSession) -> None:
    assert _actions(spark, ["Connection refused. Check the setting"]) == [Action.RETRY]
    assert _actions(spark, ["Trouble on the communication channel. Check the setting"]) != [Action.RETRY]


def test_what_the_platform_says_of_the_cause_holds_all_the_same(spark: SparkSession) -> None:
    said = "[DELTA_CONCURRENT_APPEND] ConcurrentAppendException: files were added. Please use another isolation level."
    assert _actions(spark, [said]) == [Action.RETRY]
