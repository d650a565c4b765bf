"""`python -m bench`: every benchmark, one after the other, each in a process of its own, into docs/benchmarks.md.

The page holds what the tools printed and nothing else, so that no figure stands there that was not measured. The load of the
machine before each run stands beside it: on a busy machine the clock tells of the neighbours too, and CPU time does not.
"""

import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Made by `make bench`, which writes this page from what the tools print; each figure stands beside a baseline that ran in the same
minute, so that the ratio says more than the number.
"""


@dataclass(frozen=True, slots=True)
class Benchmark:
    title: str
    module: str
    goal: str
    arguments: tuple[str, ...] = ()


BENCHMARKS = (
    Benchmark(
        "Transforms",
        "bench.transforms",
        "Fingerprint, diagnose and decide 100,000 failures a second on 2 cores on Sail, and ten times the failures in at most ten times the time.",
    ),
    Benchmark(
        "Fingerprints beside Drain3",
        "bench.fingerprints",
        "Group at least as well as Drain3 on both measures, at 15 times its messages a second.",
    ),
    Benchmark(
        "Whole passes",
        "bench.passes",
        "A pass over 1,000 failed runs in under 30 s; at most one model call a new fingerprint; under 1 KB a decision; flat memory.",
    ),
    Benchmark(
        "Thirty days",
        "bench.thirty_days",
        "Retry success rises and wasted retries fall from the first week to the last, while the failures stay the same.",
    ),
    Benchmark(
        "Precedents", "bench.precedents", "The nearest judged failure has the right category more often than chance."
    ),
    Benchmark("Replay", "bench.replay", "Decide 1,000,000 stored failures again in under 60 s on 2 cores."),
)


def present() -> tuple[Benchmark, ...]:
    return tuple(one for one in BENCHMARKS if _source(one.module).exists())


def _source(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__main__.py" if path.is_dir() else path.with_suffix(".py")


def section(one: Benchmark) -> str:
    """Runs it and returns its part of the page."""
    command = ["-m", one.module, *one.arguments]
    load, started = os.getloadavg()[0], time.perf_counter()
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise RuntimeError(f"python {' '.join(command)} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    seconds = time.perf_counter() - started
    now = datetime.now(UTC)
    measured = (
        f"Measured {now:%Y-%m-%d %H:%M} UTC in {seconds:.0f} s, load {load:.1f} before it: `python {' '.join(command)}`"
    )
    return f"## {one.title}\n\nGoal: {one.goal}\n\n{measured}\n\n```\n{done.stdout.rstrip()}\n```\n"


def machine() -> str:
    names = ", ".join(f"{name} {version(name)}" for name in ("jobmedic", "pysail", "pyspark-client", "drain3"))
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}, {names}.\n"


def main(
    only: Annotated[list[str] | None, typer.Option(help="Modules to run; the page keeps the other sections.")] = None,
) -> None:
    kept = _sections(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else {}
    for one in present():
        if not only or one.module in only:
            typer.echo(f"{one.title} …", err=True)
            kept[one.title] = section(one)
            typer.echo(kept[one.title])
            parts = [kept[known.title] for known in BENCHMARKS if known.title in kept]
            PAGE.write_text("\n".join([HEAD, machine(), *parts]), encoding="utf-8")


def _sections(page: str) -> dict[str, str]:
    parts = page.split("\n## ")[1:]
    return {part.split("\n", 1)[0]: f"## {part.rstrip()}\n" for part in parts}


if __name__ == "__main__":
    typer.run(main)
