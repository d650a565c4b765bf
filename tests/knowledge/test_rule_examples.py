"""The examples in the rule files are their tests: each runs through the real transforms on Spark."""

import pytest
from pyspark.sql import SparkSession

from jobmedic.knowledge.catalogue import Catalogue
from jobmedic.knowledge.masks import Masks
from jobmedic.transforms.diagnose import diagnose
from jobmedic.transforms.fingerprint import fingerprint

SCHEMA = "position int, error string, error_trace string, termination_code string, result_state string"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


def _winners(spark: SparkSession, catalogue: Catalogue, texts: list[str]) -> list[str]:
    """Winning rule a text; a text that starts with `@CODE ` carries that termination code."""
    rows = []
    for position, text in enumerate(texts):
        code, _, message = text[1:].partition(" ") if text.startswith("@") else (None, "", text)
        rows.append((position, message, None, code, "FAILED"))
    judged = diagnose(fingerprint(spark.createDataFrame(rows, SCHEMA), Masks.load()), catalogue)
    return [row["rule"] for row in judged.select("position", "rule").orderBy("position").collect()]


def test_every_rule_wins_on_the_texts_that_it_must_match(spark: SparkSession, catalogue: Catalogue) -> None:
    wanted = [(rule.id, text) for rule in catalogue.rules for text in rule.examples.match]
    won = _winners(spark, catalogue, [text for _, text in wanted])
    wrong = [
        f"{rule}: {text!r} went to {winner}" for (rule, text), winner in zip(wanted, won, strict=True) if rule != winner
    ]
    assert len(wanted) > 200
    assert not wrong, "\n".join(wrong)


def test_no_rule_wins_on_the_texts_that_it_must_not_match(spark: SparkSession, catalogue: Catalogue) -> None:
    barred = [(rule.id, text) for rule in catalogue.rules for text in rule.examples.never]
    won = _winners(spark, catalogue, [text for _, text in barred])
    wrong = [f"{rule}: {text!r}" for (rule, text), winner in zip(barred, won, strict=True) if rule == winner]
    assert len(barred) > 50
    assert not wrong, "\n".join(wrong)
