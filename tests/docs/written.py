"""The parts of the documents that follow from the code: `python -m tests.docs.written` writes them, a test compares them."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from jobmedic.knowledge.tables import Column, tables, views

ROOT = Path(__file__).parents[2]
TABLES = ROOT / "docs" / "tables.md"
DEPLOY = ROOT / "docs" / "deploy.md"


def between(text: str, name: str, content: str) -> str:
    """The text with everything between the two marks of that name replaced."""
    marks = re.compile(rf"(<!-- {name}: [^\n]* -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    replaced, count = marks.subn(lambda found: found[1] + content + found[2], text)
    assert count == 1, f"no marks for {name}"
    return replaced


def reference() -> str:
    """Every table and view with every column."""
    return "\n".join([*_tables(), *_views()]) + "\n"


def variables() -> str:
    bundle = yaml.safe_load((ROOT / "databricks.yml").read_text(encoding="utf-8"))
    lines = ["", "| variable | default | what it is |", "| --- | --- | --- |"]
    for name, variable in bundle["variables"].items():
        default = (
            f"`{variable['default']}`"
            if variable.get("default")
            else ""
            if "default" in variable
            else "**to be given**"
        )
        lines.append(f"| `{name}` | {default} | {variable['description']} |")
    return "\n".join([*lines, "", ""])


def written() -> dict[Path, str]:
    """The documents as they should stand."""
    return {
        TABLES: between(TABLES.read_text(encoding="utf-8"), "reference", reference()),
        DEPLOY: between(DEPLOY.read_text(encoding="utf-8"), "variables", variables()),
    }


def _tables() -> Iterator[str]:
    for table in tables().values():
        key = f"Key: `{', '.join(table.key)}`." if table.key else "Append only."
        yield from _section(table.name, f"{table.comment} {key}", table.columns)


def _views() -> Iterator[str]:
    for name, view in sorted(views().items()):
        yield from _section(
            name, f"{view.comment} A view over {', '.join(f'`{read}`' for read in sorted(view.reads))}.", view.columns
        )


def _section(name: str, text: str, columns: tuple[Column, ...]) -> Iterator[str]:
    typed = all(column.type for column in columns)
    yield from ("", f"### {name}", "", text, "")
    yield from ("| column | type | |", "| --- | --- | --- |") if typed else ("| column | |", "| --- | --- |")
    for column in columns:
        kind = f" `{column.type.lower()}` |" if typed else ""
        yield f"| `{column.name}` |{kind} {column.comment.replace('|', chr(92) + '|')} |"


if __name__ == "__main__":
    for path, text in written().items():
        path.write_text(text, encoding="utf-8")
