"""Takes secrets out of text and leaves the rest readable.

The shapes stand in knowledge/secrets.yml. Redacting twice is redacting once.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jobmedic.knowledge.yaml_loader import safe_load


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of secret, ready to be looked for."""

    kind: str
    words: tuple[str, ...]
    pattern: re.Pattern[str]
    within: re.Pattern[str] | None

    def replace(self, text: str) -> str:
        if self.within is None:
            return self.pattern.sub(self._mark, text)
        return self.within.sub(lambda outer: self.pattern.sub(self._mark, outer[0]), text)

    def _mark(self, match: re.Match[str]) -> str:
        # At most one named group takes part in a match: the secret itself.
        start, end = match.span(match.lastgroup or 0)
        whole = match[0]
        offset = match.start()
        return f"{whole[: start - offset]}[redacted:{self.kind}]{whole[end - offset :]}"


def redact(text: str) -> str:
    """Every secret replaced by `[redacted:<kind>]`; names, hosts and everything else stay."""
    return _apply(text, _shapes("patterns"))


def redact_for_model(text: str) -> str:
    """Without mail addresses either."""
    return _apply(redact(text), _shapes("personal"))


def redact_named(values: Mapping[str, str]) -> dict[str, str]:
    """Parameters or tags: by the shape of the value, and whole where the name says that it is a secret."""
    name_tells, harmless = _names()
    found = {}
    for name, value in values.items():
        hidden = name_tells.search(name) and not harmless.fullmatch(value)
        found[redact(name)] = "[redacted:named]" if hidden else redact(value)
    return found


def _apply(text: str, shapes: Sequence[Shape]) -> str:
    lowered = text.lower()
    for shape in shapes:
        for word in shape.words:
            if word in lowered:
                text = shape.replace(text)
                break
    return text


@cache
def _catalogue() -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = safe_load(
        files("jobmedic.knowledge").joinpath("secrets.yml").read_text(encoding="utf-8")
    )
    return loaded


@cache
def _names() -> tuple[re.Pattern[str], re.Pattern[str]]:
    names, flags = _catalogue()["names"], re.VERBOSE | re.ASCII | re.IGNORECASE | re.DOTALL
    return re.compile(names["words"], flags), re.compile(names["harmless"], flags)


@cache
def _shapes(section: str) -> tuple[Shape, ...]:
    catalogue = _catalogue()
    expand = _expander(catalogue["fragments"])
    return tuple(_shape(entry, expand) for entry in catalogue[section])


def _expander(fragments: Mapping[str, str]) -> Callable[[str], str]:
    def expand(pattern: str) -> str:
        for name, fragment in fragments.items():
            pattern = pattern.replace(f"<{name}>", fragment)
        return pattern

    return expand


def _shape(entry: Mapping[str, Any], expand: Callable[[str], str]) -> Shape:
    flags = re.VERBOSE | re.ASCII | (re.IGNORECASE if entry.get("ignore_case") else 0)
    within = entry.get("within")
    return Shape(
        kind=entry["kind"],
        words=tuple(entry["words"]),
        pattern=re.compile(expand(entry["pattern"]), flags),
        within=re.compile(within, flags) if within else None,
    )
