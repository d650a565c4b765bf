"""The place of the tables as one session sees it: which are there, under what name, with which columns."""

import logging
from collections.abc import Mapping
from pathlib import Path

from pyspark.sql import SparkSession

from jobmedic.edges.delta_ledger.errors import explain, explained
from jobmedic.edges.delta_ledger.place import CatalogSchema, Folder, parse_place
from jobmedic.edges.spark import Features
from jobmedic.knowledge.tables import Column, Table, View
from jobmedic.ports.ledger import LedgerError

# An old version of a table can be read for as long as its log is kept, its files for as long as deleted ones are.
_IN_CATALOG = {
    "delta.logRetentionDuration": "interval 30 days",
    "delta.deletedFileRetentionDuration": "interval 7 days",
}
# A folder has many small commits and nobody who looks after it: its log is kept short and its statistics to the keys.
_IN_FOLDER = {
    "delta.logRetentionDuration": "interval 7 days",
    "delta.deletedFileRetentionDuration": "interval 1 days",
    "delta.dataSkippingNumIndexedCols": "4",
    "delta.checkpointInterval": "20",
}


CATALOGS = Path(".jobmedic/catalogs")
"""Holds what would be catalogs on Databricks, one folder each."""

_log = logging.getLogger("jobmedic")


class TableHome:
    """Its statements are commands, which Spark carries out as it is told of them: nothing is collected."""

    def __init__(self, spark: SparkSession, where: str | Path, features: Features) -> None:
        self.spark = spark
        self.features = features
        self.place = _here(parse_place(where), features)
        self._opened = False
        self._registered: set[str] = set()

    def name_of(self, table: str) -> str:
        return f"{self.place.schema}.`{table}`"

    def folder_of(self, table: str) -> Path:
        if not isinstance(self.place, Folder):
            raise LedgerError(f"{self.at(table)} lies in no folder")
        return self.place.path / table

    def at(self, table: str) -> str:
        """For messages."""
        return f"table {table} in {self.place}"

    def open(self) -> None:
        """Makes the schema; in a folder it is this session's alone."""
        if not self._opened:
            with explained(f"the schema for the tables in {self.place}"):
                self.spark.sql(f"CREATE SCHEMA IF NOT EXISTS {self.place.schema}")
            self._opened = True

    def has(self, table: Table) -> bool:
        """Whether the table exists; if so this session knows it by `name_of` from now on."""
        if table.name in self._registered:
            return True
        if isinstance(self.place, Folder):
            found = self._register(table)
        else:
            with explained(f"looking for {self.at(table.name)}"):
                found = self.spark.catalog.tableExists(self.name_of(table.name))
        if found:
            self._check(table)
            self._registered.add(table.name)
        return found

    def create(self, table: Table) -> None:
        """Only for a table that `has` did not find."""
        self.open()
        if isinstance(self.place, Folder):
            self._make_folder(table)
            # A session may still know a table whose folder is gone. Dropping one with a location leaves its files alone.
            self.spark.sql(f"DROP TABLE IF EXISTS {self.name_of(table.name)}")
        properties = self._properties()
        columns = ", ".join(f"`{c.name}` {c.type} COMMENT {literal(c.comment)}" for c in table.columns)
        statement = f"CREATE TABLE IF NOT EXISTS {self.name_of(table.name)} ({columns}) USING delta"
        if table.cluster_by and self.features.cluster_by:
            statement += f" CLUSTER BY ({', '.join(table.cluster_by)})"
        statement += f" COMMENT {literal(table.comment)}"
        if isinstance(self.place, Folder):
            statement += f" LOCATION {self._location(table)}"
        statement += f" TBLPROPERTIES ({', '.join(f'{literal(k)} = {literal(v)}' for k, v in properties.items())})"
        try:
            self.spark.sql(statement)
        except Exception as error:
            if not self.has(table):  # else another process made it a moment ago
                raise explain(error, f"creating {self.at(table.name)}") from error
        self._registered.add(table.name)

    def create_view(self, view: View) -> None:
        columns = ", ".join(f"`{c.name}` COMMENT {literal(c.comment)}" for c in view.columns)
        with explained(f"creating {self.at(view.name)}"):
            self.spark.sql(
                f"CREATE OR REPLACE VIEW {self.name_of(view.name)} ({columns}) COMMENT {literal(view.comment)} "
                f"AS {view.select(self.place.schema)}"
            )
        self._registered.add(view.name)

    def has_view(self, view: View) -> bool:
        return view.name in self._registered or (
            not isinstance(self.place, Folder) and self.spark.catalog.tableExists(self.name_of(view.name))
        )

    def missing_columns(self, table: Table) -> tuple[Column, ...]:
        with explained(f"reading {self.at(table.name)}"):
            present = {name.lower() for name in self.spark.table(self.name_of(table.name)).columns}
        return tuple(column for column in table.columns if column.name not in present)

    def _properties(self) -> Mapping[str, str]:
        return (_IN_FOLDER if isinstance(self.place, Folder) else _IN_CATALOG) | dict(self.features.table_properties)

    def _location(self, table: Table) -> str:
        location = self.place.location if isinstance(self.place, Folder) else Path()
        return literal((location / table.name).as_posix())

    def _make_folder(self, table: Table) -> None:
        try:
            self.folder_of(table.name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerError(
                f"creating {self.at(table.name)}: {error.strerror}: {error.filename}; choose another place with JOBMEDIC_TABLES"
            ) from error

    def _register(self, table: Table) -> bool:
        path = self.folder_of(table.name)
        try:
            if not any((path / "_delta_log").glob("*.json")):
                if path.is_dir() and any(entry.name != "_delta_log" for entry in path.iterdir()):
                    raise LedgerError(
                        f"{self.at(table.name)}: the folder holds files but no Delta table; choose another place"
                    )
                return False
        except OSError as error:
            raise LedgerError(
                f"{self.at(table.name)}: {error.strerror}; choose another place with JOBMEDIC_TABLES"
            ) from error
        self.open()
        with explained(f"reading {self.at(table.name)}"):
            self.spark.sql(
                f"CREATE TABLE IF NOT EXISTS {self.name_of(table.name)} USING delta LOCATION {self._location(table)}"
            )
        return True

    def _check(self, table: Table) -> None:
        """Refuses a table that somebody else made: one without our keys, or with other types under our names."""
        with explained(f"reading {self.at(table.name)}"):
            present = {name.lower(): kind for name, kind in self.spark.table(self.name_of(table.name)).dtypes}
        other = [
            f"{column.name} is {present[column.name]} instead of {column.type.lower()}"
            for column in table.columns
            if present.get(column.name, column.type.lower()) != column.type.lower()
        ]
        lacking = [name for name in table.key or table.column_names[:1] if name not in present]
        if other or lacking:
            why = "; ".join([*other, *(f"it has no column {name}" for name in lacking)])
            raise LedgerError(
                f"{self.at(table.name)} is not jobmedic's: {why}. Choose another place with JOBMEDIC_TABLES"
            )


def _here(place: Folder | CatalogSchema, features: Features) -> Folder | CatalogSchema:
    """Where there are no catalogs, a catalog's schema is a folder that has its name: a job can be tried off Databricks."""
    if features.catalogs or isinstance(place, Folder):
        return place
    folder = Folder((CATALOGS / place.catalog / place.name).resolve())
    _log.warning("no catalogs here: the tables of %s lie in %s", place, folder)
    return folder


def literal(text: str) -> str:
    """A SQL string; Spark reads a backslash as an escape."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
