"""Rows of Python into typed DataFrames and back; times are aware and UTC on both sides."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as t

from jobmedic.edges.delta_ledger.errors import explained
from jobmedic.knowledge.tables import Column, Table
from jobmedic.ports.ledger import LedgerError

_ATOMS: Mapping[str, type[t.DataType]] = {
    "STRING": t.StringType,
    "BIGINT": t.LongType,
    "INT": t.IntegerType,
    "DOUBLE": t.DoubleType,
    "BOOLEAN": t.BooleanType,
    "TIMESTAMP": t.TimestampType,
}
_ARRAY = re.compile(r"ARRAY<(.+)>")
_MAP = re.compile(r"MAP<([A-Z]+), *(.+)>")
_SURROGATE = re.compile("[\ud800-\udfff]")


def spark_type(name: str) -> t.DataType:
    """The type that a table's YAML file names, without asking a server to parse it."""
    if array := _ARRAY.fullmatch(name):
        return t.ArrayType(spark_type(array[1]))
    if entry := _MAP.fullmatch(name):
        return t.MapType(spark_type(entry[1]), spark_type(entry[2]))
    return _ATOMS[name]()


def struct_of(columns: Sequence[Column], *, comments: bool = False) -> t.StructType:
    return t.StructType(
        [
            t.StructField(c.name, spark_type(c.type), metadata={"comment": c.comment} if comments else None)
            for c in columns
        ]
    )


def typed_frame(
    spark: SparkSession, table: Table, rows: Sequence[Mapping[str, Any]], names: Sequence[str] | None = None
) -> DataFrame:
    """`names` of the table's columns, or all. Raises LedgerError for a column that it lacks, and for a time without a zone."""
    known = set(table.column_names)
    for row in rows:
        if unknown := row.keys() - known:
            raise LedgerError(f"a row for {table.name} has columns that the table lacks: {', '.join(sorted(unknown))}")
    with explained(f"a row for {table.name}"):
        columns = [column for column in table.columns if names is None or column.name in names]
        data = [tuple(_storable(row.get(column.name), "DOUBLE" in column.type) for column in columns) for row in rows]
        return spark.createDataFrame(data, struct_of(columns))


def rows_of(frame: DataFrame, doing: str = "reading rows") -> list[dict[str, Any]]:
    """Collects: maps as dicts, arrays as lists, times aware and UTC. Raises LedgerError."""
    with explained(doing):
        schema = frame.schema
        maps = [field.name for field in schema.fields if isinstance(field.dataType, t.MapType)]
        rows: list[dict[str, Any]] = frame.toArrow().to_pylist()
    for row in rows:
        for name in maps:
            if row[name] is not None:
                row[name] = dict(row[name])
        for name, value in row.items():
            if isinstance(value, datetime):
                row[name] = value.astimezone(UTC)
    return rows


def _storable(value: Any, doubles: bool) -> Any:
    """`doubles`: whole numbers are wanted as doubles. Spark Connect takes them as they are, a session in the Java machine does not."""
    if doubles and isinstance(value, int):
        return float(value)
    if isinstance(value, str):
        # A lone surrogate has no UTF-8 form; what it stood for is lost already.
        text = str(value)
        return text if text.isascii() else _SURROGATE.sub("\ufffd", text)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise LedgerError(f"the time {value} has no zone; times are stored as UTC")
        return value.astimezone(UTC)
    if isinstance(value, Mapping):
        return {_storable(key, False): _storable(entry, doubles) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_storable(entry, doubles) for entry in value]
    return value
