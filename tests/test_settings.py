import os
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from jobmedic.knowledge.words import Mode
from jobmedic.settings import SECRET_KEYS, Settings, SettingsError, format_duration, parse_duration, with_secrets
from jobmedic.settings.dotenv import read_dotenv

EXAMPLE = Path(__file__).parents[1] / ".env.example"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*Settings(env_file=None).effective(), "DATABRICKS_WORKSPACE_URL", "DATABRICKS_PAT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def dotenv(text: str) -> None:
    Path(".env").write_text(text, encoding="utf-8")


def refused(**values: object) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings(**values)  # type: ignore[arg-type]
    return str(caught.value)


def test_nothing_set_is_shadow_mode_with_rules_only() -> None:
    settings = Settings()
    assert settings.jobmedic_mode is Mode.SHADOW
    assert settings.azure_openai_endpoint is None
    assert settings.jobmedic_tables == ".jobmedic/tables"


def test_arguments_beat_the_environment_which_beats_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    dotenv("MAX_RETRIES=1\nLOG_LEVEL=debug\nEMAIL_SMTP_HOST=file")
    monkeypatch.setenv("MAX_RETRIES", "2")
    monkeypatch.setenv("LOG_LEVEL", "warning")
    settings = Settings(max_retries=4)
    assert (settings.max_retries, settings.log_level, settings.email_smtp_host) == (4, "WARNING", "file")


def test_aliases_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    dotenv("DATABRICKS_PAT_TOKEN=abc")
    monkeypatch.setenv("DATABRICKS_WORKSPACE_URL", "https://w")
    settings = Settings()
    assert settings.databricks_host == "https://w"
    assert settings.databricks_token is not None
    assert settings.databricks_token.get_secret_value() == "abc"


def test_an_alias_in_the_environment_beats_the_name_in_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    dotenv("DATABRICKS_HOST=https://file")
    monkeypatch.setenv("DATABRICKS_WORKSPACE_URL", "https://environment")
    assert Settings().databricks_host == "https://environment"


def test_an_empty_variable_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    dotenv("JOBMEDIC_MODE=act")
    monkeypatch.setenv("JOBMEDIC_MODE", " ")
    monkeypatch.setenv("JOBMEDIC_OWN_JOB_ID", "")
    assert Settings().jobmedic_mode is Mode.ACT
    assert Settings().jobmedic_own_job_id is None


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().max_retries = 9


def test_secrets_never_show() -> None:
    settings = Settings(
        databricks_token="topsecret",
        email_password="topsecret",
        jobmedic_incident_urls="json://topsecret, slack://topsecret",
    )
    shown = settings.effective()
    assert "topsecret" not in str(shown) + repr(settings) + str(settings.model_dump())
    assert (shown["DATABRICKS_TOKEN"], shown["JOBMEDIC_INCIDENT_URLS"]) == ("***", "***,***")
    assert shown["AZURE_OPENAI_API_KEY"] == ""


def test_what_is_effective_reads_back() -> None:
    first = Settings(jobmedic_since="90m", jobmedic_on_call="a@x.org, b@x.org", email_enabled=True).effective()
    again = Settings(**{name.lower(): value for name, value in first.items() if value})
    assert again.effective() == first


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("JOBMEDIC_MODE", "fast", "shadow"),
        ("JOBMEDIC_SINCE", "yesterday", "24h"),
        ("EMAIL_SMTP_PORT", "99999", "65535"),
        ("EMAIL_SMTP_TLS", "ssl", "starttls"),
        ("EMAIL_ENABLED", "perhaps", "boolean"),
        ("MAX_RETRIES", "-1", "greater than or equal to 0"),
        ("JOBMEDIC_SPARK", "flink", "sail"),
        ("DATABRICKS_HTTP_TIMEOUT", "0", "greater than 0"),
    ],
)
def test_a_bad_value_names_its_variable_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    message = refused()
    assert message.startswith(f"{variable}: ")
    assert said in message
    assert "\n" not in message
    assert f"'{value}'" not in message


def test_an_argument_that_is_no_setting_is_refused() -> None:
    assert refused(jobmedic_mood="x") == "JOBMEDIC_MOOD: no such setting"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A=1\nthis is no setting\n", 2),
        ("A=1\n\n# note\nFOO\n", 4),
        ('A=1\nPASSWORD="topsecret\nB=2\n', 2),
        ("=topsecret\n", 1),
    ],
)
def test_a_malformed_file_names_file_line_and_remedy_and_no_secret(text: str, line: int) -> None:
    dotenv(text)
    message = refused()
    assert message.startswith(f".env, line {line}: ")
    assert "NAME=value" in message
    assert "topsecret" not in message
    assert "\n" not in message


@pytest.mark.parametrize(("data", "said"), [(b"A=\xff\xfe", "UTF-8"), (b"A=1\0", "NUL")])
def test_a_file_that_is_no_text_says_so(data: bytes, said: str) -> None:
    Path(".env").write_bytes(data)
    assert said in refused()


def test_a_folder_in_place_of_the_file_says_so() -> None:
    Path(".env").mkdir()
    assert refused().startswith(".env: cannot be read")


def test_the_file_may_be_written_as_people_write_it() -> None:
    dotenv("\ufeff# c\nexport EMAIL_SENDER='a@x.org'  # who\nEMAIL_PASSWORD=\"p # q\"\r\n\nEMAIL_SMTP_PORT = 25\n")
    settings = Settings()
    assert (settings.email_sender, settings.email_smtp_port) == ("a@x.org", 25)
    assert settings.email_password is not None
    assert settings.email_password.get_secret_value() == "p # q"


def test_what_the_sdk_may_need_is_kept_from_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    dotenv("ARM_CLIENT_ID=a\nARM_TENANT_ID=b\nOTHER=c")
    monkeypatch.setenv("ARM_TENANT_ID", "x")
    assert Settings().sdk_variables == {"ARM_CLIENT_ID": "a"}


def test_a_databricks_runtime_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().jobmedic_spark == "sail"
    assert Settings().tracking_uri == f"sqlite:///{Path.cwd().as_posix()}/.jobmedic/mlflow.db"
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "client.4.1")
    assert Settings().jobmedic_spark == "databricks"
    assert Settings().tracking_uri == "databricks"


def test_a_secret_scope_fills_only_what_is_missing() -> None:
    scope = {("s", key): f"from-{key}" for key in SECRET_KEYS.values()}
    settings = with_secrets(
        Settings(jobmedic_secret_scope="s", email_password="mine"), lambda name, key: scope.get((name, key))
    )
    assert settings.email_password is not None
    assert settings.azure_openai_api_key is not None
    assert settings.email_password.get_secret_value() == "mine"
    assert settings.azure_openai_api_key.get_secret_value() == "from-azure-openai-api-key"
    assert [one.get_secret_value() for one in settings.jobmedic_incident_urls] == ["from-incident-urls"]


def test_without_a_scope_nobody_is_asked() -> None:
    settings = Settings()
    assert with_secrets(settings, lambda *_: pytest.fail("asked")) is settings


def test_the_example_lists_every_setting_with_its_default() -> None:
    listed = read_dotenv(EXAMPLE)
    assert set(listed) == set(Settings().effective())
    assert Settings(env_file=EXAMPLE).effective() == Settings(env_file=None).effective()
    for name, value in listed.items():
        assert not value or Settings().effective()[name] == value


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("written", "span"),
    [("24h", timedelta(hours=24)), ("7d", timedelta(days=7)), ("90s", timedelta(seconds=90)), ("15M", timedelta(minutes=15)),
     (" 1.5 h ", timedelta(minutes=90)), ("60", timedelta(minutes=1)), ("2w", timedelta(weeks=2))],
)  # fmt: skip
def test_durations_are_read_as_people_write_them(written: str, span: timedelta) -> None:
    assert parse_duration(written) == span
    assert parse_duration(format_duration(span)) == span


@pytest.mark.parametrize("written", ["", "h", "-1h", "1h30m", "1 year", "9999999d", "1e9", "nan", "٣h"])
def test_what_is_no_duration_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="a duration is"):
        parse_duration(written)


def test_the_process_environment_is_left_alone() -> None:
    before = dict(os.environ)
    dotenv("DATABRICKS_TOKEN=abc")
    Settings()
    assert dict(os.environ) == before
