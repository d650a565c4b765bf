import pytest

from jobmedic.edges.redact import redact, redact_for_model, redact_named
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


@pytest.mark.parametrize(
    "name",
    ["db_password", "dbPassword", "password", "secret", "api_token", "API-KEY", "storage.account.key", "pw", "pat"],
)
def test_a_parameter_whose_name_says_secret_goes_whole(name: str) -> None:
    assert redact_named({name: "plain words"}) == {name: "[redacted:named]"}
    assert redact_named(redact_named({name: "plain words"})) == {name: "[redacted:named]"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", "4096"),
        ("token", "17"),
        ("secret_scope", "prod-kv"),
        ("password", "{{secrets/prod/db}}"),
        ("partition_key", "order_date"),
        ("shuffle_partitions", "200"),
        ("compass", "north"),
        ("sas", ""),
    ],
)
def test_a_parameter_that_is_no_secret_stays(name: str, value: str) -> None:
    assert redact_named({name: value}) == {name: value}


def test_a_parameter_is_masked_by_its_shape_too() -> None:
    assert redact_named({"url": "postgresql://u:hunter2@h/db"}) == {
        "url": "postgresql://u:[redacted:url_password]@h/db"
    }
