"""Retries as they were, with other parameters, and on other compute."""

from typing import Any

import pytest

from jobmedic.knowledge.words import Category, Compute
from jobmedic.sandbox import Bound, ClusterPlan, Ending, Failure, JobChange, Scenario, SchedulePlan, TaskPlan
from jobmedic.sandbox.sandbox import JOBMEDIC_USER
from tests.pipeline.ward import NETWORK, OWNER, SAFE, SYNTAX, Admit, Ward, cause, failing, job

RECOVERS = cause(ends=Ending(after_retries=1))
MEMORY = cause(
    id="memory",
    category=Category.RESOURCE,
    transient=False,
    error="java.lang.OutOfMemoryError: Java heap space in partition {{n}}",
)
PARTITIONS = {"name": "partitions", "minimum": 8, "maximum": 400, "multiply": 2, "categories": ["resource"]}


def repair_params(ward: Ward) -> list[dict[str, str]]:
    return [dict(repair.params) for repair in ward.sandbox.world.run(ward.run_id()).repairs]


def test_a_repair_sends_the_runs_own_parameters_although_the_jobs_have_moved(admit: Admit) -> None:
    plan = job(parameters={"day": "monday", "mode": "full"})
    moved = JobChange(job="nightly", at=20, parameters={"day": "tuesday"})
    ward = admit(failing(plan, why=RECOVERS, changes=(moved,)))
    ward.treat()
    assert repair_params(ward) == [{"day": "monday", "mode": "full"}]


def test_a_repair_sends_a_value_that_was_given_for_this_run_alone(admit: Admit) -> None:
    ward = admit(failing(job(parameters={"day": "monday"}, schedule=None), why=RECOVERS))
    job_id = ward.sandbox.stage.job_ids["nightly"]
    run_id = ward.sandbox.world.run_now(job_id, by=OWNER, params={"day": "friday"}, hits={"load": RECOVERS})
    ward.minutes(30)
    ward.treat()
    assert dict(ward.sandbox.world.run(run_id).repairs[0].params) == {"day": "friday"}


def test_a_changed_parameter_goes_with_the_repair(admit: Admit) -> None:
    helped = MEMORY.model_copy(update={"ends": Ending(params={"partitions": Bound(at_least=100)})})
    ward = admit(failing(job(parameters={"partitions": "64", "day": "monday"}), why=helped))
    ward.rules(params=[PARTITIONS])
    ward.treat()
    ward.minutes(30)
    ward.treat()
    decision = ward.row("decisions")
    assert (decision["action"], decision["params"]) == ("retry_with_new_params", {"partitions": "128"})
    assert repair_params(ward) == [{"day": "monday", "partitions": "128"}]
    assert ward.row("outcomes")["outcome"] == "recovered"


def test_a_parameter_that_the_job_does_not_declare_is_not_invented(admit: Admit) -> None:
    ward = admit(failing(job(cluster=None), why=MEMORY))
    ward.rules(params=[PARTITIONS])
    ward.treat()
    assert ward.row("decisions")["gate"] == "remedy"


CHAIN = (
    TaskPlan(key="extract", minutes=5),
    TaskPlan(key="load", minutes=5, needs=("extract",), parameters={"into": "{{job.parameters.target}}"}),
    TaskPlan(key="report", minutes=5, needs=("load", "extract")),
    TaskPlan(key="other", minutes=5),
)


@pytest.fixture
def enlarged(admit: Admit) -> Ward:
    """A chain whose second task ran out of memory, treated, and the one-time run ended."""
    helped = MEMORY.model_copy(update={"ends": Ending(compute=Compute.MORE_WORKERS)})
    plan = job(*CHAIN, parameters={"target": "sales"}, cluster=ClusterPlan(workers=2))
    ward = admit(failing(plan, why=helped, task="load"))
    ward.treat()
    ward.minutes(30)
    ward.treat()
    return ward


def test_changed_compute_is_a_one_time_run_of_the_failed_part(enlarged: Ward) -> None:
    action = enlarged.row("actions")
    run = enlarged.sandbox.world.run(action["new_run_id"])
    specs = run.specs()
    assert (run.run_type, enlarged.repairs()) == ("SUBMIT_RUN", ())
    assert str(enlarged.run_id()) in run.name
    assert set(specs) == {"load", "report"}
    assert [one.get("depends_on") for one in specs.values()] == [None, [{"task_key": "load"}]]
    assert specs["load"]["new_cluster"]["num_workers"] == 4
    assert specs["report"]["new_cluster"]["num_workers"] == 2


def test_job_parameters_move_into_the_tasks_of_a_one_time_run(enlarged: Ward) -> None:
    run = enlarged.sandbox.world.run(enlarged.row("actions")["new_run_id"])
    assert run.specs()["load"]["notebook_task"]["base_parameters"] == {"into": "sales", "target": "sales"}
    assert "parameters" not in run.settings


def test_a_one_time_run_runs_as_the_job_does(enlarged: Ward) -> None:
    run = enlarged.sandbox.world.run(enlarged.row("actions")["new_run_id"])
    assert run.settings["run_as"] == {"user_name": OWNER}


def test_what_came_of_a_one_time_run_is_credited_to_the_decision(enlarged: Ward) -> None:
    outcome = enlarged.row("outcomes")
    assert (outcome["outcome"], outcome["attributed_to"]) == ("recovered", "jobmedic")
    assert outcome["compute_seconds_used"] > 0
    truth = enlarged.sandbox.truth()[enlarged.run_id()]
    assert truth.recovered_by == f"submit by {JOBMEDIC_USER}"


def test_a_one_time_run_that_fails_is_told_to_the_same_owner_and_not_started_again(admit: Admit) -> None:
    ward = admit(failing(job(cluster=ClusterPlan(workers=2)), why=MEMORY))
    for _ in range(3):
        ward.treat()
        ward.minutes(30)
    assert len(ward.sandbox.truth()[ward.run_id()].submits) == 1
    started = next(row["new_run_id"] for row in ward.rows("actions") if row["new_run_id"])
    again = ward.row("decisions", run_id=started)
    assert (again["owner"], again["action"], again["gate"]) == (OWNER, "send_email", "submitted")
    assert ward.row("outcomes")["outcome"] == "failed_same"


def test_a_time_limit_is_lengthened_by_a_one_time_run(admit: Admit) -> None:
    overrun = cause(result_state="TIMEDOUT", termination_code="CANCELED", error=None)
    ward = admit(failing(job(TaskPlan(key="load", minutes=10, timeout_minutes=3)), why=overrun))
    ward.treat()
    run = ward.sandbox.world.run(ward.row("actions")["new_run_id"])
    assert run.specs()["load"]["timeout_seconds"] == 360


def test_a_one_time_submit_is_started_again_where_the_policy_says_so(admit: Admit) -> None:
    ward = admit(failing(job(one_time=True), why=RECOVERS))
    ward.rules(resubmit=True, rerun_untagged=True)
    ward.treat()
    ward.minutes(30)
    ward.treat()
    assert ward.sandbox.truth()[ward.run_id()].recovered_by == f"submit by {JOBMEDIC_USER}"
    assert ward.row("outcomes")["outcome"] == "recovered"


def two_failures(**fields: Any) -> Scenario:
    tasks = (TaskPlan(key="a", minutes=5), TaskPlan(key="b", minutes=5), TaskPlan(key="c", minutes=5, needs=("a",)))
    plan = job(*tasks, **fields)
    failures = (Failure(job="nightly", cause="network", task="a"), Failure(job="nightly", cause="syntax", task="b"))
    return Scenario(name="two", causes=(RECOVERS, SYNTAX), jobs=(plan,), failures=failures)


def test_of_several_failed_tasks_the_most_cautious_action_counts(admit: Admit) -> None:
    ward = admit(two_failures())
    ward.treat()
    decision = ward.row("decisions")
    assert (decision["action"], decision["category"]) == ("send_email", "syntax")
    assert (decision["task_keys"], ward.repairs()) == (["a", "b"], ())
    assert "1 more failed task" in decision["reason"]


def test_a_repair_names_every_root_cause_and_nothing_else(admit: Admit) -> None:
    story = two_failures()
    both = tuple(failure.model_copy(update={"cause": "network"}) for failure in story.failures)
    ward = admit(story.model_copy(update={"failures": both, "causes": (RECOVERS,)}))
    ward.treat()
    run = ward.sandbox.world.run(ward.run_id())
    again = sorted(attempt.task_key for attempt in run.attempts if attempt.repair_id)
    assert (ward.row("decisions")["task_keys"], again) == (["a", "b"], ["a", "b", "c"])


def test_tolerated_failures_are_repaired_where_the_policy_says_so(admit: Admit) -> None:
    tasks = (TaskPlan(key="load"), TaskPlan(key="publish", needs=("load",), run_if="ALL_DONE"))
    ward = admit(failing(job(*tasks), why=RECOVERS, task="load"))
    ward.rules(success_with_failures="repair")
    ward.treat()
    assert ward.repairs() == (JOBMEDIC_USER,)


def test_retries_end_when_all_layers_together_have_had_theirs(admit: Admit) -> None:
    plan = job(TaskPlan(key="load", minutes=5, retries=1, retry_wait_seconds=60))
    ward = admit(failing(plan, why=NETWORK))
    for _ in range(6):
        ward.treat()
        ward.minutes(45)
    told = ward.sandbox.truth()[ward.run_id()]
    assert len(told.repairs) == 1  # two executions by the platform, then a repair that brings two more
    assert ward.rows("decisions", attempt=1)[0]["gate"] == "retries"


def test_a_policy_that_names_the_job_beats_the_rest(admit: Admit) -> None:
    ward = admit(failing(job(tags={}), why=RECOVERS))
    ward.rules(jobs=[{"match": "night*", "rerun_untagged": True}, {"match": "*", "mode": "off"}])
    ward.treat()
    assert ward.row("decisions")["status"] == "shadow"  # the second entry switches it off, whatever the first allows
    ward.rules(jobs=[{"match": "night*", "rerun_untagged": True}])
    ward.treat()
    assert ward.repairs() == (JOBMEDIC_USER,)


def test_an_old_failure_is_not_retried_by_surprise(admit: Admit) -> None:
    ward = admit(failing(job(schedule=SchedulePlan(), tags=SAFE), why=RECOVERS), seconds=23 * 3600)
    ward.rules(retries={"oldest_failure_hours": 12})
    ward.treat()
    assert (ward.row("decisions")["gate"], ward.repairs()) == ("age", ())
