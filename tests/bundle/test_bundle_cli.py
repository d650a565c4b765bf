"""The bundle as the Databricks CLI sees it. Every warning and every recommendation is a failure."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bundle.bundle_files import BUNDLE, ROOT, defined
from tests.bundle.empty_workspace import USER, serve

CLI = shutil.which("databricks")
PARTS = ("databricks.yml", "pyproject.toml", "README.md", "resources", "notebooks", "docs")

pytestmark = [
    pytest.mark.databricks_cli,
    pytest.mark.skipif(
        CLI is None, reason="the Databricks CLI (`databricks`) is not on the PATH: bundle not validated"
    ),
]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs `databricks bundle …` in a copy of the bundle, against a workspace in which nothing was deployed."""
    clone = tmp_path_factory.mktemp("clone")
    for part in PARTS:
        source = ROOT / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, clone / part)
    for left_out in ("bench", "tests"):
        (clone / left_out).mkdir()
        (clone / left_out / "nothing.py").touch()
    subprocess.run(["git", "init", "-q", str(clone)], check=True)
    with serve() as host:
        variables = {"DATABRICKS_HOST": host, "DATABRICKS_TOKEN": "a-token", "DATABRICKS_CONFIG_FILE": os.devnull}

        def bundle(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
            inherited = {"PATH": os.environ["PATH"], "HOME": str(clone), "NO_COLOR": "1"}
            return subprocess.run(
                [str(CLI), "bundle", *arguments],
                cwd=clone,
                env=inherited | variables | environment,
                capture_output=True,
                text=True,
                check=False,
            )

        yield bundle


def resolved(run: Run, target: str, *arguments: str) -> dict[str, Any]:
    done = run("validate", "-t", target, "-o", "json", *arguments, BUNDLE_VAR_warehouse_id="abc123")
    assert done.returncode == 0, done.stderr
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded


@pytest.mark.parametrize("target", BUNDLE["targets"])
def test_a_target_is_valid_without_a_warning_or_a_recommendation(run: Run, target: str) -> None:
    done = run("validate", "-t", target, BUNDLE_VAR_warehouse_id="abc123")
    assert done.returncode == 0, done.stderr
    assert "Validation OK!" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("target", ["prod", "classic"])
@pytest.mark.parametrize("deployer", [[], ["--var", "run_as_user=", "--var", "run_as_service_principal=app-id"]])
def test_production_jobs_may_run_as_a_service_principal(run: Run, target: str, deployer: list[str]) -> None:
    job = resolved(run, target, *deployer)["resources"]["jobs"]["triage"]
    assert job["run_as"] == ({"service_principal_name": "app-id"} if deployer else {"user_name": USER})


def test_a_missing_warehouse_is_named_in_one_line_with_what_to_do(run: Run) -> None:
    done = run("validate", "-t", "prod")
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert "warehouse_id" in line
    assert "--var" in line


def test_development_is_paused_and_carries_its_owner(run: Run) -> None:
    resources = resolved(run, "dev")["resources"]
    for job in resources["jobs"].values():
        assert job["schedule"]["pause_status"] == "PAUSED"
        assert job["name"].startswith("[dev engineer]")
    assert {alert["schedule"]["pause_status"] for alert in resources["alerts"].values()} == {"PAUSED"}


@pytest.mark.parametrize("target", ["prod", "classic"])
def test_production_runs_on_schedule(run: Run, target: str) -> None:
    resources = resolved(run, target)["resources"]
    scheduled = [*resources["jobs"].values(), *resources["alerts"].values()]
    assert {resource["schedule"]["pause_status"] for resource in scheduled} == {"UNPAUSED"}


def test_two_copies_in_one_workspace_share_neither_tables_nor_secrets(run: Run) -> None:
    copies = [resolved(run, target) for target in BUNDLE["targets"] if target != "classic"]
    for name in ("schema", "secret_scope"):
        assert len({copy["variables"][name]["value"] for copy in copies}) == len(copies)


def test_the_classic_target_needs_no_serverless(run: Run) -> None:
    for key, job in resolved(run, "classic")["resources"]["jobs"].items():
        assert len(job["tasks"]) == len(defined("jobs")[key]["tasks"])
        assert all("environment_key" not in task and task["job_cluster_key"] for task in job["tasks"])


def test_an_empty_setting_reaches_the_job_as_empty(run: Run) -> None:
    job = resolved(run, "prod")["resources"]["jobs"]["triage"]
    [parameters] = [task["python_wheel_task"]["parameters"] for task in job["tasks"] if task["task_key"] == "triage"]
    assert "AZURE_OPENAI_ENDPOINT=" in parameters
    assert parameters[:5] == ["triage", "--mode", "shadow", "--tables", "main.jobmedic"]


def test_the_wheel_is_built_by_the_line_in_the_bundle() -> None:
    build = BUNDLE["artifacts"]["jobmedic"]["build"]
    assert "rm -rf dist" in build
    assert Path(BUNDLE["artifacts"]["jobmedic"]["path"]) == Path()
