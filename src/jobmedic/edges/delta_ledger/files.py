"""What Sail cannot do to a Delta table in a local folder yet, done on its files: adding columns, compacting, cleaning up."""

from pathlib import Path

from deltalake import DeltaTable, Schema
from deltalake.exceptions import CommitFailedError
from pyspark.sql.types import StructType


def add_columns(path: Path, columns: StructType) -> None:
    """Keeps the comments of the columns that are there, which an append that merges the schema loses on Sail 0.7.2."""
    # Delta writes a schema down as Spark's own JSON.
    DeltaTable(path).alter.add_columns(Schema.from_json(columns.json()).fields)


def tidy(path: Path, *, join_at: int) -> bool:
    """Joins `join_at` small files or more, then drops what the table's own retention no longer asks for.

    False when it left the table's files as they were: there were few, or another writer came first and the next time will do.
    """
    table = DeltaTable(path)
    joined = False
    if len(table.file_uris()) >= join_at:
        try:
            joined = bool(table.optimize.compact()["numFilesRemoved"])
        except CommitFailedError:
            return False
        table.create_checkpoint()
    table.vacuum(dry_run=False)
    table.cleanup_metadata()
    return joined
