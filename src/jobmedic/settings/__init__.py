"""Every setting of jobmedic in one frozen class."""

from jobmedic.settings.durations import format_duration, parse_duration
from jobmedic.settings.errors import SettingsError
from jobmedic.settings.scope import SECRET_KEYS, ReadSecret, with_secrets
from jobmedic.settings.variables import Settings

__all__ = [
    "SECRET_KEYS",
    "ReadSecret",
    "Settings",
    "SettingsError",
    "format_duration",
    "parse_duration",
    "with_secrets",
]
