"""What redaction costs: bounded on ordinary text, linear on text made to hurt."""

import time

import pytest

from jobmedic.edges.redact import redact_for_model

ADVERSARIAL = [
    "a", "eyJ", "eyJaaaaaaaa.", "-----BEGIN PRIVATE KEY-----", "://a:", "password", "password=", "password='",
    '"password": "', 'password=\\"', "token: ", "token=", "secret=", "--token ", "cookie: a=b;", "cookie:", "bearer a1",
    "authorization: bearer ", "aws secret ", "sig=", "'spark.", "key.key.", "a@", "a@b.", "curl x ", "<password>",
    "Ab1+/", "?key=", "sk-a-", "identified by '", "jdbc:oracle:thin:a/", "AJQQJ9", "api key ", " ", "%20eyJ", "s3 sk",
    "'spark.hadoop.password.token.key.",
]  # fmt: skip


def seconds(text: str) -> float:
    """Processor time, so that a busy machine changes nothing."""
    began = time.process_time()
    redact_for_model(text)
    return time.process_time() - began


@pytest.mark.parametrize("piece", ADVERSARIAL)
def test_four_times_the_text_costs_about_four_times_the_time(piece: str) -> None:
    small, large = piece * (40_000 // len(piece)), piece * (160_000 // len(piece))
    # 20 ms stand in for what cannot be measured well; quadratic work would be a hundred times that.
    assert seconds(large) < 10 * max(0.02, seconds(small))


def test_five_megabytes_of_the_worst_are_done_within_seconds() -> None:
    assert seconds("s3 sk curl x token: password= ://a: eyJa. " * 125_000) < 30


def test_a_kilobyte_costs_less_than_a_millisecond() -> None:
    line = (
        "java.lang.RuntimeException: cannot read main.sales.orders, token and password column, /mnt/x/part-0.parquet\n"
    )
    text = (line * 12)[:1024]
    redact_for_model(text)
    assert min(sum(seconds(text) for _ in range(10)) for _ in range(10)) / 10 < 0.001
