"""Where the tables live: a folder on this machine, or a schema of a catalog."""

import atexit
import hashlib
import re
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jobmedic.ports.ledger import LedgerError


class PlaceError(LedgerError):
    """A place that is spelled in no way that could be meant."""


_PLAIN = re.compile(r"[A-Za-z0-9_./+=,:@-]*")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Folder:
    path: Path

    @property
    def schema(self) -> str:
        """Each folder gets a schema of its own, so that two ledgers in one session stay apart."""
        return "jobmedic_" + hashlib.sha256(str(self.path).encode()).hexdigest()[:12]

    @property
    def location(self) -> Path:
        """The folder as Spark is told of it: under a plain name where its own has spaces, umlauts or the like."""
        return self.path if _PLAIN.fullmatch(self.path.as_posix()) else _plain_link(self.path)

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class CatalogSchema:
    catalog: str
    name: str

    @property
    def schema(self) -> str:
        return f"`{self.catalog}`.`{self.name}`"

    def __str__(self) -> str:
        return f"{self.catalog}.{self.name}"


def parse_place(where: str | Path) -> Folder | CatalogSchema:
    """`catalog.schema`, or a folder: whatever has a path separator, or starts with a dot or a tilde."""
    text = str(where).strip()
    if isinstance(where, Path) or "/" in text or "\\" in text or text.startswith((".", "~")):
        if "://" in text:
            raise PlaceError(
                f"tables at {text}: an address is no place for tables; give catalog.schema or a local folder"
            )
        return Folder(Path(text).expanduser().resolve())
    parts = text.split(".")
    if len(parts) != 2 or not all(_NAME.fullmatch(part) for part in parts):  # noqa: PLR2004 - catalog and schema
        raise PlaceError(
            f"tables at {text!r}: give catalog.schema, or a folder written with a slash, such as ./{text or 'tables'}"
        )
    if Path(text).exists():
        raise PlaceError(f"tables at {text!r}: a folder has that name too; write ./{text} for the folder")
    return CatalogSchema(*parts)


@cache
def _plain_link(path: Path) -> Path:
    """Sail 0.7.2 percent-encodes a location, its log once and its data twice, and then writes beside the folder."""
    link = Path(tempfile.mkdtemp(prefix="jobmedic-tables-"))
    atexit.register(shutil.rmtree, link, ignore_errors=True)  # removes the link, not what it points to
    (link / "tables").symlink_to(path, target_is_directory=True)
    return link / "tables"
