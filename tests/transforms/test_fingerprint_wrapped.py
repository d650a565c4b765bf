"""What stands around the cause does not change its fingerprint."""

import pytest
from pyspark.sql import SparkSession

from jobmedic.knowledge.masks import Masks
from jobmedic.transforms.fingerprint import fingerprint

SCHEMA = "error string, error_trace string, termination_code string, result_state string"
UUIDS = ("12345a7f-0b1c-4d2e-8f30-415263748596", "fefc0a11-cd0e-4a2e-9f31-a15263748596")


def prints(spark: SparkSession, *errors: str) -> set[str]:
    frame = spark.createDataFrame([(error, None, None, None) for error in errors], SCHEMA)
    return {row.fingerprint for row in fingerprint(frame, Masks.load()).collect()}


@pytest.mark.parametrize("wrapper", ["Fehler bei Aufgabe 7: {}", "La tâche 7 a échoué : {}"])
def test_a_condition_behind_a_translated_wrapper_is_the_same_cause(spark: SparkSession, wrapper: str) -> None:
    error = "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column with name `region` cannot be resolved."
    assert len(prints(spark, error, wrapper.format(error))) == 1


def test_two_columns_behind_one_condition_are_two_causes(spark: SparkSession) -> None:
    error = "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column with name `{}` cannot be resolved."
    assert len(prints(spark, error.format("region"), error.format("amount"))) == 2


def test_an_id_behind_its_name_is_masked_whole(spark: SparkSession) -> None:
    assert len(prints(spark, *[f"MKDIRS was refused. [ServerRequestId:{one}]" for one in UUIDS])) == 1
