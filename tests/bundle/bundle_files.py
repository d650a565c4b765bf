"""The bundle's files as data."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
RESOURCES = sorted((ROOT / "resources").glob("*.yml"))


def read(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


BUNDLE = read(ROOT / "databricks.yml")


def defined(kind: str) -> dict[str, dict[str, Any]]:
    """Resources of one kind by key, as the files in `resources` define them for every target."""
    return {key: value for path in RESOURCES for key, value in read(path).get("resources", {}).get(kind, {}).items()}


def overrides() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """(target, kind, key, fields) of whatever a target changes."""
    for path in (ROOT / "databricks.yml", *RESOURCES):
        for target, settings in read(path).get("targets", {}).items():
            for kind, resources in settings.get("resources", {}).items():
                for key, fields in resources.items():
                    yield target, kind, key, fields


def texts(value: Any) -> Iterator[str]:
    """Every string inside."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from texts(entry)
