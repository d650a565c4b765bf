"""The bundle's files, read by Databricks' own classes where it has them."""

import re
from typing import Any

import pytest
from databricks.bundles.alerts import Alert
from databricks.bundles.dashboards import Dashboard
from databricks.bundles.experiments import MlflowExperiment
from databricks.bundles.genie_spaces import GenieSpace
from databricks.bundles.jobs import Job
from databricks.bundles.secret_scopes import SecretScope

from tests.bundle.bundle_files import BUNDLE, RESOURCES, ROOT, defined, overrides, read, texts

CLASSES: dict[str, Any] = {
    "alerts": Alert,
    "dashboards": Dashboard,
    "experiments": MlflowExperiment,
    "genie_spaces": GenieSpace,
    "jobs": Job,
    "secret_scopes": SecretScope,
}
ALL = [(kind, key, fields) for kind in CLASSES for key, fields in defined(kind).items()]
JOBS = defined("jobs")
TASKS = [(job, task) for job, fields in JOBS.items() for task in fields["tasks"]]


def test_every_kind_of_resource_is_there() -> None:
    assert {kind for kind, _, _ in ALL} == set(CLASSES)
    assert set(JOBS) == {"triage", "learn"}


@pytest.mark.parametrize(("kind", "key", "fields"), ALL, ids=[f"{kind}.{key}" for kind, key, _ in ALL])
def test_databricks_own_classes_know_every_field(kind: str, key: str, fields: dict[str, Any]) -> None:
    assert CLASSES[kind].from_dict(fields).as_dict()


@pytest.mark.parametrize(("target", "kind", "key", "fields"), list(overrides()), ids=lambda value: str(value)[:20])
def test_a_target_changes_fields_that_exist(target: str, kind: str, key: str, fields: dict[str, Any]) -> None:
    assert target in BUNDLE["targets"]
    assert CLASSES[kind].from_dict({**defined(kind)[key], **fields}).as_dict()


def test_a_misspelt_field_would_be_refused() -> None:
    with pytest.raises(Exception, match="max_concurent_runs"):
        CLASSES["jobs"].from_dict({**JOBS["triage"], "max_concurent_runs": 1})


@pytest.mark.parametrize("path", RESOURCES, ids=lambda path: path.name)
def test_a_file_holds_one_resource_of_the_kind_in_its_name(path: Any) -> None:
    singular = path.name.split(".")[-2]
    content = read(path)
    holders = [content, *content.get("targets", {}).values()]
    found = {(kind, key) for holder in holders for kind, all_ in holder.get("resources", {}).items() for key in all_}
    assert [kind.removesuffix("s") for kind, _ in found] == [singular]


def test_the_bundle_owns_nothing_whose_loss_would_lose_history() -> None:
    kinds = {kind for path in RESOURCES for kind in read(path).get("resources", {})}
    assert not kinds & {"schemas", "volumes", "catalogs", "registered_models"}


def test_every_variable_is_described_and_used() -> None:
    for name, variable in BUNDLE["variables"].items():
        assert variable["description"].endswith("."), name
    used = {
        name
        for path in (ROOT / "databricks.yml", *RESOURCES)
        for name in re.findall(r"\$\{var\.(\w+)\}", path.read_text())
    }
    assert used == set(BUNDLE["variables"])


def test_only_the_warehouse_has_to_be_given() -> None:
    assert [name for name, variable in BUNDLE["variables"].items() if "default" not in variable] == ["warehouse_id"]


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_a_job_looks_after_itself(job: dict[str, Any]) -> None:
    assert job["tags"]["jobmedic_mode"] == "off"
    assert (job["max_concurrent_runs"], job["queue"]) == (1, {"enabled": True})
    assert job["health"]["rules"]
    assert job["email_notifications"]["on_failure"]
    assert "pause_status" not in job["schedule"], "the target's preset says whether schedules run"


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_a_job_runs_the_wheel_on_the_current_serverless_environment(job: dict[str, Any]) -> None:
    [environment] = job["environments"]
    assert environment["spec"] == {"environment_version": "4", "dependencies": ["../dist/*.whl"]}
    assert {task["environment_key"] for task in job["tasks"]} == {environment["environment_key"]}


def test_the_tables_are_upgraded_before_anything_else() -> None:
    first, second = JOBS["triage"]["tasks"]
    assert first["python_wheel_task"]["parameters"][:2] == ["tables", "upgrade"]
    assert "depends_on" not in first
    assert second["depends_on"] == [{"task_key": first["task_key"]}]


def test_jobmedic_is_told_its_own_job_id() -> None:
    assert "JOBMEDIC_OWN_JOB_ID={{job.id}}" in JOBS["triage"]["tasks"][1]["python_wheel_task"]["parameters"]


@pytest.mark.parametrize("key", JOBS)
def test_the_classic_target_moves_every_task_onto_a_cluster(key: str) -> None:
    [fields] = [
        fields for target, _, job, fields in overrides() if (target, job) == ("classic", key) and "tasks" in fields
    ]
    [cluster] = fields["job_clusters"]
    assert [task["task_key"] for task in fields["tasks"]] == [task["task_key"] for task in JOBS[key]["tasks"]]
    for task in fields["tasks"]:
        assert task["environment_key"] == ""  # left out by the CLI
        assert task["job_cluster_key"] == cluster["job_cluster_key"]
        assert task["libraries"] == [{"whl": "../dist/*.whl"}]


def test_production_is_one_copy_with_schedules_that_run_and_run_as_on_the_jobs() -> None:
    for name in ("prod", "classic"):
        target = BUNDLE["targets"][name]
        assert target["mode"] == "production"
        assert not target["workspace"]["root_path"].startswith("/Workspace/Shared")
        assert target["presets"]["trigger_pause_status"] == "UNPAUSED"
        assert all(job["run_as"] for job in target["resources"]["jobs"].values())
        assert set(target["resources"]["jobs"]) == set(JOBS)
        assert "run_as" not in target


def test_nothing_acts_unless_somebody_says_so() -> None:
    assert BUNDLE["variables"]["mode"]["default"] == "shadow"
    assert not [target for target in BUNDLE["targets"].values() if "mode" in target.get("variables", {})]


def test_no_secret_stands_in_the_bundle() -> None:
    words = [text for path in RESOURCES for text in texts(read(path))]
    assert words
    assert not [text for text in words if re.search(r"(PASSWORD|API_KEY|TOKEN|INCIDENT_URLS)=", text)]
