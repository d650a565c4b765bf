"""Where the tables live: a folder on this machine, or a schema of a catalog."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from jobmedic.ports.ledger import LedgerError

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Folder:
    path: Path

    @property
    def schema(self) -> str:
        """Each folder gets a schema of its own, so that two ledgers in one session stay apart."""
        return "jobmedic_" + hashlib.sha256(str(self.path).encode()).hexdigest()[:12]

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
            raise LedgerError(
                f"tables at {text}: an address is no place for tables; give catalog.schema or a local folder"
            )
        return Folder(Path(text).expanduser().resolve())
    parts = text.split(".")
    if len(parts) != 2 or not all(_NAME.fullmatch(part) for part in parts):  # noqa: PLR2004 - catalog and schema
        raise LedgerError(
            f"tables at {text!r}: give catalog.schema, or a folder written with a slash, such as ./{text or 'tables'}"
        )
    if Path(text).exists():
        raise LedgerError(f"tables at {text!r}: a folder has that name too; write ./{text} for the folder")
    return CatalogSchema(*parts)
