import pytest
from pyspark.sql import Row, SparkSession

from jobmedic.knowledge.catalogue import Catalogue
from jobmedic.knowledge.masks import Masks
from jobmedic.transforms.diagnose import UNKNOWN_RULE, diagnose
from jobmedic.transforms.fingerprint import fingerprint

SCHEMA = "error string, error_trace string, termination_code string, result_state string, run_id bigint"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


def _one(
    spark: SparkSession, catalogue: Catalogue, error: str | None, trace: str | None = None, code: str | None = None
) -> Row:
    frame = spark.createDataFrame([(error, trace, code, "FAILED", 7)], SCHEMA)
    (row,) = diagnose(fingerprint(frame, Masks.load()), catalogue).collect()
    return row


def test_a_failure_that_no_rule_knows_is_unknown_and_stays(spark: SparkSession, catalogue: Catalogue) -> None:
    row = _one(spark, catalogue, "Zyxw vuts rqpo")
    assert (row["category"], row["action"], row["rule"], row["run_id"]) == ("unknown", "escalate", UNKNOWN_RULE, 7)
    assert row["needs"]
    assert row["evidence"] == "Zyxw vuts rqpo"


def test_the_deepest_cause_beats_the_wrapper(spark: SparkSession, catalogue: Catalogue) -> None:
    trace = "org.apache.spark.SparkException: Job aborted\n\tat a.B.c(B.scala:1)\nCaused by: java.net.UnknownHostException: db.internal\n\tat x.Y.z(Y.java:2)"
    row = _one(spark, catalogue, "Py4JJavaError: An error occurred while calling o1.save.", trace)
    assert row["category"] == "network"
    assert "UnknownHostException: db.internal" in row["evidence"]


def test_words_in_stack_frames_are_no_evidence(spark: SparkSession, catalogue: Catalogue) -> None:
    trace = "KeyError: 'a'\n\tat org.acme.TimeoutException.retry(TimeoutException.java:1)\n  File \"/x/outofmemory.py\", line 3, in permission_denied"
    assert _one(spark, catalogue, "KeyError: 'a'", trace)["category"] == "user_code"


def test_a_decisive_termination_code_beats_the_text(spark: SparkSession, catalogue: Catalogue) -> None:
    row = _one(spark, catalogue, "Connection reset", code="LIBRARY_INSTALLATION_ERROR")
    assert (row["category"], row["evidence_source"], row["before_code"]) == ("dependency", "termination_code", True)


def test_a_vague_termination_code_gives_way_to_the_text(spark: SparkSession, catalogue: Catalogue) -> None:
    assert (
        _one(spark, catalogue, "java.lang.OutOfMemoryError: Java heap space", code="DRIVER_ERROR")["category"]
        == "resource"
    )
    assert _one(spark, catalogue, None, code="DRIVER_ERROR")["category"] == "infrastructure"


def test_a_condition_inside_a_wrapping_condition_decides(spark: SparkSession, catalogue: Catalogue) -> None:
    row = _one(
        spark, catalogue, "[STREAM_FAILED] Query ended: [DELTA_CONCURRENT_APPEND] Files were added. SQLSTATE: XXKST"
    )
    assert (row["category"], row["rule"]) == ("concurrency", "condition-concurrency")


def test_the_evidence_is_a_quote_in_the_text_s_own_spelling(spark: SparkSession, catalogue: Catalogue) -> None:
    error = "Ärger im Lauf\nSomething: Java Heap Space was EXHAUSTED here\nmore"
    row = _one(spark, catalogue, error)
    assert row["category"] == "resource"
    assert row["evidence"] in error


def test_a_remedy_of_compute_is_named(spark: SparkSession, catalogue: Catalogue) -> None:
    row = _one(spark, catalogue, "java.lang.OutOfMemoryError: GC overhead limit exceeded")
    assert (row["action"], row["compute"], row["transient"]) == ("retry_with_new_params", "larger_node", False)


def test_nothing_to_read_is_unknown_too(spark: SparkSession, catalogue: Catalogue) -> None:
    row = _one(spark, catalogue, None)
    assert (row["category"], row["evidence"]) == ("unknown", None)


def test_a_generic_pointer_says_what_would_be_needed(spark: SparkSession, catalogue: Catalogue) -> None:
    row = _one(spark, catalogue, "Workload failed, see run output for details")
    assert (row["category"], row["action"]) == ("unknown", "escalate")
    assert "trace" in row["needs"]


def test_the_evidence_of_a_long_line_begins_and_ends_with_whole_words(
    spark: SparkSession, catalogue: Catalogue
) -> None:
    words = " ".join(f"word{number}" for number in range(60))
    row = _one(spark, catalogue, f"{words} Connection refused by the far end {words}")
    quoted = row["evidence"].split(" ")
    assert "Connection refused" in row["evidence"]
    assert {quoted[0], quoted[-1]} <= set(words.split())


def test_words_inside_of_names_and_paths_are_no_evidence(spark: SparkSession, catalogue: Catalogue) -> None:
    missing = "Path does not exist: abfss://network@lake.dfs.core.windows.net/secret/timeout"
    assert _one(spark, catalogue, missing)["category"] == "data_not_found"
    full = "No space left on device: '/tmp/permission/denied/part-1'"
    assert _one(spark, catalogue, full)["category"] == "resource"


@pytest.mark.parametrize(
    "name", ["connection_reset", "connection_refused", "deadlock", "read_timed_out", "rate_limit", "out_of_memory"]
)
@pytest.mark.parametrize(
    "said", ["The books of '{}' have a hole", "The books of `dw`.`{}` have a hole", 'In "{}" is a hole']
)
def test_nothing_is_done_again_for_the_name_of_a_table(
    spark: SparkSession, catalogue: Catalogue, name: str, said: str
) -> None:
    row = _one(spark, catalogue, f"com.acme.LedgerException: {said.format(name)}")
    assert row["action"] not in {"retry", "retry_with_new_params"}


@pytest.mark.parametrize(
    "body",
    [
        '{"error": {"code": "TooManyRequests", "message": "later"}}',
        "{'status': '503', 'title': 'not now'}",
        '{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "not now"}',
    ],
)
def test_the_code_that_a_service_gives_is_no_name(spark: SparkSession, catalogue: Catalogue, body: str) -> None:
    assert _one(spark, catalogue, f"com.acme.LedgerException: {body}")["action"] == "retry"


@pytest.mark.parametrize(
    "package", ["java.util.concurrent", "org.apache.spark.network", "com.acme.timeout", "acme.quota"]
)
def test_where_an_exception_s_class_lies_is_no_evidence(
    spark: SparkSession, catalogue: Catalogue, package: str
) -> None:
    row = _one(spark, catalogue, f"{package}.LedgerException: the books of march stay as they are")
    assert (row["category"], row["action"]) == ("user_code", "send_email")


def test_a_package_is_no_evidence_for_a_strong_rule_either(spark: SparkSession, catalogue: Catalogue) -> None:
    error = "com.acme.query.util.concurrent.UncheckedException: Access denied: the user may not read the ledger"
    assert _one(spark, catalogue, error)["category"] == "permission"


def test_the_number_of_a_task_is_no_http_status(spark: SparkSession, catalogue: Catalogue) -> None:
    lost = "most recent failure: Lost task 4.0 in stage 65.0 (TID 429) (10.0.0.1 executor 503): "
    row = _one(spark, catalogue, f"{lost}scala.MatchError: 7 (of class java.lang.Integer)")
    assert row["category"] == "user_code"
    assert row["evidence"] == lost.replace("(TID 429) (10.0.0.1 executor 503)", "(TID …)") + (
        "scala.MatchError: 7 (of class java.lang.Integer)"
    )


@pytest.mark.parametrize(
    "frame",
    [
        "at org.apache.hadoop.ipc.Client.connectionRefused(Client.java:1)",
        "\tat org.apache.hadoop.ipc.Client.connectionRefused(Client.java:1)",
        "frame #3: undefined symbol + 0xc2ba3 (0x15 in /lib64/libstdc++.so.6)",
    ],
)
def test_frames_of_every_kind_are_no_evidence(spark: SparkSession, catalogue: Catalogue, frame: str) -> None:
    row = _one(spark, catalogue, "The books of march stay as they are", f"somewhere\n{frame}\n{frame}")
    assert row["category"] == "unknown"


def test_the_innermost_exception_of_dot_net_is_the_deepest(spark: SparkSession, catalogue: Catalogue) -> None:
    error = (
        "System.AggregateException: The copy timed out. ---> System.UnauthorizedAccessException: Access to the path is"
        " denied.\n   at System.IO.File.Open(String path)\n   --- End of inner exception stack trace ---"
    )
    assert _one(spark, catalogue, error)["category"] == "permission"


def test_the_last_word_of_a_text_counts(spark: SparkSession, catalogue: Catalogue) -> None:
    row = _one(spark, catalogue, "The ledger answered with error 401")
    assert (row["category"], row["evidence"]) == ("permission", "The ledger answered with error 401")
