"""Builds the workspace from the settings, with the SDK's unified auth whole."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from databricks.sdk.core import Config
from pydantic import SecretStr

from jobmedic.edges.databricks_workspace.calls import Calls
from jobmedic.edges.databricks_workspace.patience import Patience
from jobmedic.edges.databricks_workspace.workspace import DatabricksWorkspace
from jobmedic.edges.redact import redact
from jobmedic.ports.workspace import WorkspaceError
from jobmedic.settings import Settings

PRODUCT = "jobmedic"

# `Config` asks the host for /.well-known/databricks-config as it is built, goes on without an answer, and repeats the
# question for its whole retry budget. A host that is down should not cost minutes here.
_PROBE_SECONDS = 3
_PROBE_HTTP_SECONDS = 10.0

# Settings of jobmedic's own whose names are also the SDK's attributes.
_OWN = {
    "databricks_host": "host",
    "databricks_token": "token",
    "databricks_config_profile": "profile",
    "databricks_client_id": "client_id",
    "databricks_client_secret": "client_secret",
    "databricks_workspace_id": "workspace_id",
}


def connect(settings: Settings) -> DatabricksWorkspace:
    """Raises WorkspaceError where no way to sign in is configured, or two at once."""
    return DatabricksWorkspace(open_calls(settings), max_error_bytes=settings.jobmedic_max_error_bytes)


def open_calls(settings: Settings) -> Calls:
    patience = Patience(budget_seconds=settings.databricks_retry_timeout.total_seconds())
    return Calls(_config(settings, patience), patience, workspace_id=settings.databricks_workspace_id)


def _config(settings: Settings, patience: Patience) -> Config:
    http_timeout = settings.databricks_http_timeout.total_seconds()
    connections = max(20, settings.jobmedic_concurrency)
    try:
        with _unasked_warning_off():
            config = Config(
                product=PRODUCT,
                product_version=_version(),
                clock=patience,
                http_timeout_seconds=min(http_timeout, _PROBE_HTTP_SECONDS),
                retry_timeout_seconds=_PROBE_SECONDS,
                max_connection_pools=connections,
                max_connections_per_pool=connections,
                **_sign_in(settings),
            )
    except (ValueError, OSError) as error:
        said = redact(" ".join(str(error).split(". Config: ")[0].split()))
        raise WorkspaceError(
            f"Databricks: cannot sign in: {said}. Set DATABRICKS_HOST and DATABRICKS_TOKEN, or DATABRICKS_CONFIG_PROFILE."
        ) from error
    if not config.host:
        raise WorkspaceError("Databricks: no workspace is named. Set DATABRICKS_HOST, or DATABRICKS_CONFIG_PROFILE.")
    config.http_timeout_seconds = http_timeout
    config.retry_timeout_seconds = max(1, int(patience.budget_seconds))
    return config


def _sign_in(settings: Settings) -> dict[str, Any]:
    """Attributes for `Config`; what the process environment holds the SDK reads by itself."""
    found: dict[str, Any] = {}
    for attribute in Config.attributes():
        names = [attribute.env, *getattr(attribute, "env_aliases", ())] if attribute.env else []
        values = [settings.sdk_variables[name] for name in names if name in settings.sdk_variables]
        if values and not any(os.environ.get(name) for name in names):
            found[attribute.name] = values[0]
    for field, name in _OWN.items():
        value = getattr(settings, field)
        if value is not None:
            found[name] = value.get_secret_value() if isinstance(value, SecretStr) else value
    return found


@contextmanager
def _unasked_warning_off() -> Iterator[None]:
    """The SDK warns of every server without /.well-known/databricks-config; one that is down is told by the first call."""

    def wanted(record: logging.LogRecord) -> bool:
        return "resolve config from host metadata" not in record.getMessage()

    logger = logging.getLogger("databricks.sdk")
    logger.addFilter(wanted)
    try:
        yield
    finally:
        logger.removeFilter(wanted)


def _version() -> str:
    try:
        return version(PRODUCT)
    except PackageNotFoundError:  # run from a source tree
        return "0.0.0"
