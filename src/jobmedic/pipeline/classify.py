"""`jobmedic classify`: the transforms over plain rows, offline, in input order."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobmedic.knowledge.catalogue import Catalogue
from jobmedic.knowledge.masks import Masks
from jobmedic.knowledge.words import Source
from jobmedic.transforms.diagnose import diagnose
from jobmedic.transforms.fingerprint import fingerprint

CHUNK = 5_000
_TEXTS = ("error", "error_trace", "termination_code", "result_state")
_SCHEMA = "position int, " + ", ".join(f"{name} string" for name in _TEXTS)
_ANSWER = (
    "fingerprint",
    "category",
    "transient",
    "action",
    "confidence",
    "rule",
    "sqlstate",
    "error_class",
    "evidence",
    "root_cause",
    "fix",
    "needs",
)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be classified; the others are."""

    number: int
    """Position in the input, from 1."""
    reason: str


def classify(
    spark: SparkSession, rows: Iterable[object], *, catalogue: Catalogue | None = None, masks: Masks | None = None
) -> Iterator[dict[str, Any] | BadRow]:
    """One answer a row `{id, error, error_trace, termination_code?}`, a BadRow for whatever is no such row."""
    knowledge = catalogue or Catalogue.load()
    hidden = masks or Masks.load()
    numbered = enumerate(rows, start=1)
    while chunk := list(islice(numbered, CHUNK)):
        yield from _answers(spark, chunk, knowledge, hidden)


def _answers(
    spark: SparkSession, chunk: list[tuple[int, object]], catalogue: Catalogue, masks: Masks
) -> Iterator[dict[str, Any] | BadRow]:
    refused = {number: reason for number, row in chunk if (reason := _fault(row)) is not None}
    good = [(number, row) for number, row in chunk if number not in refused and isinstance(row, Mapping)]
    found: dict[int, dict[str, Any]] = {}
    if good:
        texts = [(number, *(_safe(row.get(name)) for name in _TEXTS)) for number, row in good]
        judged = diagnose(fingerprint(spark.createDataFrame(texts, _SCHEMA), masks), catalogue)
        found = {
            row["position"]: row.asDict()
            for row in judged.select("position", *(F.col(name) for name in _ANSWER)).collect()
        }
    for number, row in chunk:
        if number in refused:
            yield BadRow(number, refused[number])
        elif isinstance(row, Mapping):
            answer = found[number]
            yield {"id": row.get("id"), "source": Source.RULE.value, **{name: answer[name] for name in _ANSWER}}


def _fault(row: object) -> str | None:
    if isinstance(row, Exception):
        return f"is no JSON: {row}"
    if not isinstance(row, Mapping):
        return f"is no JSON object but {type(row).__name__}"
    wrong = [name for name in _TEXTS if not isinstance(row.get(name), str | None)]
    return f"{wrong[0]} is no text" if wrong else None


def _safe(text: str | None) -> str | None:
    """Lone surrogates become question marks: Arrow takes UTF-8 only."""
    return None if text is None else text.encode("utf-8", "replace").decode("utf-8")
