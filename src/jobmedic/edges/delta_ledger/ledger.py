"""The ledger as Delta tables, written by MERGE over Spark alone, so that all three kinds of Spark run it."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from tenacity import Retrying, before_sleep_log, retry_if_exception, stop_after_attempt, wait_random_exponential

from jobmedic.edges.delta_ledger.errors import explained, is_conflict
from jobmedic.edges.delta_ledger.home import TableHome, literal
from jobmedic.edges.delta_ledger.source import Rows, Source, source_of
from jobmedic.edges.frames import typed_frame
from jobmedic.edges.spark import Features
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

    def append(self, table: str, rows: DataFrame | Rows) -> None:
        with explained(f"writing {self.home.at(table)}"):
            source = self._source(table, rows)
            if source.keys is None and source.frame.isEmpty():
                return  # a pass without rows leaves no empty commit
            if source.keys == []:
                return
            spec = _table(table)
            full = source.frame.select(*[_column(c.name, c.type, source.names) for c in spec.columns])
            path = self.home.name_of(table)
            self._retried(lambda: full.write.format("delta").mode("append").saveAsTable(path))

    def merge(
        self,
        table: str,
        rows: DataFrame | Rows,
        *,
        update: Sequence[str] | None = None,
        expect: Mapping[str, str | None] | None = None,
    ) -> None:
        spec = _table(table)
        if not spec.key:
            raise LedgerError(f"table {table} has no key to merge on; append to it")
        with explained(f"writing {self.home.at(table)}"):
            source = self._source(table, rows)
            updated = [name for name in source.names if name not in spec.key] if update is None else list(update)
            if absent := {*spec.key, *updated} - set(source.names):
                raise LedgerError(f"writing {self.home.at(table)}: the rows lack {', '.join(sorted(absent))}")
            if not self._one_row_a_key(spec, source):
                return
            columns = [_column(c.name, c.type, source.names) for c in spec.columns if c.name in source.names]
            self._merge(spec, source.frame.select(*columns), source.names, updated, expect or {})

    def _merge(
        self,
        table: Table,
        source: DataFrame,
        names: Sequence[str],
        updated: Sequence[str],
        expect: Mapping[str, str | None],
    ) -> None:
        statement = [
            f"MERGE INTO {self.home.name_of(table.name)} AS t USING {{source}} AS s",
            "ON " + " AND ".join(f"t.`{name}` = s.`{name}`" for name in table.key),
        ]
        if updated:
            still = "".join(f" AND t.`{name}` <=> {_expected(value)}" for name, value in expect.items())
            statement.append(f"WHEN MATCHED{still} THEN UPDATE SET " + ", ".join(f"t.`{n}` = s.`{n}`" for n in updated))
        inserted, values = (", ".join(f"{side}`{name}`" for name in names) for side in ("", "s."))
        statement.append(f"WHEN NOT MATCHED THEN INSERT ({inserted}) VALUES ({values})")  # noqa: S608 - names of the schema
        self._retried(lambda: self._spark.sql(" ".join(statement), source=source))

    def _one_row_a_key(self, table: Table, source: Source) -> bool:
        """False when there is nothing to merge."""
        if source.keys is None:
            return self._one_row_a_key_of_many(table, source.frame)
        wrong = next((key for key, count in Counter(source.keys).items() if count > 1 or None in key), None)
        if wrong:
            raise self._refused(table, dict(zip(table.key, wrong, strict=True)))
        return bool(source.keys)

    def _one_row_a_key_of_many(self, table: Table, rows: DataFrame) -> bool:
        """Only the key columns are computed for it."""
        per_key = rows.groupBy(*table.key).agg(F.count(F.lit(1)).alias("n"))
        unkeyed = F.lit(False)
        for name in table.key:
            unkeyed = unkeyed | F.col(name).isNull()
        wrong = per_key.where(unkeyed | (F.col("n") > 1)).first()
        if wrong:
            raise self._refused(table, {name: wrong[name] for name in table.key})
        return True

    def _refused(self, table: Table, example: Mapping[str, object]) -> LedgerError:
        return LedgerError(
            f"writing {self.home.at(table.name)}: rows whose key ({', '.join(table.key)}) is null or comes twice, "
            f"such as {example}; nothing was written"
        )

    def _source(self, table: str, rows: DataFrame | Rows) -> Source:
        """The rows to write; where there are any the table is made if it is missing."""
        spec = _table(table)
        source = source_of(self._spark, spec, rows)
        if unknown := set(source.names) - set(spec.column_names):
            raise LedgerError(f"writing {self.home.at(table)}: it has no column {', '.join(sorted(unknown))}")
        if source.keys != [] and not self.home.has(spec):
            self.home.create(spec)
        return source

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


def _expected(value: str | None) -> str:
    """As it stands in a statement that is formatted once more."""
    return "NULL" if value is None else literal(value).replace("{", "{{").replace("}", "}}")
