import pytest

from jobmedic.edges.redact import redact, redact_for_model
from tests.edges.secret_samples import ORDINARY, SAMPLES, Sample


def test_there_are_at_least_twenty_five_kinds() -> None:
    assert len({sample.kind for sample in SAMPLES}) >= 25


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.kind}: {sample.text[:40]!r}")
def test_the_secret_goes_and_the_rest_stays(sample: Sample) -> None:
    cleaned = redact(sample.leak)
    assert sample.secret not in cleaned
    assert cleaned == sample.clean


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.kind}: {sample.text[:40]!r}")
def test_redacting_twice_is_redacting_once(sample: Sample) -> None:
    cleaned = redact(sample.leak)
    assert redact(cleaned) == cleaned


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_error_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("shown", ["ann.lee+x@mail.example.com", "mailto:ann@example.com", "/Users/ann@example.com/nb"])
def test_a_model_sees_no_mail_address(shown: str) -> None:
    assert redact(shown) == shown
    assert "ann" not in redact_for_model(shown)
    assert "[redacted:mail]" in redact_for_model(shown)


@pytest.mark.parametrize(
    "shown", ["abfss://box@account.dfs.core.windows.net/x", "java.lang.Object@6d06d69c", "@retry", "a @ b.com"]
)
def test_a_model_still_sees_what_only_looks_like_a_mail_address(shown: str) -> None:
    assert redact_for_model(shown) == shown


def test_many_secrets_in_one_text_all_go() -> None:
    text = "\n".join(sample.leak for sample in SAMPLES)
    cleaned = redact(text)
    assert [sample.secret for sample in SAMPLES if len(sample.secret) > 12 and sample.secret in cleaned] == []
