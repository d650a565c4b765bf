"""Reads `.env` and refuses what python-dotenv would skip with a warning."""

from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream

from jobmedic.settings.errors import SettingsError


def read_dotenv(path: Path) -> dict[str, str]:
    """Variables by name; empty when there is no such file. Raises SettingsError naming file, line and remedy."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 text (byte {error.start}); save the file as UTF-8") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}); fix its permissions or remove it") from None
    if "\0" in text:
        raise SettingsError(f"{path}: holds a NUL byte and is no text file; write NAME=value lines")
    for binding in parse_stream(StringIO(text)):
        _check(path, binding)
    return {name: value for name, value in dotenv_values(stream=StringIO(text)).items() if value is not None}


def _check(path: Path, binding: Binding) -> None:
    original = binding.original.string
    line = binding.original.line + len(original) - len(original.lstrip("\n"))
    if binding.error:
        # What stands before the equals sign is a name; what stands behind it may be a secret and is never shown.
        name = original.strip().split("=")[0].strip()[:40]
        raise SettingsError(
            f"{path}, line {line}: cannot be read near {name!r}; write NAME=value, and close every quote"
        )
    if binding.key is not None and binding.value is None:
        # The whole line may be a secret that lost its name, so only its place is told.
        raise SettingsError(f"{path}, line {line}: no `=` in it; write NAME=value, or # before a comment")
