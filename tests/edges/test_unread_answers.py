"""An answer of the embedded Spark that could not be read is asked for again."""

from collections.abc import Iterator
from typing import Any

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from jobmedic.edges.spark import SparkKind, open_session

ANALYZE = "/spark.connect.SparkConnectService/AnalyzePlan"


@pytest.fixture
def session(spark_kind: SparkKind) -> Iterator[SparkSession]:
    """One of its own, since its connection is tampered with."""
    if spark_kind is not SparkKind.SAIL:
        pytest.skip("only the embedded engine is spoken to over gRPC here")
    with open_session(spark_kind) as opened:
        yield opened


class Unreadable:
    """Parses answers, but for the first ones."""

    def __init__(self, message: Any, failures: int) -> None:
        self.message, self.left = message, failures

    def __call__(self, raw: bytes) -> Any:
        if self.left:
            self.left -= 1
            raise ValueError("Error parsing message")
        return self.message.FromString(raw)


def tamper(session: SparkSession, failures: int) -> Unreadable:
    from pyspark.sql.connect.proto import base_pb2

    client: Any = session.client
    reader = Unreadable(base_pb2.AnalyzePlanResponse, failures)
    request = base_pb2.AnalyzePlanRequest.SerializeToString
    client._stub.AnalyzePlan = client._channel.unary_unary(
        ANALYZE, request_serializer=request, response_deserializer=reader
    )
    return reader


def test_an_answer_that_could_not_be_read_is_asked_for_again(session: SparkSession) -> None:
    reader = tamper(session, failures=1)
    assert session.range(3).columns == ["id"]
    assert reader.left == 0


def test_answers_that_never_can_be_read_are_an_error(session: SparkSession) -> None:
    tamper(session, failures=100)
    with pytest.warns(UserWarning, match="RETRIES_EXCEEDED"), pytest.raises(PySparkException, match="deserializing"):
        assert session.range(3).columns
