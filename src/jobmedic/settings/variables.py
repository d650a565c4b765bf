"""The settings class: a field is the variable of the same name in lower case."""

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from jobmedic.knowledge.words import Mode
from jobmedic.settings.dotenv import read_dotenv
from jobmedic.settings.durations import format_duration, parse_duration
from jobmedic.settings.errors import SettingsError

ALIASES: Mapping[str, tuple[str, ...]] = {
    "databricks_host": ("DATABRICKS_WORKSPACE_URL",),
    "databricks_token": ("DATABRICKS_PAT_TOKEN",),
}

# Whatever else the SDK's unified auth reads (databricks.sdk.config.Config) is taken from `.env` as it stands.
SDK_PREFIXES = ("DATABRICKS_", "ARM_", "GOOGLE_")

MASK = "***"


def _words(value: Any) -> Any:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _secret_words(value: Any) -> Any:
    words = _words(value.get_secret_value() if isinstance(value, SecretStr) else value)
    return tuple(word if isinstance(word, SecretStr) else SecretStr(word) for word in words)


def _lowered(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _raised(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _default_spark() -> Literal["sail", "databricks"]:
    # Every Databricks runtime sets this variable, serverless included.
    return "databricks" if os.environ.get("DATABRICKS_RUNTIME_VERSION") else "sail"


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
SecretWords = Annotated[tuple[SecretStr, ...], BeforeValidator(_secret_words)]
Tls = Annotated[Literal["starttls", "tls", "none"], BeforeValidator(_lowered)]
Spark = Annotated[Literal["sail", "classic", "databricks"], BeforeValidator(_lowered)]
Level = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_raised)]


class Settings(BaseSettings):
    """Explicit arguments beat the environment, which beats `.env`, which beats the secret scope (`with_secrets`).

    An empty variable counts as missing. `env_file=None` reads no file. Raises SettingsError.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", str_strip_whitespace=True, validate_default=True, hide_input_in_errors=True
    )

    databricks_host: str | None = Field(
        None, description="URL of the workspace; empty: the SDK finds it. Alias: DATABRICKS_WORKSPACE_URL"
    )
    databricks_token: SecretStr | None = Field(
        None, description="Personal access token; empty: any other auth of the SDK. Alias: DATABRICKS_PAT_TOKEN"
    )
    databricks_config_profile: str | None = Field(None, description="Profile of ~/.databrickscfg to use")
    databricks_client_id: str | None = Field(None, description="OAuth machine-to-machine: id of the service principal")
    databricks_client_secret: SecretStr | None = Field(None, description="OAuth machine-to-machine: its secret")
    databricks_workspace_id: str | None = Field(
        None, description="Id of the workspace where its server does not tell it; never change it once tables exist"
    )
    databricks_http_timeout: Duration = Field(
        timedelta(seconds=60), gt=timedelta(0), description="Longest wait for one answer of the workspace"
    )
    databricks_retry_timeout: Duration = Field(
        timedelta(minutes=2), description="Longest time one call is repeated while the workspace says 429 or 503"
    )

    azure_openai_endpoint: str | None = Field(None, description="URL of the Azure OpenAI resource; empty: rules only")
    azure_openai_api_key: SecretStr | None = Field(None, description="Its key; empty: an Entra ID token is used")
    azure_openai_deployment: str | None = Field(None, description="Deployment that is asked")
    azure_openai_api_version: str | None = Field(
        None, description="Dated API version; empty: the v1 endpoint ({endpoint}/openai/v1/)"
    )

    email_enabled: bool = Field(default=False, description="Whether mails go out at all")
    email_sender: str | None = Field(None, description="Address that mails come from, and the SMTP login")
    email_password: SecretStr | None = Field(None, description="SMTP password; empty: no login")
    email_smtp_host: str | None = Field(None, description="Mail server")
    email_smtp_port: int = Field(587, ge=1, le=65535, description="Its port")
    email_smtp_tls: Tls = Field("starttls", description="starttls, tls or none")
    email_default_recipient: str | None = Field(None, description="Who is told when a job has no owner")

    jobmedic_tables: str = Field(
        ".jobmedic/tables", min_length=1, description="catalog.schema, or a folder for local Delta tables"
    )
    jobmedic_mode: Annotated[Mode, BeforeValidator(_lowered)] = Field(
        Mode.SHADOW, description="shadow: decide and record, touch nothing; act: act"
    )
    jobmedic_policy: str | None = Field(None, description="Path of the policy file; empty: the policy that is shipped")
    jobmedic_source: Annotated[Literal["api", "system-tables"], BeforeValidator(_lowered)] = Field(
        "api", description="Where failed runs are found: api, or system-tables (system.lakeflow, on Databricks)"
    )
    jobmedic_incident_urls: SecretWords = Field(
        (), description="Channels for incidents (Slack, Teams, PagerDuty, Opsgenie, webhooks), commas between"
    )
    jobmedic_on_call: Words = Field((), description="Mail addresses that escalations go to, commas between")
    jobmedic_spark: Spark = Field(
        default_factory=_default_spark, description="sail, classic or databricks; empty: databricks there, else sail"
    )
    jobmedic_secret_scope: str | None = Field(
        None, description="Secret scope with azure-openai-api-key, email-password and incident-urls"
    )
    jobmedic_analysts_group: str | None = Field(
        None, description="Group that may read the tables of a catalog and write feedback; empty: nobody but the owner"
    )
    jobmedic_since: Duration = Field(timedelta(hours=24), description="How far a first pass looks back")
    jobmedic_longest_run: Duration = Field(
        timedelta(days=7), description="Longest run there is: a first pass looks back this much further"
    )
    jobmedic_concurrency: int = Field(8, ge=1, le=64, description="Calls to the workspace at the same time")
    jobmedic_max_error_bytes: int = Field(
        16_384, ge=256, le=5_242_880, description="Bytes of an error or trace that are kept; the middle is cut out"
    )
    jobmedic_own_job_id: int | None = Field(None, ge=1, description="Job that jobmedic itself runs as; never treated")
    jobmedic_mlflow_experiment: str = Field("/Shared/jobmedic", min_length=1, description="MLflow experiment")
    mlflow_tracking_uri: str | None = Field(
        None, description="Where MLflow keeps its runs; empty: the workspace on Databricks, else .jobmedic/mlflow.db"
    )
    max_retries: int = Field(3, ge=0, le=20, description="Retries of a task over all layers: n retries, n+1 executions")
    log_level: Level = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")

    _sdk_variables: dict[str, str] = PrivateAttr(default_factory=dict)

    def __init__(self, *, env_file: str | Path | None = ".env", **values: Any) -> None:
        dotenv = read_dotenv(Path(env_file)) if env_file is not None else {}
        fields = type(self).model_fields
        found = {**_found(fields, dotenv), **_found(fields, os.environ), **values}
        try:
            super().__init__(**found)
        except ValidationError as error:
            raise SettingsError(_explain(error)) from None
        self._sdk_variables = {name: value for name, value in dotenv.items() if name.startswith(SDK_PREFIXES) and value}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the base class fixes the signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only the arguments: `__init__` has merged the other levels, with aliases resolved level by level."""
        return (init_settings,)

    @property
    def sdk_variables(self) -> Mapping[str, str]:
        """Variables of the SDK's unified auth that stand in `.env` only, for the adapter to hand on."""
        return {name: value for name, value in self._sdk_variables.items() if not os.environ.get(name)}

    @property
    def tracking_uri(self) -> str:
        if self.mlflow_tracking_uri:
            return self.mlflow_tracking_uri
        if self.jobmedic_spark == "databricks":
            return "databricks"
        return f"sqlite:///{Path('.jobmedic/mlflow.db').absolute().as_posix()}"

    def effective(self) -> dict[str, str]:
        """Every variable with its value as one would write it; secrets masked, missing ones empty."""
        shown = {name.upper(): _show(getattr(self, name)) for name in type(self).model_fields}
        return {**shown, "MLFLOW_TRACKING_URI": _show(self.tracking_uri)}


def _found(fields: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for field in fields:
        names = (field.upper(), *ALIASES.get(field, ()))
        values = [variables[name] for name in names if variables.get(name, "").strip()]
        if values:
            found[field] = values[0]
    return found


def _explain(error: ValidationError) -> str:
    """One line for all bad variables; values are left out, since a misplaced secret may be among them."""
    said = []
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        name = str(fault["loc"][0]).upper() if fault["loc"] else "settings"
        message = fault["msg"].removeprefix("Value error, ")
        said.append(f"{name}: no such setting" if fault["type"] == "extra_forbidden" else f"{name}: {message}")
    return "; ".join(said)


def _show(value: Any) -> str:
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if isinstance(value, tuple):
        return ",".join(_show(item) for item in value)
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
