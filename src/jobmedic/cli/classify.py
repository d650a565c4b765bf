"""`jobmedic classify`: the transforms over JSON lines, offline."""

import json
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Input = Annotated[
    Path,
    typer.Option(
        "--input", metavar="FILE", help="JSON lines {id, error, error_trace, termination_code?}; - is standard input."
    ),
]
Output = Annotated[
    Path, typer.Option("--output", metavar="FILE", help="One JSON line each, in input order; - is standard output.")
]

ANSWER = (
    "id",
    "fingerprint",
    "category",
    "transient",
    "action",
    "confidence",
    "source",
    "rule",
    "sqlstate",
    "error_class",
)


def classify(input_file: Input, output_file: Output) -> int:
    """Classify error texts without a workspace.

    A line that cannot be read is reported with its number, and the rest are classified; the exit code is then 1.
    """
    from jobmedic.cli.options import settings_of
    from jobmedic.wiring import opened

    settings = settings_of()
    with opened(settings) as equipment, _reading(input_file) as lines, _writing(output_file) as out:
        done, broken = 0, 0
        for number, answer in _answers(equipment.spark, lines, settings.jobmedic_max_error_bytes):
            if isinstance(answer, str):
                broken += 1
                typer.echo(f"jobmedic: {input_file}:{number}: {answer}; the line is left out", err=True)
            else:
                done += 1
                out.write(json.dumps({name: answer[name] for name in ANSWER}, ensure_ascii=False) + "\n")
    typer.echo(f"{done} classified" + (f", {broken} lines could not be read" if broken else ""), err=True)
    return 1 if broken else 0


@contextmanager
def _reading(path: Path) -> Generator[IO[bytes]]:
    if str(path) == "-":
        yield sys.stdin.buffer
    elif not path.is_file():
        raise typer.BadParameter(f"{path}: no such file", param_hint="--input")
    else:
        with path.open("rb") as lines:
            yield lines


@contextmanager
def _writing(path: Path) -> Generator[IO[str]]:
    if str(path) == "-":
        yield sys.stdout
    elif not path.absolute().parent.is_dir():
        raise typer.BadParameter(f"{path.absolute().parent}: no such folder", param_hint="--output")
    else:
        with path.open("w", encoding="utf-8", errors="replace") as out:
            yield out


def _answers(
    spark: "SparkSession", lines: Iterable[bytes], max_bytes: int
) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Line number with its answer, or with what is wrong with the line. Blank lines are passed over."""
    from jobmedic.edges.texts import kept
    from jobmedic.pipeline.classify import BadRow
    from jobmedic.pipeline.classify import classify as classified

    # As the pass does it, so that both give one error the same fingerprint.
    keep = partial(kept, max_bytes=max_bytes)
    numbers: list[int] = []

    def rows() -> Iterator[object]:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                numbers.append(number)
                yield _row(line, keep)

    for place, answer in enumerate(classified(spark, rows())):
        yield numbers[place], answer.reason if isinstance(answer, BadRow) else answer


def _row(line: bytes, keep: Callable[..., str | None]) -> object:
    """The object of the line with its texts as they would be stored; whatever else stands there, for its fault to be told."""
    from jobmedic.edges.texts import ERROR_HEAD, TRACE_HEAD

    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return error
    if not isinstance(row, dict):
        return row
    texts = {
        name: keep(row[name], head=head)
        for name, head in (("error", ERROR_HEAD), ("error_trace", TRACE_HEAD))
        if isinstance(row.get(name), str)
    }
    return row | texts
