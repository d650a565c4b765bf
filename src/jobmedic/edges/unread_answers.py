"""Asks the embedded Spark again about a schema when its answer arrived and could not be read.

The gRPC client now and then fails to parse a message that is sound (grpc/grpc issue 34670), and reports it as INTERNAL; PySpark
does not repeat that. Only unary calls end so: they analyze a plan or set the session's configuration, and may be repeated. A plan
that runs is answered by a stream, whose failures read otherwise, and is never sent twice.
"""

from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped,unused-ignore]
from pyspark.sql.connect.client.retries import RetryPolicy

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

UNREAD = "Exception deserializing response!"
"""What `grpc/_channel.py` says of an answer that its parser raised on."""


class UnreadAnswerPolicy(RetryPolicy):
    def __init__(self) -> None:
        super().__init__(max_retries=3, initial_backoff=50)

    def can_retry(self, exception: BaseException) -> bool:
        return (
            isinstance(exception, grpc.RpcError)
            and isinstance(exception, grpc.Call)
            and exception.code() is grpc.StatusCode.INTERNAL
            and UNREAD in (exception.details() or "")
        )


def ask_again_when_unread(session: "SparkSession") -> None:
    client: Any = session.client
    client.set_retry_policies([*client.get_retry_policies(), UnreadAnswerPolicy()])
