"""Runs a notebook in source format as Databricks would, cell by cell, with a small stand-in for what a notebook is given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.py"))
HEAD = "# Databricks notebook source\n"
SEPARATOR = "\n# COMMAND ----------\n"


class Widgets:
    """`dbutils.widgets`: a widget keeps its default until somebody gives it a value, and answers only once it is made."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self.given = given
        self.values: dict[str, str] = {}

    def text(self, name: str, default: str, label: str | None = None) -> None:
        self.values[name] = self.given.get(name, default)

    def dropdown(self, name: str, default: str, choices: list[str], label: str | None = None) -> None:
        value = self.given.get(name, default)
        assert default in choices, f"the default of {name} is none of its choices"
        assert value in choices, f"{value} is no choice of {name}"
        self.values[name] = value

    def get(self, name: str) -> str:
        return self.values[name]


class Library:
    def restartPython(self) -> None:  # noqa: N802 - Databricks named it
        """A test runs in a fresh namespace anyway."""


@dataclass
class Dbutils:
    widgets: Widgets
    library: Library = field(default_factory=Library)


def cells(path: Path) -> list[str]:
    """The code cells; those of Markdown and of pip are left out."""
    text = path.read_text(encoding="utf-8")
    assert text.startswith(HEAD)
    found = [cell.strip() for cell in text.removeprefix(HEAD).split(SEPARATOR)]
    return [cell for cell in found if not all(line.startswith("# MAGIC") for line in cell.splitlines())]


def run(path: Path, **widgets: str) -> tuple[dict[str, Any], list[Any]]:
    """The names that the notebook defined, and what it showed with `display` and `displayHTML`."""
    shown: list[Any] = []
    names: dict[str, Any] = {
        "dbutils": Dbutils(Widgets(widgets)),
        "display": shown.append,
        "displayHTML": shown.append,
    }
    for cell in cells(path):
        exec(compile(cell, str(path), "exec"), names)
    return names, shown
