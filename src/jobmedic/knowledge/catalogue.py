"""The rule catalogue: YAML in, frozen and ordered rules out.

A rule is data. Which rule wins is decided by its rank, then its priority, then its place in the files (files by name):

1. `termination_code`: a code of the platform that leaves no doubt
2. `condition`: a Spark, Delta or Databricks error condition in brackets
3. `message`: words of the message, looked for in the deepest cause first, then in the error, then in the trace
4. `sqlstate`: a SQLSTATE or its class
5. `exception`: the class of the deepest exception
6. any of these marked `weak`: true of many causes, so it speaks only when nothing else did

Where a text says that nothing will pass by itself (`lasting.yml`), rules that would retry by its words are silent.

What stands in quotes is a name: weak rules do not hear it, nor do the regexes of a rule that would retry, unless they hold a quote
themselves. What a service quotes as its code or status is heard by all.

A message stands above SQLSTATE and exception class, since drivers file most of what goes wrong under a few of those
(`HY000`, `08S01`, `IOException`), while their words say which.
"""

import csv
import hashlib
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from jobmedic.knowledge.words import Action, Category, Compute
from jobmedic.knowledge.yaml_loader import SafeLoader

RULES = Path(__file__).parent / "rules"
CONDITIONS = Path(__file__).parent / "error_conditions.csv"
LASTING = Path(__file__).parent / "lasting.yml"
DEFAULT_PRIORITY = 50

# What an on-call engineer does first, where a rule does not say otherwise.
USUAL_ACTION = {
    Category.TIMEOUT: Action.RETRY,
    Category.RESOURCE: Action.RETRY_WITH_NEW_PARAMS,
    Category.NETWORK: Action.RETRY,
    Category.CONCURRENCY: Action.RETRY,
    Category.INFRASTRUCTURE: Action.RETRY,
    Category.QUOTA: Action.RETRY,
    Category.CANCELLED: Action.IGNORE,
    Category.UNKNOWN: Action.ESCALATE,
}

# Rust's regex and Java's agree on what is left: no look-around, back-reference, possessive or class escape, no `$`.
_NOT_PORTABLE = re.compile(r"\(\?(?!:)|\\(?![nt])[0-9a-zA-Z]|[*+?}]\+|(?<!\\)\$(?=\||\)|$)|&&")


class CatalogueError(Exception):
    """A rule file that cannot be used; the message names the file, the line, the rule and the reason."""


class Kind(StrEnum):
    """What a rule looks at."""

    TERMINATION_CODE = "termination_code"
    CONDITION = "condition"
    MESSAGE = "message"
    SQLSTATE = "sqlstate"
    EXCEPTION = "exception"


_RANK = {kind: rank for rank, kind in enumerate(Kind)}
_USUAL_CONFIDENCE = {
    Kind.TERMINATION_CODE: 0.95,
    Kind.CONDITION: 0.95,
    Kind.MESSAGE: 0.9,
    Kind.SQLSTATE: 0.85,
    Kind.EXCEPTION: 0.8,
}
_WEAK_CONFIDENCE = 0.7


class Examples(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    match: Annotated[tuple[str, ...], Field(min_length=1)]
    """Texts on which the rule must win."""
    never: Annotated[tuple[str, ...], Field(alias="not")] = ()
    """Texts on which it must not."""


class Rule(BaseModel):
    """One line of the catalogue. Regexes see lower-cased text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    category: Category
    action: Action
    transient: bool
    confidence: Annotated[float, Field(gt=0, le=1)]
    kind: Kind
    match: Annotated[tuple[str, ...], Field(min_length=1)]
    """Any of them: regexes for `message`, prefixes for `sqlstate`, names for the others."""
    also: tuple[str, ...] = ()
    """Regexes of which one must stand in the same text; of the message for the kinds that look at a name."""
    unless: tuple[str, ...] = ()
    """Regexes of which none may stand in the same text."""
    weak: bool = False
    priority: Annotated[int, Field(ge=0, le=100)] = DEFAULT_PRIORITY
    root_cause: Annotated[str, Field(min_length=10)]
    fix: Annotated[str, Field(min_length=5)]
    compute: Compute | None = None
    needs: str | None = None
    """What would be needed to know; a rule that says `unknown` has to say it."""
    before_code: bool | None = None
    examples: Examples
    where: str
    """File and line."""

    @field_validator("match", "also", "unless", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _holds_together(self) -> "Rule":
        regexes = (*self.also, *self.unless, *(self.match if self.kind is Kind.MESSAGE else ()))
        for regex in regexes:
            check_regex(regex)
        if self.category is Category.UNKNOWN and not self.needs:
            raise ValueError("a rule that says `unknown` must say in `needs` what would be needed to know")
        return self

    @property
    def precedence(self) -> tuple[int, int, int]:
        """Lower wins; the place in the files breaks what is left."""
        return (1 if self.weak else 0, _RANK[self.kind], -self.priority)


class Lasting(BaseModel):
    """What no run gets over by itself: words, or the classes of the deepest exception."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    match: Annotated[tuple[str, ...], Field(min_length=1)]
    """Regexes for words, simple names for exceptions; any of them."""
    kind: Literal[Kind.MESSAGE, Kind.EXCEPTION] = Kind.MESSAGE
    only_weak: bool = False
    """Silences weak rules alone."""
    examples: Examples

    @field_validator("match", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _portable(self) -> "Lasting":
        if self.kind is Kind.MESSAGE:
            for regex in self.match:
                check_regex(regex)
        return self


class Catalogue(BaseModel):
    model_config = ConfigDict(frozen=True)

    rules: tuple[Rule, ...]
    """In order of precedence."""
    conditions: dict[str, str]
    """Error condition to the id of the rule that speaks for it."""
    lasting: tuple[Lasting, ...] = ()
    """Beside these, rules of kind message, sqlstate and exception do not retry."""
    version: str

    @classmethod
    def load(cls, path: Path | None = None) -> "Catalogue":
        """All `*.yml` of a folder, by name, or one file; raises CatalogueError."""
        source = path or RULES
        files = sorted(source.glob("*.yml")) if source.is_dir() else [source]
        if not files:
            raise CatalogueError(f"{source}: no rule files (*.yml) here")
        rules = [rule for file in files for rule in _rules(file)]
        _refuse_twins(rules)
        ordered = tuple(sorted(rules, key=lambda rule: rule.precedence))
        parts = [file.read_bytes() for file in files]
        parts += [CONDITIONS.read_bytes(), LASTING.read_bytes()]
        return cls(
            rules=ordered,
            conditions=_conditions(ordered),
            lasting=_lasting(),
            version=hashlib.sha256(b"".join(parts)).hexdigest()[:12],
        )

    def rule(self, rule_id: str) -> Rule:
        return next(rule for rule in self.rules if rule.id == rule_id)


def _rules(file: Path) -> Iterator[Rule]:
    try:
        entries = yaml.load(file.read_text(encoding="utf-8"), Loader=_LinedLoader)  # noqa: S506 - a SafeLoader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CatalogueError(f"{file}: cannot be read as YAML: {error}") from error
    if not isinstance(entries, list):
        raise CatalogueError(f"{file}: must be a list of rules")
    for entry in entries:
        if not isinstance(entry, dict):
            raise CatalogueError(f"{file}: every rule is a mapping, not {entry!r}")
        where = f"{file.name}:{entry.pop('__line__')}"
        name = entry.get("id", "without id")
        examples = entry.get("examples")
        if isinstance(examples, dict):
            examples.pop("__line__", None)
        try:
            yield Rule(**_with_usual(entry), where=where)
        except ValidationError as error:
            reasons = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            raise CatalogueError(f"{file}:{where.rpartition(':')[2]}: rule {name}: {reasons}") from error


def _with_usual(entry: dict[str, Any]) -> dict[str, Any]:
    """What a rule leaves out is what is usual for its category and its kind of evidence."""
    filled = {"kind": Kind.MESSAGE.value, **entry}
    if filled.get("category") in set(Category):
        filled.setdefault("action", USUAL_ACTION.get(Category(filled["category"]), Action.SEND_EMAIL))
    filled.setdefault("transient", filled.get("action") == Action.RETRY)
    if filled["kind"] in set(Kind):
        usual = _WEAK_CONFIDENCE if filled.get("weak") else _USUAL_CONFIDENCE[Kind(filled["kind"])]
        filled.setdefault("confidence", usual)
    return filled


def check_regex(regex: str) -> None:
    if found := _NOT_PORTABLE.search(regex):
        raise ValueError(f"{regex!r} uses {found.group()!r}, which Rust's and Java's regexes do not share")
    if regex != regex.lower():
        raise ValueError(f"{regex!r} has capitals, but rules see lower-cased text")
    try:
        re.compile(regex)
    except re.error as error:
        raise ValueError(f"{regex!r} is no regex: {error}") from error


def _lasting() -> tuple[Lasting, ...]:
    return tuple(Lasting(**entry) for entry in yaml.load(LASTING.read_text(encoding="utf-8"), Loader=SafeLoader))  # noqa: S506 - a SafeLoader


def _refuse_twins(rules: list[Rule]) -> None:
    seen: dict[str, str] = {}
    for rule in rules:
        if rule.id in seen:
            raise CatalogueError(f"{rule.where}: rule {rule.id}: stands in {seen[rule.id]} too; ids are unique")
        seen[rule.id] = rule.where


def _conditions(rules: tuple[Rule, ...]) -> dict[str, str]:
    """The table of error conditions, each given to the rule that lists its group (or the condition itself)."""
    groups = {name: rule.id for rule in rules if rule.kind is Kind.CONDITION for name in rule.match}
    table: dict[str, str] = {}
    with CONDITIONS.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if rule_id := groups.get(f"@{row['group']}"):
                table[row["condition"]] = rule_id
    table.update({name: rule_id for name, rule_id in groups.items() if not name.startswith("@")})
    return table


class _LinedLoader(SafeLoader):
    """Keeps the line on which a mapping starts, for error messages."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = True) -> dict[Any, Any]:  # noqa: ARG002 - inner mappings need their lines too
        mapping = super().construct_mapping(node, deep=True)
        mapping["__line__"] = node.start_mark.line + 1
        return mapping
