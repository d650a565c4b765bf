"""Creates the tables and views, and brings older ones up to date: `jobmedic tables upgrade`, the first step of every pass.

Upgrades only ever add columns, so no row is lost and an older wheel's rows stay readable. Whatever is as it should be is left
alone: a second run commits nothing.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as installed_version
from typing import Any

from jobmedic.edges.delta_ledger.errors import explained
from jobmedic.edges.delta_ledger.home import literal
from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.delta_ledger.place import CatalogSchema
from jobmedic.edges.frames import rows_of, struct_of
from jobmedic.knowledge.tables import VERSION, Column, Table, tables, views
from jobmedic.ports.ledger import LedgerError

VOLUME = "files"
"""Volume for reports and training data, beside the tables; made where the place is a catalog's schema."""


@dataclass(frozen=True, slots=True)
class UpgradeReport:
    place: str
    before: int | None
    """Version that was found; None when there were no tables."""
    version: int
    changes: tuple[str, ...]


def upgrade(ledger: DeltaLedger, *, now: datetime, analysts: str | None = None) -> UpgradeReport:
    """`analysts` is a group that may read everything, only where the place is a catalog's schema; None leaves it as it is.

    Raises LedgerError when the tables are newer than this jobmedic, or are somebody else's.
    """
    home = ledger.home
    found = _found(ledger)
    before = max((row["version"] for row in found), default=None)
    if before is not None and before > VERSION:
        raise LedgerError(
            f"the tables in {home.place} are at version {before}, and this jobmedic ({installed_version('jobmedic')}) "
            f"knows versions up to {VERSION}; install the jobmedic that wrote them, or a newer one"
        )
    newest = max(found, key=lambda row: row["upgraded_at"], default=None)
    # Who names no group, a notebook say, has nothing against the one that the job names.
    analysts = analysts or (newest["analysts"] if newest else None)
    if newest and (newest["version"], newest["digest"], newest["analysts"]) == (VERSION, _digest(), analysts):
        return UpgradeReport(str(home.place), before, VERSION, ())
    changes = (*_tables_changed(ledger), *_shared(ledger, analysts))
    row = {
        "version": VERSION,
        "digest": _digest(),
        "analysts": analysts,
        "upgraded_at": now,
        "jobmedic_version": installed_version("jobmedic"),
        "changes": changes,
    }
    ledger.append("versions", [row])
    return UpgradeReport(str(home.place), before, VERSION, changes)


def _found(ledger: DeltaLedger) -> list[dict[str, Any]]:
    table = tables()["versions"]
    if not ledger.home.has(table):
        return []
    frame = ledger.read("versions")
    wanted = [name for name in ("version", "digest", "analysts", "upgraded_at") if name in frame.columns]
    rows = rows_of(frame.select(*wanted), f"reading {ledger.home.at('versions')}")
    return [dict.fromkeys(("digest", "analysts")) | row for row in rows]


def _digest() -> str:
    parts = [f"{table.name}({table.ddl})" for table in tables().values()]
    parts += [f"{view.name}:{view.comment}{view.columns}{view.body}" for view in views().values()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _tables_changed(ledger: DeltaLedger) -> list[str]:
    changes: list[str] = []
    for table in tables().values():
        if not ledger.home.has(table):
            ledger.home.create(table)
            changes.append(f"created table {table.name}")
        elif missing := ledger.home.missing_columns(table):
            _add_columns(ledger, table, missing)
            changes.append(f"added {', '.join(column.name for column in missing)} to table {table.name}")
    return changes


def _add_columns(ledger: DeltaLedger, table: Table, missing: tuple[Column, ...]) -> None:
    home = ledger.home
    with explained(f"upgrading {home.at(table.name)}"):
        if home.features.add_columns:
            added = ", ".join(f"`{c.name}` {c.type} COMMENT {literal(c.comment)}" for c in missing)
            home.spark.sql(f"ALTER TABLE {home.name_of(table.name)} ADD COLUMNS ({added})")
            return
        from jobmedic.edges.delta_ledger import files

        files.add_columns(home.folder_of(table.name), struct_of(missing, comments=True))


def _shared(ledger: DeltaLedger, analysts: str | None) -> list[str]:
    """Views, volume and grants that stay in the catalog; in a folder each session makes its own views when it reads them."""
    home = ledger.home
    if not isinstance(home.place, CatalogSchema):
        return []
    for view in views().values():
        home.create_view(view)
    changes = [f"created {len(views())} views"]
    statements = []
    if home.features.volumes:
        comment = literal("Reports and training data of jobmedic")
        statements.append(f"CREATE VOLUME IF NOT EXISTS {home.name_of(VOLUME)} COMMENT {comment}")
    if analysts and home.features.grants:
        group = f"`{analysts.replace('`', '``')}`"
        statements += [
            f"GRANT USE SCHEMA, SELECT, READ VOLUME ON SCHEMA {home.place.schema} TO {group}",
            f"GRANT MODIFY ON TABLE {home.name_of('feedback')} TO {group}",
        ]
        changes.append(f"granted {analysts} reading, and writing of feedback")
    for statement in statements:
        with explained(f"sharing the tables in {home.place}"):
            home.spark.sql(statement)
    return changes
