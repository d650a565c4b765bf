"""The wheel's entry point, as a terminal and as a job start it."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

from jobmedic.tasks import ParameterError, main, split_settings
from tests.bundle.bundle_files import defined

TASKS = [task["python_wheel_task"] for job in defined("jobs").values() for task in job["tasks"]]


def test_settings_are_taken_out_of_the_arguments() -> None:
    rest, settings = split_settings(["triage", "--set", "MAX_RETRIES=2", "--mode", "act", "--set=LOG_LEVEL=DEBUG"])
    assert rest == ["triage", "--mode", "act"]
    assert settings == {"MAX_RETRIES": "2", "LOG_LEVEL": "DEBUG"}


def test_an_equals_sign_in_the_value_stays() -> None:
    assert split_settings(["--set", "MLFLOW_TRACKING_URI=http://h/?a=b"])[1] == {"MLFLOW_TRACKING_URI": "http://h/?a=b"}


@pytest.mark.parametrize("value", ["", "  ", "{{job.id}}"])
def test_what_the_job_left_empty_counts_as_missing(value: str) -> None:
    assert split_settings(["--set", f"JOBMEDIC_OWN_JOB_ID={value}"]) == ([], {})


def test_arguments_behind_two_dashes_are_left_alone() -> None:
    assert split_settings(["feedback", "--", "--set"]) == (["feedback", "--", "--set"], {})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set"], "needs NAME=VALUE"),
        (["--set", "MAX_RETRIES"], "no equals sign"),
        (["--set", "MAX_RETIRES=2"], "MAX_RETIRES: there is no such setting"),
        (["--set", "max_retries=2"], "there is no such setting"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(arguments: list[str], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        split_settings(arguments)


def test_a_bad_setting_ends_with_one_line_and_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["jobmedic", "triage", "--set", "NOPE=1"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def without_spark(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the entry point as where the wheel alone is installed."""
    hidden = "import sys; sys.modules['pyspark'] = None; from jobmedic.tasks import main; main()"
    return subprocess.run([sys.executable, "-c", hidden, *arguments], capture_output=True, text=True, check=False)


def test_where_no_spark_is_installed_one_line_says_what_to_install(tmp_path: Path) -> None:
    done = without_spark("tables", "upgrade", "--tables", str(tmp_path / "tables"))
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"jobmedic: no Spark is installed; .+jobmedic\[local\]'\n", done.stderr)


def test_a_command_that_succeeds_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["jobmedic", "--version"])
    main()


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task["parameters"][0])
def test_a_task_starts_the_entry_point_of_the_wheel(task: dict[str, object]) -> None:
    points = importlib.metadata.distribution(str(task["package_name"])).entry_points
    assert [point.value for point in points if point.name == task["entry_point"]] == ["jobmedic.tasks:main"]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task["parameters"][0])
def test_the_settings_of_every_task_exist(task: dict[str, list[str]]) -> None:
    _, settings = split_settings(task["parameters"])
    assert settings


def test_the_wheel_brings_nothing_that_would_fight_the_runtime() -> None:
    always = [line for line in importlib.metadata.requires("jobmedic") or [] if "extra ==" not in line]
    assert always
    assert not [line for line in always if re.match(r"(pyspark|pandas|pyarrow|delta-spark|databricks-connect)\b", line)]
    assert not [line for line in always if "==" in line], "ranges, never pins"
