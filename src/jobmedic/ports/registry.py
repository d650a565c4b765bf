"""The registry of prompts and classifier configurations, with the aliases that say which one is in force."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class RegistryError(Exception):
    """A registry that cannot be reached or does not take what it was given; the message names it and what to do."""


class Alias(StrEnum):
    CHAMPION = "champion"
    CHALLENGER = "challenger"


@dataclass(frozen=True, slots=True)
class Classifier:
    """Everything that decides what a text is diagnosed as."""

    rules_version: str
    prompt_version: str
    deployment: str
    """Of the model; empty where rules work alone."""
    configured: str
    """Deployment that the settings named when this was registered; it tells a promotion from a changed setting."""


@dataclass(frozen=True, slots=True)
class Registered:
    version: str
    classifier: Classifier


class Registry(Protocol):
    def register(self, classifier: Classifier, *, note: str) -> Registered:
        """The same configuration always gets the same version. Raises RegistryError."""
        ...

    def get(self, alias: Alias) -> Registered | None:
        """None when the alias points at nothing. Raises RegistryError."""
        ...

    def point(self, alias: Alias, registered: Registered) -> None:
        """Raises RegistryError."""
        ...

    def register_prompt(self, name: str, version: str, text: str) -> None:
        """The same version is registered once; where there is no prompt registry, nothing happens."""
        ...
