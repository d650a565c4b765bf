"""Keeps the tables small: every pass leaves a few small files and log entries behind, thousands of passes too many."""

from jobmedic.edges.delta_ledger.errors import explained
from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.delta_ledger.place import Folder
from jobmedic.knowledge.tables import Table, tables

LOOK_AT = 32
"""Data files in a table's folder, replaced ones too, from which on it is looked at; listing a folder costs next to nothing."""
JOIN_AT = 16


def maintain(ledger: DeltaLedger) -> tuple[str, ...]:
    """Tables that were looked after. Cheap while there is nothing to do in a folder; in a catalog meant to run daily.

    Files that newer versions replaced go once the retention of the table is over, on Apache Spark with the join after it, so a reader in the middle of a read is safe.
    """
    kept = []
    for table in tables().values():
        if ledger.home.has(table) and _due(ledger, table):
            with explained(f"looking after {ledger.home.at(table.name)}"):
                _tidy(ledger, table)
            kept.append(table.name)
    return tuple(kept)


def _due(ledger: DeltaLedger, table: Table) -> bool:
    if not isinstance(ledger.home.place, Folder):
        return True
    return sum(1 for _ in ledger.home.folder_of(table.name).glob("*.parquet")) >= LOOK_AT


def _tidy(ledger: DeltaLedger, table: Table) -> None:
    home = ledger.home
    name = home.name_of(table.name)
    if not home.features.optimize:
        from jobmedic.edges.delta_ledger import files

        files.tidy(home.folder_of(table.name), join_at=JOIN_AT)
        return
    in_folder = isinstance(home.place, Folder)
    if in_folder and home.spark.sql(f"DESCRIBE DETAIL {name}").collect()[0]["numFiles"] < JOIN_AT:
        # VACUUM takes Apache Spark up to a minute a table, whatever there is to remove: what a join leaves goes with a later one.
        return
    home.spark.sql(f"OPTIMIZE {name}").collect()
    home.spark.sql(f"VACUUM {name}").collect()
