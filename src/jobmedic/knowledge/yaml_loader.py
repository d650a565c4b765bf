"""YAML of the knowledge files, by libyaml where PyYAML was built with it: it reads six times as fast."""

from typing import TYPE_CHECKING, Any

import yaml

__all__ = ["SafeLoader", "safe_load"]

if TYPE_CHECKING:
    from yaml import SafeLoader
else:
    SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def safe_load(text: str) -> Any:
    """As `yaml.safe_load`, which never uses libyaml."""
    return yaml.load(text, Loader=SafeLoader)  # noqa: S506 - it is one
