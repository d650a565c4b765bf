"""The ledger: the Delta tables that jobmedic keeps."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pyspark.sql import DataFrame


class LedgerError(Exception):
    """A table that cannot be read or written; the message names the table, the place and what to do."""


class Ledger(Protocol):
    def frame(self, table: str, rows: Sequence[Mapping[str, Any]]) -> DataFrame:
        """Rows as a DataFrame with the table's own columns and types, missing ones null."""
        ...

    def read(self, name: str) -> DataFrame:
        """A table or a view; empty with the right columns when nothing was written yet."""
        ...

    def append(self, table: str, rows: DataFrame | Sequence[Mapping[str, Any]]) -> None: ...

    def merge(
        self,
        table: str,
        rows: DataFrame | Sequence[Mapping[str, Any]],
        *,
        update: Sequence[str] | None = None,
        expect: Mapping[str, str | None] | None = None,
    ) -> None:
        """Upsert on the table's key; `update` names the columns set on a match: None all given, () insert only.

        `rows` may carry fewer columns than the table: on insert the rest are null. Of mappings the columns are those
        that any of them names. No rows make no commit. A commit conflict is retried
        on a fresh read, so that of two passes that insert one key only one wins. `expect` names values that the
        matched row must still have (None: null), or it is left as it is: of two that take over, one wins.
        """
        ...
