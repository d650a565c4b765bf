"""The house keeps its floors: a module imports only what lies below it, and one edge alone knows each foreign library."""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "jobmedic"

FLOORS = ("knowledge", "transforms", "ports", "settings", "edges", "pipeline", "entry")
"""From the ground up. Whatever stands beside the packages (cli, tasks, wiring, the package itself) is an entry point."""

# Where each library of the outer world may be known; a line here is a decision.
KNOWN_IN = {
    "aiosmtpd": ("sandbox/",),
    "apprise": ("edges/incident_channels",),
    "azure": ("edges/azure_openai/entra",),
    "databricks.connect": ("edges/spark",),
    "databricks.sdk": ("edges/databricks_workspace",),
    "delta": ("edges/spark", "edges/delta_jars"),
    "deltalake": ("edges/delta_ledger/files",),
    "mlflow": ("edges/mlflow_tracker/",),
    "openai": ("edges/azure_openai/",),
    "pydantic_settings": ("settings/",),
    "pysail": ("edges/spark",),
    "smtplib": ("edges/smtp_mail",),
    "tenacity": ("edges/",),
}

BANNED = ("Manager", "Engine", "Handler", "Helper", "Utils", "Context", "Service")


@dataclass(frozen=True)
class Module:
    path: Path
    tree: ast.Module

    @property
    def name(self) -> str:
        return self.path.relative_to(SOURCE).as_posix()

    @property
    def floor(self) -> str:
        top = self.name.split("/")[0]
        return top if top in {*FLOORS, "sandbox"} else "entry"

    def imports(self) -> Iterator[str]:
        """Everywhere in the module, inside functions too."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.name}: imports are absolute"
                yield from (f"{node.module}.{alias.name}" for alias in node.names)

    def own_imports(self) -> set[str]:
        parts = (name.split(".") for name in self.imports() if name.split(".")[0] == "jobmedic")
        return {part[1] if part[1] in {*FLOORS, "sandbox"} else "entry" for part in parts}

    def defined(self) -> Iterator[str]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
            elif isinstance(node, ast.arg):
                yield node.arg


MODULES = [Module(path, ast.parse(path.read_text(encoding="utf-8"))) for path in sorted(SOURCE.rglob("*.py"))]


def test_there_is_a_house_to_look_at() -> None:
    assert {module.floor for module in MODULES} >= {"knowledge", "transforms", "ports", "edges", "pipeline", "sandbox"}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.name))
def test_a_module_imports_only_its_own_floor_and_those_below(module: Module) -> None:
    if module.floor == "sandbox":
        assert not module.own_imports() & {"transforms", "pipeline"}
    else:
        above = FLOORS[FLOORS.index(module.floor) + 1 :]
        # The demo is an entry point: it alone starts the sandbox.
        beside = set() if module.floor == "entry" else {"sandbox"}
        assert not module.own_imports() & {*above, *beside}


@pytest.mark.parametrize("module", [m for m in MODULES if m.floor == "transforms"], ids=lambda m: str(m.name))
def test_transforms_import_pyspark_and_knowledge_alone(module: Module) -> None:
    outer = {name.split(".")[0] for name in module.imports()} - set(sys.stdlib_module_names)
    assert outer <= {"pyspark", "jobmedic"}
    assert module.own_imports() <= {"knowledge", "transforms"}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.name))
def test_a_foreign_library_is_known_by_its_edge_alone(module: Module) -> None:
    for library, places in KNOWN_IN.items():
        known = any(name == library or name.startswith(f"{library}.") for name in module.imports())
        assert not known or module.name.startswith(places), f"{module.name} imports {library}"


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.name))
def test_names_say_what_a_thing_does(module: Module) -> None:
    words = {word for name in (*module.defined(), module.path.stem) for word in _words(name)}
    assert not words & {banned.lower() for banned in BANNED}


def _words(name: str) -> list[str]:
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower().split("_")
