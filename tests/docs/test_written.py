"""Documents and code say the same."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.spark import Features
from tests.docs.written import DEPLOY, ROOT, TABLES, written
from tests.filled_ledger import filled

TEXT = TABLES.read_text(encoding="utf-8")
QUESTIONS = re.findall(r"^### ([0-9]+)\. ([^\n]+)\n.*?```sql\n(.*?);\n```", TEXT, re.DOTALL | re.MULTILINE)
# What a month of the fixture has nothing to say to.
MAY_BE_EMPTY = {"Why were retries that a diagnosis proposed not done?"}


@pytest.fixture(scope="module")
def month(spark: SparkSession, features: Features, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeltaLedger]:
    with filled(spark, features, tmp_path_factory.mktemp("month") / "tables") as ledger:
        yield ledger


@pytest.mark.parametrize("path", [TABLES, DEPLOY], ids=lambda path: path.name)
def test_a_document_is_in_step_with_the_code(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == written()[path], "run: python -m tests.docs.written"


def test_there_are_twenty_questions_in_order() -> None:
    assert [int(number) for number, _, _ in QUESTIONS] == list(range(1, 21))


@pytest.mark.parametrize(("question", "query"), [question[1:] for question in QUESTIONS], ids=[q[1] for q in QUESTIONS])
def test_a_question_is_answered(spark: SparkSession, month: DeltaLedger, question: str, query: str) -> None:
    if query.startswith("INSERT"):
        before = spark.table("feedback").count()
        spark.sql(query).collect()
        assert spark.table("feedback").count() == before + 1
    else:
        assert spark.sql(query).count() > 0 or question in MAY_BE_EMPTY


def test_feedback_given_in_sql_counts_as_a_verdict(spark: SparkSession, month: DeltaLedger) -> None:
    found = month.read("v_decisions").where("decision_id = 'd0001'").select("verdict", "right_category").collect()
    assert [tuple(row) for row in found] == [("wrong", "user_code")]


def test_the_readme_s_lines_to_a_deployment_are_six_at_most() -> None:
    [lines] = re.findall(r"shadow-mode deployment\n\n```bash\n(.*?)```", DEPLOY.read_text(encoding="utf-8"), re.DOTALL)
    assert 0 < len(lines.strip().splitlines()) <= 6
    assert f"```bash\n{lines}```" in (ROOT / "README.md").read_text(encoding="utf-8")
