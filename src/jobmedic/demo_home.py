"""Where the demo leaves its files, and the environment that it runs in: nothing of a real workspace is touched or read."""

import json
import os
import shutil
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

# Whatever could lead to a real workspace, model, mail server or tracking server. Other programs' variables stay.
FOREIGN = ("DATABRICKS_", "AZURE_", "ARM_", "GOOGLE_", "OPENAI_", "EMAIL_", "JOBMEDIC_", "MLFLOW_", "SMTP_")
FOREIGN_NAMES = ("MAX_RETRIES", "LOG_LEVEL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
LOOPBACK = "127.0.0.1,localhost"


@dataclass(frozen=True, slots=True)
class DemoHome:
    """A folder whose tables, MLflow store and report are the demo's own."""

    folder: Path

    @property
    def tables(self) -> Path:
        return self.folder / "tables"

    @property
    def mlflow(self) -> Path:
        return self.folder / "mlflow.db"

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def marker(self) -> Path:
        return self.folder / "demo.json"

    @property
    def made(self) -> tuple[Path, ...]:
        return (self.tables, self.mlflow, self.report)

    @property
    def ours(self) -> bool:
        """Nothing is there, or only what an earlier demo left; a pass that somebody made since makes the tables theirs."""
        if not self.marker.is_file():
            return not any(path.exists() for path in self.made)
        try:
            marked = json.loads(self.marker.read_text(encoding="utf-8"))
        except ValueError:
            return False
        return isinstance(marked, dict) and marked.get("passes_version") == self._passes_version()

    def clear(self) -> None:
        """Removes the tables and the report of an earlier demo.

        The MLflow store stays and gets the new passes too: an open `mlflow ui`, and MLflow itself within one process, would
        go on with the file that was removed.
        """
        if self.tables.exists():
            shutil.rmtree(self.tables)
        self.report.unlink(missing_ok=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.mark()

    def mark(self) -> None:
        """Says that everything so far is the demo's; to be called after each pass."""
        text = {
            "made_by": "jobmedic demo",
            "meaning": "what lies beside this file is simulated; the next demo makes the tables and the report anew",
            "passes_version": self._passes_version(),
        }
        self.marker.write_text(json.dumps(text, indent=2) + "\n", encoding="utf-8")

    def _passes_version(self) -> int:
        """The newest commit of the table of passes; -1 when there is none."""
        log = self.tables / "passes" / "_delta_log"
        return max((int(path.stem) for path in log.glob("*.json") if path.stem.isdigit()), default=-1)


def demo_home(root: Path) -> DemoHome:
    """`root` itself, or a folder in it where `root` holds tables of a real workspace."""
    return next(home for home in _homes(root) if home.ours)


def _homes(root: Path) -> Iterator[DemoHome]:
    yield DemoHome(root)
    yield DemoHome(root / "demo")
    for number in count(2):
        yield DemoHome(root / f"demo-{number}")


@contextmanager
def nobodys_environment() -> Generator[None]:
    """Without the user's connections, and with loopback past any proxy; everything is put back at the end."""
    before: Mapping[str, str] = dict(os.environ)
    for name in before:
        if name.upper().startswith(FOREIGN) or name.upper() in FOREIGN_NAMES:
            del os.environ[name]
    os.environ.update(
        {"NO_PROXY": LOOPBACK, "no_proxy": LOOPBACK, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
