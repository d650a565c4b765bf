"""The tasks of the bundle with the parameters that the bundle gives them, run in order as a job runs them.

On Databricks the tables are a schema of a catalog; here they are a folder, and the workspace is simulated.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.spark import Features
from jobmedic.sandbox import Sandbox, demo_scenario
from tests.bundle.bundle_files import BUNDLE, defined

REFERENCE = re.compile(r"\$\{([a-z0-9_.]+)\}")
# What only the CLI or the workspace can fill in; {{job.id}} stays as it is written.
KNOWN = {
    "var.catalog": "CATALOG",
    "var.schema": "SCHEMA",
    "workspace.current_user.userName": "engineer@example.com",
    "bundle.target": "prod",
    "resources.experiments.passes.name": "/Users/engineer@example.com/jobmedic-prod",
}


def filled_in(text: str) -> str:
    def value(found: re.Match[str]) -> str:
        name = found[1]
        return KNOWN.get(name) or filled_in(BUNDLE["variables"][name.removeprefix("var.")]["default"])

    return REFERENCE.sub(value, text)


def without_session() -> dict[str, str]:
    """This process has a Spark session, which leaves variables behind that a new process would take for orders."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "PYSPARK_"))}


def start(folder: Path, task: dict[str, list[str]], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    parameters = [filled_in(text).replace("CATALOG.SCHEMA", str(folder / "tables")) for text in task["parameters"]]
    return subprocess.run(
        [sys.executable, "-c", "from jobmedic.tasks import main; main()", *parameters],
        cwd=folder,
        env=without_session() | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.timeout(900)
def test_the_tasks_run_one_after_the_other(spark: SparkSession, features: Features, tmp_path: Path) -> None:
    tasks = [task["python_wheel_task"] for job in ("triage", "learn") for task in defined("jobs")[job]["tasks"]]
    with Sandbox(demo_scenario()) as sandbox:
        sandbox.world.advance(2 * 3600)
        workspace = {name: value for name, value in sandbox.environment().items() if not name.startswith("AZURE_")}
        for task in tasks:
            done = start(tmp_path, task, workspace)
            assert done.returncode == 0, f"{task['parameters'][:2]}: {done.stdout}{done.stderr}"
    ledger = DeltaLedger(spark, tmp_path / "tables", features)
    assert ledger.read("versions").count() == 1
    assert [row["mode"] for row in ledger.read("passes").select("mode").collect()] == ["shadow"]
