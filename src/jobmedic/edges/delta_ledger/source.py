"""What is to be written to a table, held by the driver where it is little: a merge reads its source several times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from jobmedic.edges.frames import typed_frame
from jobmedic.knowledge.tables import Table

MOST_ROWS = 5_000
"""About 10 MB of decisions: what a driver of any size can hold."""

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Source:
    frame: DataFrame
    names: tuple[str, ...]
    keys: list[tuple[Any, ...]] | None
    """The key of each row, empty where there is none; None where there are more rows than the driver should hold."""


def source_of(spark: SparkSession, table: Table, rows: DataFrame | Rows) -> Source:
    """One action over a frame, none over mappings."""
    if not isinstance(rows, DataFrame):
        if not rows:
            return Source(typed_frame(spark, table, rows), table.column_names, [])
        given = {name for row in rows for name in row}
        names = tuple(sorted(given, key=lambda name: _place(table, name)))
        keys = [tuple(row.get(name) for name in table.key) for row in rows]
        return Source(typed_frame(spark, table, rows, names), names, keys)
    few = rows.limit(MOST_ROWS + 1)
    names = tuple(few.columns)
    held = few.toArrow()
    if held.num_rows > MOST_ROWS:
        return Source(rows, names, None)
    if not held.num_rows:
        return Source(rows, names, [])
    columns = [held.column(name).to_pylist() for name in table.key if name in names]
    keys = list(zip(*columns, strict=True)) if columns else [()] * held.num_rows
    return Source(spark.createDataFrame(held), names, keys)


def _place(table: Table, name: str) -> int:
    return table.column_names.index(name) if name in table.column_names else len(table.column_names)
