"""The ledger as Delta tables, written by MERGE over Spark alone, so that all three kinds of Spark run it."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from tenacity import Retrying, before_sleep_log, retry_if_exception, stop_after_attempt, wait_random_exponential

from jobmedic.edges.frames import typed_frame
from jobmedic.edges.ledger_errors import explained, is_conflict
from jobmedic.edges.spark import Features
from jobmedic.edges.table_home import TableHome, literal
from jobmedic.knowledge.tables import Table, tables, views
from jobmedic.ports.ledger import LedgerError

_log = logging.getLogger(__name__)

_ATTEMPTS = 12


class DeltaLedger:
    """`where` is `catalog.schema` or a folder. Tables that do not exist yet are made by the first write."""

    def __init__(self, spark: SparkSession, where: str | Path, features: Features) -> None:
        self.home = TableHome(spark, where, features)
        self._spark = spark

    def frame(self, table: str, rows: Sequence[Mapping[str, Any]]) -> DataFrame:
        return typed_frame(self._spark, _table(table), rows)

    def read(self, name: str) -> DataFrame:
        if name in views():
            self._open_view(name)
        elif not self.home.has(_table(name)):
            return self.frame(name, [])
        with explained(f"reading {self.home.at(name)}"):
            return self._spark.table(self.home.name_of(name))

    def append(self, table: str, rows: DataFrame) -> None:
        spec = self._writable(table, rows)
        doing = f"writing {self.home.at(table)}"
        with explained(doing):
            if rows.isEmpty():
                return  # a pass without rows leaves no empty commit
            full = rows.select(*[_column(c.name, c.type, rows.columns) for c in spec.columns])
            path = self.home.name_of(table)
            self._retried(lambda: full.write.format("delta").mode("append").saveAsTable(path))

    def merge(
        self,
        table: str,
        rows: DataFrame,
        *,
        update: Sequence[str] | None = None,
        expect: Mapping[str, str | None] | None = None,
    ) -> None:
        spec = self._writable(table, rows)
        if not spec.key:
            raise LedgerError(f"table {table} has no key to merge on; append to it")
        given = [column for column in spec.columns if column.name in rows.columns]
        updated = [c.name for c in given if c.name not in spec.key] if update is None else list(update)
        if absent := {*spec.key, *updated} - {c.name for c in given}:
            raise LedgerError(f"writing {self.home.at(table)}: the rows lack {', '.join(sorted(absent))}")
        with explained(f"writing {self.home.at(table)}"):
            if not self._one_row_a_key(spec, rows):
                return
            source = rows.select(*[_column(c.name, c.type, rows.columns) for c in given])
            self._merge(spec, source, updated, expect or {})

    def _merge(self, table: Table, source: DataFrame, updated: Sequence[str], expect: Mapping[str, str | None]) -> None:
        view = f"jobmedic_{uuid4().hex}"
        names = source.columns
        statement = [
            f"MERGE INTO {self.home.name_of(table.name)} AS t USING {view} AS s",
            "ON " + " AND ".join(f"t.`{name}` = s.`{name}`" for name in table.key),
        ]
        if updated:
            still = "".join(
                f" AND t.`{name}` <=> {'NULL' if value is None else literal(value)}" for name, value in expect.items()
            )
            statement.append(f"WHEN MATCHED{still} THEN UPDATE SET " + ", ".join(f"t.`{n}` = s.`{n}`" for n in updated))
        inserted, values = (", ".join(f"{side}`{name}`" for name in names) for side in ("", "s."))
        statement.append(f"WHEN NOT MATCHED THEN INSERT ({inserted}) VALUES ({values})")  # noqa: S608 - names of the schema
        source.createOrReplaceTempView(view)
        try:
            self._retried(lambda: self._spark.sql(" ".join(statement)).collect())
        finally:
            self._spark.catalog.dropTempView(view)

    def _one_row_a_key(self, table: Table, rows: DataFrame) -> bool:
        """False when there is nothing to merge. Only the key columns are computed for it."""
        per_key = rows.groupBy(*table.key).agg(F.count(F.lit(1)).alias("n"))
        unkeyed = F.lit(False)
        for name in table.key:
            unkeyed = unkeyed | F.col(name).isNull()
        bad = per_key.agg(F.count(F.lit(1)), F.max(F.when(unkeyed | (F.col("n") > 1), F.lit(1)).otherwise(F.lit(0))))
        keys, wrong = bad.collect()[0]
        if wrong:
            example = per_key.where(unkeyed | (F.col("n") > 1)).first()
            raise LedgerError(
                f"writing {self.home.at(table.name)}: rows whose key ({', '.join(table.key)}) is null or comes twice, "
                f"such as {example}; nothing was written"
            )
        return bool(keys)

    def _writable(self, table: str, rows: DataFrame) -> Table:
        spec = _table(table)
        if unknown := set(rows.columns) - set(spec.column_names):
            raise LedgerError(f"writing {self.home.at(table)}: it has no column {', '.join(sorted(unknown))}")
        if not self.home.has(spec):
            self.home.create(spec)
        return spec

    def _open_view(self, name: str) -> None:
        view = views()[name]
        if self.home.has_view(view):
            return
        for read in sorted(view.reads):
            if read in views():
                self._open_view(read)
            elif not self.home.has(tables()[read]):
                self.home.create(tables()[read])
        self.home.create_view(view)

    @staticmethod
    def _retried(commit: Callable[[], object]) -> None:
        """Runs it again on a fresh snapshot while other writers come first."""
        for attempt in Retrying(
            retry=retry_if_exception(is_conflict),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.1, max=5),
            before_sleep=before_sleep_log(_log, logging.DEBUG),
            reraise=True,
        ):
            with attempt:
                commit()


def _table(name: str) -> Table:
    try:
        return tables()[name]
    except KeyError:
        raise LedgerError(f"there is no table or view {name}; there are {', '.join([*tables(), *views()])}") from None


def _column(name: str, kind: str, given: Sequence[str]) -> Column:
    return (F.col(f"`{name}`") if name in given else F.lit(None)).cast(kind.lower()).alias(name)
