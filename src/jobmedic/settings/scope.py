"""Secrets from a Databricks secret scope."""

from collections.abc import Callable, Mapping
from typing import Any

from jobmedic.settings.errors import SettingsError
from jobmedic.settings.variables import Settings

SECRET_KEYS: Mapping[str, str] = {
    "azure_openai_api_key": "azure-openai-api-key",
    "email_password": "email-password",
    "jobmedic_incident_urls": "incident-urls",
}
"""Settings that a scope can hold, and the key under which each is looked up."""

ReadSecret = Callable[[str, str], str | None]
"""(scope, key) → the secret; None when the scope has no such key."""


def with_secrets(settings: Settings, read: ReadSecret) -> Settings:
    """Fills what is still missing from `JOBMEDIC_SECRET_SCOPE`; without a scope the settings come back as they are."""
    scope = settings.jobmedic_secret_scope
    if not scope:
        return settings
    found: dict[str, Any] = {}
    for field, key in SECRET_KEYS.items():
        if not getattr(settings, field) and (secret := read(scope, key)):
            found[field] = secret
    if not found:
        return settings
    try:
        checked = Settings(env_file=None, **found)
    except SettingsError as error:
        raise SettingsError(f"secret scope {scope}: {error}") from None
    return settings.model_copy(update={field: getattr(checked, field) for field in found})
