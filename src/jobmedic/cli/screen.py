"""What commands print: stages as they go, figures at the end, JSON for machines."""

import json
import logging
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import typer

STAGES = {
    "collect": "reading failed runs",
    "diagnose": "diagnosing",
    "decide": "deciding",
    "act": "acting",
    "record": "writing the pass down",
}


def log_to_stderr(level: str) -> None:
    """The log of jobmedic itself in one line a message; foreign libraries speak from WARNING on."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s", force=True)
    logging.getLogger("jobmedic").setLevel(level)


@contextmanager
def stages(*, quiet: bool) -> Generator[Callable[[str], None]]:
    """A spinner on a terminal, one line a stage elsewhere, nothing when `quiet`. Goes to stderr."""
    if quiet:
        yield lambda _stage: None
        return
    if not sys.stderr.isatty():
        yield lambda stage: typer.echo(f"{STAGES.get(stage, stage)} …", err=True)
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("starting …", total=None)
        yield lambda stage: progress.update(task, description=f"{STAGES.get(stage, stage)} …")


def print_json(value: object) -> None:
    typer.echo(json.dumps(value, default=_plain, ensure_ascii=False, indent=2))


def pass_lines(report: Mapping[str, Any]) -> list[str]:
    """A pass in a few lines."""
    lines = [
        f"pass {report['pass_id']} ({report['mode']}): {report['status']}",
        f"  runs      {report['runs_failed']} failed of {report['runs_seen']} listed; {report['failures']} new failures, {report['new_fingerprints']} never seen before",
    ]
    for name in ("decisions", "actions", "outcomes"):
        counted = ", ".join(f"{count} {word}" for word, count in sorted(report[name].items()))
        lines.append(f"  {name:<9} {counted or 'none'}")
    lines.append(
        f"  model     {report['model_calls']} calls, {report['tokens_in'] + report['tokens_out']:,} tokens, ${report['cost_usd']:.4f}"
    )
    lines.append("  seconds   " + ", ".join(f"{word} {seconds:.1f}" for word, seconds in report["seconds"].items()))
    return lines + [f"  ! {error}" for error in report["errors"]]


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)
