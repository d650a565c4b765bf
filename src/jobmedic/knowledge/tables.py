"""The schemas of the tables and views, read from `tables/*.yml` and `views/*.sql`.

A table is a YAML file; a view is a SELECT whose head comment describes it and each of its columns.
`VERSION` counts the changes of the schema: whoever adds a column raises it by one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Template
from types import MappingProxyType
from typing import Any

from jobmedic.knowledge.yaml_loader import safe_load

VERSION = 2

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
_VIEW_COLUMN = re.compile(r"-- (?P<name>[a-z][a-z0-9_]*): (?P<comment>.+)")
_REFERENCE = re.compile(r"\$\{tables\}\.([a-z][a-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    """Spark SQL type; empty for a column of a view, whose SELECT gives it."""
    comment: str


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    comment: str
    key: tuple[str, ...]
    """Empty for a table that is only appended to."""
    cluster_by: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def ddl(self) -> str:
        """Columns and types without comments, as Spark parses a schema."""
        return ", ".join(f"{column.name} {column.type}" for column in self.columns)


@dataclass(frozen=True, slots=True)
class View:
    name: str
    comment: str
    columns: tuple[Column, ...]
    body: str
    """The SELECT, with `${tables}` for the schema that holds the tables."""

    @property
    def reads(self) -> frozenset[str]:
        """Tables and views that it selects from."""
        return frozenset(_REFERENCE.findall(self.body))

    def select(self, schema: str) -> str:
        return Template(self.body).substitute(tables=schema)


@cache
def tables() -> Mapping[str, Table]:
    """Every table by name, in the order of the names."""
    found = [_table(path) for path in _listed("tables", ".yml")]
    return MappingProxyType({table.name: table for table in found})


@cache
def views() -> Mapping[str, View]:
    """Every view by name, each after the views that it reads."""
    waiting = {view.name: view for view in (_view(path) for path in _listed("views", ".sql"))}
    ordered: dict[str, View] = {}
    while waiting:
        free = [name for name, view in waiting.items() if not view.reads & waiting.keys()]
        if not free:
            raise ValueError(f"knowledge/views: {', '.join(sorted(waiting))} read each other in a circle")
        ordered |= {name: waiting.pop(name) for name in free}
    return MappingProxyType(ordered)


def _listed(folder: str, suffix: str) -> list[Traversable]:
    inside = files("jobmedic.knowledge") / folder
    found = sorted((path for path in inside.iterdir() if path.name.endswith(suffix)), key=lambda path: path.name)
    if not found:
        raise FileNotFoundError(
            f"{inside}: no {suffix} file; the installation of jobmedic is incomplete, install it again"
        )
    return found


def _table(path: Traversable) -> Table:
    read: Any = safe_load(path.read_text(encoding="utf-8"))
    try:
        table = Table(
            name=read["table"],
            comment=read["comment"],
            key=tuple(read["key"]),
            cluster_by=tuple(read["cluster_by"]),
            columns=tuple(Column(c["name"], c["type"], c["comment"]) for c in read["columns"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"knowledge/tables/{path.name}: lacks {error}") from error
    names = table.column_names
    for name in (table.name, *names, *table.key, *table.cluster_by):
        if not _IDENTIFIER.fullmatch(name):
            raise ValueError(f"knowledge/tables/{path.name}: {name!r} is no lower-case identifier")
    unknown = {*table.key, *table.cluster_by} - set(names)
    if unknown or len(set(names)) != len(names):
        raise ValueError(
            f"knowledge/tables/{path.name}: columns named twice, or keys without a column: {sorted(unknown)}"
        )
    return table


def _view(path: Traversable) -> View:
    head: list[str] = []
    lines = path.read_text(encoding="utf-8").splitlines()
    while lines and lines[0].startswith("--"):
        head.append(lines.pop(0))
    described = [_VIEW_COLUMN.fullmatch(line) for line in head]
    prose = [line.removeprefix("--").strip() for line, column in zip(head, described, strict=True) if not column]
    return View(
        name=path.name.removesuffix(".sql"),
        comment=" ".join(line for line in prose if line),
        columns=tuple(Column(column["name"], "", column["comment"]) for column in described if column),
        body="\n".join(lines).strip(),
    )
