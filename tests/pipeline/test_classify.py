from itertools import repeat

import pytest
from pyspark.sql import SparkSession

from jobmedic.pipeline import classify as module
from jobmedic.pipeline.classify import BadRow, classify

TIMEOUT = {"id": "a", "error": "java.util.concurrent.TimeoutException: Futures timed out after [300 seconds]"}
MISSING = {"id": "b", "error": "FileNotFoundError: [Errno 2] No such file or directory: '/x'", "error_trace": None}


def test_answers_come_in_input_order_with_the_promised_fields(spark: SparkSession) -> None:
    answers = list(classify(spark, [TIMEOUT, MISSING]))
    promised = {
        "id",
        "fingerprint",
        "category",
        "transient",
        "action",
        "confidence",
        "source",
        "rule",
        "sqlstate",
        "error_class",
    }
    assert [answer["id"] for answer in answers if isinstance(answer, dict)] == ["a", "b"]
    assert all(isinstance(answer, dict) and promised <= answer.keys() for answer in answers)
    assert [answer["category"] for answer in answers if isinstance(answer, dict)] == ["timeout", "data_not_found"]


def test_a_row_that_is_no_failure_is_reported_with_its_number_and_the_others_go_on(spark: SparkSession) -> None:
    bad_type, good, bad_field = classify(spark, [["no", "object"], TIMEOUT, {"id": 3, "error": 7}])
    assert bad_type == BadRow(1, "is no JSON object but list")
    assert isinstance(good, dict)
    assert good["id"] == "a"
    assert bad_field == BadRow(3, "error is no text")


def test_texts_that_nobody_should_send_are_answered_all_the_same(spark: SparkSession) -> None:
    texts = [
        None,
        "",
        " \n",
        "\ud800 lone",
        "\x00\x01\x02 junk",
        "خطأ في الاتصال بقاعدة البيانات",
        "x" * 5_000_000,
        "Caused by: " * 9_000,
    ]
    answers = list(classify(spark, [{"id": number, "error": text} for number, text in enumerate(texts)]))
    assert [answer["id"] for answer in answers if isinstance(answer, dict)] == list(range(len(texts)))
    assert all(isinstance(answer, dict) and answer["action"] for answer in answers)


def test_chunks_do_not_change_the_answers(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(classify(spark, [TIMEOUT, MISSING, TIMEOUT]))
    monkeypatch.setattr(module, "CHUNK", 1)
    assert list(classify(spark, iter([TIMEOUT, MISSING, TIMEOUT]))) == whole


def test_one_cause_that_comes_often_gets_one_fingerprint_and_one_answer(spark: SparkSession) -> None:
    answers = [answer for answer in classify(spark, repeat(TIMEOUT, 50)) if isinstance(answer, dict)]
    assert len(answers) == 50
    assert len({answer["fingerprint"] for answer in answers}) == 1


def test_a_termination_code_alone_is_evidence(spark: SparkSession) -> None:
    (answer,) = classify(spark, [{"id": 1, "error": None, "termination_code": "LIBRARY_INSTALLATION_ERROR"}])
    assert isinstance(answer, dict)
    assert (answer["category"], answer["action"]) == ("dependency", "send_email")
