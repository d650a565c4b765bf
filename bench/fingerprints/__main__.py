"""`python -m bench.fingerprints [--file F …]`: grouping accuracy and speed beside Drain3."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench.fingerprints.grouping import Grouping
from bench.fingerprints.measure import compare, speed
from bench.fingerprints.variations import messages
from bench.judge.__main__ import corpora
from bench.judge.labelled import read_labelled
from jobmedic.edges.spark import SparkKind, open_session


def shown(title: str, results: dict[str, Grouping]) -> Table:
    table = Table(title=title)
    for name in ("grouper", "GA", "FGA", "true groups", "found", "split", "merged"):
        table.add_column(name, justify="left" if name == "grouper" else "right")
    for name, one in results.items():
        counts = [str(n) for n in (one.true_groups, one.found_groups, one.split, one.merged)]
        table.add_row(name, f"{one.accuracy:.3f}", f"{one.f_measure:.3f}", *counts)
    return table


def main(
    file: Annotated[list[Path] | None, typer.Option(help="Labelled failures, one JSON object a line.")] = None,
    copies: Annotated[int, typer.Option(help="Variations a failure.")] = 10,
    seed: int = 1,
    rows: Annotated[int, typer.Option(help="Rows that the clock is held to.")] = 200_000,
    drained: Annotated[int, typer.Option(help="Messages that Drain3's clock is held to.")] = 20_000,
) -> None:
    console = Console(width=None if Console().is_terminal else 110)
    with open_session(SparkKind.SAIL) as spark:
        for corpus in file or corpora():
            failures = read_labelled(corpus)
            plain = messages(failures, copies=copies, wrapped=False, seed=seed)
            wrapped = messages(failures, copies=copies, wrapped=True, seed=seed)
            console.print(shown(f"{corpus.name}: {len(plain)} variations", compare(spark, plain)))
            console.print(shown(f"{corpus.name}: half of them in wrappers", compare(spark, wrapped)))
            clock = speed(spark, plain, rows=rows, drained=drained)
            console.print(f"messages a second: {clock.ours:,.0f}, Drain3 {clock.drain:,.0f}: {clock.ratio:.1f} times")
            per_core = (
                f"{clock.ours_per_core:,.0f}, Drain3 {clock.drain_per_core:,.0f}: {clock.ratio_per_core:.1f} times"
            )
            console.print(f"messages a second of one core: {per_core}\n")


if __name__ == "__main__":
    typer.run(main)
