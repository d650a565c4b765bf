"""`python -m bench.passes`: whole passes over the sandbox, each in a process of its own, beside a plain loop of requests.

The baseline reads what a pass must read, one request after the other, and does nothing with it. Passes run in act mode: they
retry, mail and open incidents for real, as far as the sandbox's workspace, model and mail server are real.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import requests
import typer
from deltalake import DeltaTable

from jobmedic.sandbox import Sandbox, Scenario, load_scenario_of

DECISION_TABLES = ("decisions", "actions")
_CHILD = """
import json, resource, sys, time
from datetime import datetime, timedelta
from jobmedic import Jobmedic, Settings
from jobmedic.garbage import collect_rarely

collect_rarely()  # as the command line does

class WorldClock:
    start, began = datetime.fromisoformat(sys.argv[1]), time.monotonic()
    def now(self): return self.start + timedelta(seconds=time.monotonic() - self.began)
    def sleep(self, seconds): time.sleep(seconds)

with Jobmedic(Settings(), clock=WorldClock()) as medic:
    report = medic.triage().as_dict()
print("REPORT" + json.dumps(report | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}, default=str))
"""


@dataclass(frozen=True, slots=True)
class Pass:
    runs: int
    seconds: float
    report: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ward:
    """What one simulated workspace came to."""

    runs: int
    causes: int
    reading_alone: float
    """Seconds of the plain loop."""
    passes: tuple[Pass, ...]
    model_calls: int
    decisions: int
    bytes_data: int
    """Of the data files of the decision tables."""
    bytes_all: int
    """With the tables' logs."""


def scenario(runs: int, causes: int) -> Scenario:
    """Causes repeat by Zipf's law; what every third one says, no rule knows."""
    plain = load_scenario_of(runs, causes, minutes=50)
    strange = tuple(
        cause
        if index % 3
        else cause.model_copy(update={"error": f"{cause.id} went into state 7F-2 at {{{{ip}}}}", "trace": None})
        for index, cause in enumerate(plain.causes)
    )
    return plain.model_copy(update={"causes": strange})


def treat(runs: int, causes: int, folder: Path, passes: int) -> Ward:
    with Sandbox(scenario(runs, causes)) as world:
        world.world.advance(3600)
        settings = {
            **world.environment(),
            "JOBMEDIC_MODE": "act",
            "JOBMEDIC_TABLES": str(folder / "tables"),
            "JOBMEDIC_SPARK": "sail",
            "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        }
        alone = read_alone(world.workspace_url, world.token)
        made = tuple(_pass(runs, settings, folder, world.clock.now()) for _ in range(passes))
        decisions = DeltaTable(str(folder / "tables" / "decisions")).to_pyarrow_table(columns=["decision_id"]).num_rows
        tables = [folder / "tables" / name for name in DECISION_TABLES]
        everything = [path for table in tables for path in table.rglob("*") if path.is_file()]
        data = [Path(uri.removeprefix("file://")) for table in tables for uri in DeltaTable(str(table)).file_uris()]
        return Ward(
            runs=runs,
            causes=causes,
            reading_alone=alone,
            passes=made,
            model_calls=len(world.model_calls),
            decisions=decisions,
            bytes_data=sum(path.stat().st_size for path in data),
            bytes_all=sum(path.stat().st_size for path in everything),
        )


def _pass(runs: int, settings: Mapping[str, str], folder: Path, now: datetime) -> Pass:
    started = time.perf_counter()
    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-c", _CHILD, now.isoformat()],
        env={**os.environ, **settings},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    line = next((one for one in done.stdout.splitlines() if one.startswith("REPORT")), None)
    if line is None:
        raise RuntimeError(f"the pass over {runs} runs ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return Pass(runs, seconds, json.loads(line.removeprefix("REPORT")))


def read_alone(url: str, token: str) -> float:
    """Lists all runs, reads each failed one and the output of its tasks, one request at a time."""
    started = time.perf_counter()
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"
        page: str | None = ""
        while page is not None:
            asked = {"limit": "25", "page_token": page} if page else {"limit": "25"}
            listed = session.get(f"{url}/api/2.2/jobs/runs/list", params=asked, timeout=60)
            listed.raise_for_status()
            for run in listed.json().get("runs", []):
                found = session.get(f"{url}/api/2.2/jobs/runs/get", params={"run_id": run["run_id"]}, timeout=60).json()
                for task in found.get("tasks", []):
                    session.get(f"{url}/api/2.2/jobs/runs/get-output", params={"run_id": task["run_id"]}, timeout=60)
            page = listed.json().get("next_page_token") or None
    return time.perf_counter() - started


def lines(ward: Ward) -> list[str]:
    first = ward.passes[0]
    fingerprints = first.report["new_fingerprints"]
    failures = max(first.report["failures"], 1)
    stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in first.report["seconds"].items())
    per_hour = 3600 / first.seconds * first.report["runs_failed"]
    return [
        f"{ward.runs:,} failed runs of {ward.causes} causes, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        f"  a plain loop that only reads them   {ward.reading_alone:7.1f} s",
        f"  first pass, start of Python to end  {first.seconds:7.1f} s  {first.seconds / ward.reading_alone:.1f} times the loop, {per_hour:,.0f} runs an hour ({stages})",
        *[f"  next pass                           {one.seconds:7.1f} s" for one in ward.passes[1:]],
        f"  model calls                         {ward.model_calls:7d}    {fingerprints} new fingerprints, {100 * ward.model_calls / failures:.2f} % of the failures reached the model",
        f"  decisions                           {ward.decisions:7d}    {first.report['decisions']}",
        f"  bytes a decision                    {ward.bytes_data / ward.decisions:7.0f}    with the tables' logs {ward.bytes_all / ward.decisions:.0f}",
        f"  peak memory                         {first.report['peak_mb']:7.0f} MB",
        f"  errors                              {len(first.report['errors']):7d}    {first.report['errors'][:2]}",
    ]


def main(
    runs: Annotated[int, typer.Option(help="The larger of the two sizes; the smaller is a tenth.")] = 1000,
    causes: Annotated[int, typer.Option(help="Distinct causes, drawn by Zipf's law.")] = 100,
    passes: Annotated[int, typer.Option(help="Passes over each workspace.")] = 2,
) -> None:
    for count in (runs // 10, runs):
        with tempfile.TemporaryDirectory(prefix="jobmedic-bench-") as scratch:
            for line in lines(treat(count, causes, Path(scratch), passes)):
                typer.echo(line)


if __name__ == "__main__":
    typer.run(main)
