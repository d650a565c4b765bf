import pytest

from jobmedic.edges.frames import spark_type
from jobmedic.knowledge.tables import Table, View, tables, views

# What analysts' queries and older wheels rely on. Columns may be added; none of these may go or be renamed.
KEPT = {
    "failures": "workspace_id task_run_id run_id job_id job_name run_name run_type task_key task_type attempt_number repair_id "
    "started_at failed_at run_seconds result_state termination_code termination_type state_message error error_trace error_class "
    "sqlstate fingerprint owner run_page_url tags collected_at",
    "diagnoses": "fingerprint category transient confidence source rule root_cause evidence fix suggested_params exemplar model "
    "prompt_version tokens_in tokens_out cost_usd first_seen last_seen seen",
    "decisions": "decision_id workspace_id run_id job_id job_name task_keys fingerprint category action params confidence reason "
    "rule policy_version mode status not_before attempts_before retry_success_probability owner decided_at pass_id seconds_to_decide",
    "actions": "decision_id action status claimed_by requested_at finished_at repair_id new_run_id recipient incident_id error",
    "outcomes": "decision_id outcome observed_at final_state seconds_to_recover compute_seconds_used cost_usd",
    "feedback": "decision_id verdict correct_category correct_action comment given_by given_at",
    "incidents": "incident_id fingerprint scope status opened_at resolved_at runs jobs title summary",
    "passes": "model_calls tokens_in tokens_out cost_usd seconds errors",
}
VIEWS = ("v_decisions", "v_accuracy", "v_retry_success", "v_categories", "v_open_incidents", "v_costs")


@pytest.mark.parametrize("name", KEPT)
def test_the_columns_that_others_rely_on_are_there(name: str) -> None:
    assert set(KEPT[name].split()) <= set(tables()[name].column_names)


@pytest.mark.parametrize("name", VIEWS)
def test_the_views_that_others_rely_on_are_there(name: str) -> None:
    assert name in views()


@pytest.mark.parametrize("table", tables().values(), ids=tables())
def test_every_table_says_what_it_and_each_column_holds(table: Table) -> None:
    assert table.comment.strip()
    assert all(column.comment.strip() for column in table.columns)
    assert [spark_type(column.type) for column in table.columns]


@pytest.mark.parametrize("view", views().values(), ids=views())
def test_every_view_says_what_it_and_each_column_shows(view: View) -> None:
    assert view.comment.strip()
    assert view.columns
    assert view.reads <= {*tables(), *views()}


def test_a_view_comes_after_the_views_that_it_reads() -> None:
    names = list(views())
    for view in views().values():
        assert all(names.index(read) < names.index(view.name) for read in view.reads & set(names))
