"""`jobmedic classify`: the transforms over plain rows, offline, in input order."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from json import JSONDecodeError
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from jobmedic.knowledge.catalogue import Catalogue
from jobmedic.knowledge.masks import Masks
from jobmedic.knowledge.words import Source
from jobmedic.transforms.diagnose import diagnose
from jobmedic.transforms.fingerprint import fingerprint

CHUNK = 2_000
_TEXTS = ("error", "error_trace", "termination_code", "result_state")
_SCHEMA = "position int, " + ", ".join(f"{name} string" for name in _TEXTS)
_MARKS = ("fingerprint", "sqlstate", "error_class")
_JUDGEMENT = ("category", "transient", "action", "confidence", "rule", "evidence", "root_cause", "fix", "needs")


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be classified; the others are."""

    number: int
    """Position in the input, from 1."""
    reason: str


@dataclass(frozen=True, slots=True)
class _Classifier:
    spark: SparkSession
    catalogue: Catalogue
    masks: Masks
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was said of a fingerprint before: one cause is judged once, however often it comes."""

    def answers(self, chunk: list[tuple[int, object]]) -> Iterator[dict[str, Any] | BadRow]:
        good = {number: row for number, row in chunk if isinstance(row, Mapping) and _fault(row) is None}
        marks = self._marks(good) if good else {}
        for number, row in chunk:
            if (found := marks.get(number)) is None:
                yield BadRow(number, _fault(row) or "was lost on the way")
            else:
                yield {
                    "id": good[number].get("id"),
                    "source": Source.RULE.value,
                    **found,
                    **self.known[found["fingerprint"]],
                }

    def _marks(self, rows: Mapping[int, Mapping[str, Any]]) -> dict[int, dict[str, Any]]:
        texts = [(number, *(_safe(row.get(name)) for name in _TEXTS)) for number, row in rows.items()]
        marked = fingerprint(self._frame(texts), self.masks).select("position", *_MARKS)
        marks = {row["position"]: {name: row[name] for name in _MARKS} for row in marked.collect()}
        first = {mark["fingerprint"]: number for number, mark in reversed(marks.items())}
        new = {number for name, number in first.items() if name not in self.known}
        if new:
            exemplars = self._frame([text for text in texts if text[0] in new])
            for row in diagnose(fingerprint(exemplars, self.masks), self.catalogue).collect():
                self.known[row["fingerprint"]] = {name: row[name] for name in _JUDGEMENT}
        return marks

    def _frame(self, texts: list[tuple[Any, ...]]) -> DataFrame:
        return self.spark.createDataFrame(texts, _SCHEMA)


def classify(
    spark: SparkSession, rows: Iterable[object], *, catalogue: Catalogue | None = None, masks: Masks | None = None
) -> Iterator[dict[str, Any] | BadRow]:
    """One answer a row `{id, error, error_trace, termination_code?}`, a BadRow for whatever is no such row."""
    classifier = _Classifier(spark, catalogue or Catalogue.load(), masks or Masks.load())
    numbered = enumerate(rows, start=1)
    while chunk := list(islice(numbered, CHUNK)):
        yield from classifier.answers(chunk)


def _fault(row: object) -> str | None:
    if isinstance(row, JSONDecodeError):
        return f"is no JSON ({row.msg}, column {row.colno})"
    if isinstance(row, UnicodeDecodeError):
        return f"is no UTF-8 text (byte {row.start})"
    if isinstance(row, Exception):
        return f"is no JSON that can be read ({type(row).__name__})"
    if not isinstance(row, Mapping):
        return f"is no JSON object but {type(row).__name__}"
    wrong = [name for name in _TEXTS if not isinstance(row.get(name), str | None)]
    return f"{wrong[0]} is no text" if wrong else None


def _safe(text: str | None) -> str | None:
    """Lone surrogates become question marks: Arrow takes UTF-8 only."""
    return None if text is None else text.encode("utf-8", "replace").decode("utf-8")
