"""What is one cause and what is two."""

import pytest
from pyspark.sql import Row, SparkSession

from jobmedic.knowledge.masks import Masks
from jobmedic.transforms.fingerprint import fingerprint

SCHEMA = "error string, error_trace string, termination_code string, result_state string, run_id bigint"


def _rows(spark: SparkSession, *texts: tuple[str | None, str | None, str | None]) -> list[Row]:
    frame = spark.createDataFrame([(*text, "FAILED", number) for number, text in enumerate(texts)], SCHEMA)
    return fingerprint(frame, Masks.load()).orderBy("run_id").collect()


def _prints(spark: SparkSession, *errors: str) -> set[str]:
    return {row["fingerprint"] for row in _rows(spark, *((error, None, None) for error in errors))}


STAGE = "Job aborted due to stage failure: Task {0} in stage {0}.0 failed 4 times, most recent failure: Lost task {0}.3 in stage {0}.0 (TID {0}) (10.0.0.{0} executor {0}): "


@pytest.mark.parametrize(
    "same",
    [
        ("File s3://a/2024/01/02/part-00001-aa.parquet is bad", "File s3://b/2023/12/31/part-00777-bb.parquet is bad"),
        ("Path /mnt/raw/a.csv is gone", "Path /mnt/other/b/c.csv is gone"),
        ("run 12345 ended at 2024-05-01 10:00:00", "run 99 ended at 2025-06-02 11:22:33"),
        ("host db-1.corp.internal:5432 is down", "host pg.acme.com:6432 is down"),
        ("call to 10.1.2.3 took 15 s", "call to 172.16.0.9 took 7 s"),
        ("denied for ann@acme.com", "denied for bob.b@other.org"),
        ("id 7f3b1c2d-1111-2222-3333-444455556666 lost", "id 00000000-aaaa-bbbb-cccc-ddddeeeeffff lost"),
        ("token [redacted:jwt] refused", "token [redacted:pat] refused"),
        ("cluster 0101-123456-abcd123 stopped", "cluster 0707-654321-zyxw987 stopped"),
        ("Access denied for user 'ann'", "Access denied for user 'bob'"),
        ("An error occurred while calling o45.save.", "An error occurred while calling o1234.save."),
        ("could not convert string to float: 'n/a'", "could not convert string to float: 'twelve'"),
        (
            STAGE.format(1) + "java.io.IOException: Stream is corrupted",
            STAGE.format(77) + "java.io.IOException: Stream is corrupted",
        ),
        (
            "Workload failed: java.sql.SQLException: No suitable driver",
            "Die Ausführung ist fehlgeschlagen: java.sql.SQLException: No suitable driver",
        ),
    ],
)
def test_what_differs_between_runs_of_one_cause_is_masked(spark: SparkSession, same: tuple[str, str]) -> None:
    assert len(_prints(spark, *same)) == 1


@pytest.mark.parametrize(
    "different",
    [
        ("AnalysisException: column a not found", "AnalysisException: column b not found"),
        ("KeyError: 'customer'", "KeyError: 'order'"),
        ("Table or view not found: sales.daily", "Table or view not found: sales.weekly"),
        ("ModuleNotFoundError: No module named 'a'", "ModuleNotFoundError: No module named 'b'"),
        ("java.net.ConnectException: Connection refused", "java.net.ConnectException: Connection timed out"),
        ("[PATH_NOT_FOUND] it is gone", "[CAST_INVALID_INPUT] it is gone"),
        ("Task ended, exit code 1", "Task ended, exit code 137"),
        ("Task ended with return code -9", "Task ended with return code 1"),
        ("The service answered with status code 403.", "The service answered with status code 503."),
        ("OSError: [Errno 5]", "OSError: [Errno 28]"),
        ("The statement was refused, SQLSTATE 40001", "The statement was refused, SQLSTATE 53100"),
        ("The statement was refused, SQLSTATE 40001", "The statement was refused, SQLSTATE 20001"),
    ],
)
def test_different_causes_in_like_words_stay_apart(spark: SparkSession, different: tuple[str, str]) -> None:
    assert len(_prints(spark, *different)) == 2


def test_the_deepest_cause_decides_and_not_its_wrapper(spark: SparkSession) -> None:
    cause = "\nCaused by: java.net.UnknownHostException: db.internal\n\tat a.B.c(B.java:{})"
    first, second = _rows(
        spark,
        ("Py4JJavaError: An error occurred while calling o1.save", "x" + cause.format(1), None),
        ("SparkException: Job aborted", "y\nCaused by: org.a.B: middle" + cause.format(99), None),
    )
    assert first["fingerprint"] == second["fingerprint"]
    assert first["error_class"] == "java.net.UnknownHostException"


def test_what_python_raises_from_is_the_cause(spark: SparkSession) -> None:
    first = 'Traceback (most recent call last):\n  File "a.py", line 1, in run\nacme.RateLimitError: slow down\n'
    then = "\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\nTimeoutError: 1 s"
    (row,) = _rows(spark, ("TimeoutError: 1 s", first + then, None))
    assert row["error_class"] == "acme.RateLimitError"


def test_a_cause_inside_suppressed_is_not_the_cause(spark: SparkSession) -> None:
    text = "java.io.IOException: disk\n\tat a.B.c(B.java:1)\n\tSuppressed: java.lang.X: y\n\tCaused by: java.net.Z: q\nCaused by: java.io.EOFException: end"
    (row,) = _rows(spark, (text, None, None))
    assert row["error_class"] == "java.io.EOFException"


def test_exceptions_without_a_message_are_told_apart_by_their_first_frame(spark: SparkSession) -> None:
    trace = "java.lang.RuntimeException: job\nCaused by: java.lang.NullPointerException\n\tat com.acme.{}(X.java:12)"
    rows = _rows(spark, ("Job failed", trace.format("Load.run"), None), ("Job failed", trace.format("Save.run"), None))
    assert len({row["fingerprint"] for row in rows}) == 2


def test_without_a_text_the_termination_code_identifies(spark: SparkSession) -> None:
    rows = _rows(spark, (None, None, "CLOUD_FAILURE"), ("", None, "CLOUD_FAILURE"), (None, "", "DRIVER_ERROR"))
    assert len({row["fingerprint"] for row in rows}) == 2
    assert all(row["fingerprint"].startswith("v1:") for row in rows)


def test_condition_and_sqlstate_are_read_from_the_text(spark: SparkSession) -> None:
    rows = _rows(
        spark,
        ("[STREAM_FAILED] Query terminated: [UNRESOLVED_COLUMN.WITH_SUGGESTION] x. SQLSTATE: 42703", None, None),
        ("pyodbc.Error: ('08001', '[08001] [Microsoft][ODBC Driver 18] no')", None, None),
        ("KeyError: 'a'", None, None),
    )
    assert [row["error_class"] for row in rows] == ["UNRESOLVED_COLUMN.WITH_SUGGESTION", "pyodbc.Error", "KeyError"]
    assert [row["sqlstate"] for row in rows] == ["42703", "08001", None]


def test_five_megabytes_and_ten_thousand_lines_are_cut_before_they_are_read(spark: SparkSession) -> None:
    lines = "\n".join(f"\tat a.B.c{number}(B.java:{number})" for number in range(10_000))
    rows = _rows(
        spark, ("x" * 5_000_000, None, None), ("java.io.IOException: disk", lines, None), ("\x00\ud7ff خطأ", None, None)
    )
    assert all(row["fingerprint"] for row in rows)


def test_columns_that_it_does_not_know_pass_through(spark: SparkSession) -> None:
    (row,) = _rows(spark, ("x", None, None))
    assert row["run_id"] == 0
    assert set(row.asDict()) == {
        "error",
        "error_trace",
        "termination_code",
        "result_state",
        "run_id",
        "error_class",
        "sqlstate",
        "fingerprint",
    }
