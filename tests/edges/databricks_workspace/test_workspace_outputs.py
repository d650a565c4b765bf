import pytest

from jobmedic.edges.databricks_workspace import DatabricksWorkspace
from jobmedic.edges.databricks_workspace.outputs import GET_OUTPUT, GET_RUN
from jobmedic.ports.workspace import RunGone, WorkspaceError
from tests.edges.databricks_workspace.api_json import RUN, run, states, task
from tests.edges.databricks_workspace.workspace_server import Answer, Asked, WorkspaceServer, refusal

MULTIPLE = refusal(
    400, "INVALID_PARAMETER_VALUE", "Retrieving the output of runs with multiple tasks is not supported."
)


def outputs(server: WorkspaceServer, by_run: dict[int, Answer]) -> None:
    def script(asked: Asked) -> Answer:
        return by_run[int(asked.query["run_id"])]

    server.on(GET_OUTPUT, script=script)


def test_an_error_and_its_trace_come_with_the_size_before_the_cut(
    server: WorkspaceServer, workspace: DatabricksWorkspace
) -> None:
    server.on(GET_OUTPUT, {"error": "größe", "error_trace": "Caused by: x", "logs": "many"})
    found = workspace.get_output(11)
    assert (found.error, found.error_trace, found.error_bytes) == ("größe", "Caused by: x", 7)


@pytest.mark.parametrize("empty", [None, "", " \n"])
def test_nothing_is_none(server: WorkspaceServer, workspace: DatabricksWorkspace, empty: str | None) -> None:
    server.on(GET_OUTPUT, {"error": empty, "error_trace": empty})
    found = workspace.get_output(11)
    assert (found.error, found.error_trace) == (None, None)


def test_five_megabytes_keep_their_head_and_tail(server: WorkspaceServer, workspace: DatabricksWorkspace) -> None:
    text = "first line\n" + "é" * 2_500_000 + "\nCaused by: the deepest"
    server.on(GET_OUTPUT, {"error": text, "error_trace": text})
    found = workspace.get_output(11)
    for kept in (found.error, found.error_trace):
        assert kept is not None
        assert kept.startswith("first line")
        assert kept.endswith("Caused by: the deepest")
        assert "bytes cut out" in kept
        assert len(kept.encode()) <= 1_000
    assert found.error_bytes == len(text.encode())


def test_a_secret_at_the_cut_leaves_no_half_behind(server: WorkspaceServer, workspace: DatabricksWorkspace) -> None:
    token = "dapi" + "0123456789abcdef" * 2
    server.on(GET_OUTPUT, {"error": " ".join(["x" * (555 + n) + token for n in range(40)])})
    found = workspace.get_output(11)
    assert found.error is not None
    assert "dapi" not in found.error


def test_binary_junk_is_made_safe_to_store(server: WorkspaceServer, workspace: DatabricksWorkspace) -> None:
    server.on(
        GET_OUTPUT, {"error": "a\x00b\ud800c\x07 \u05d0\r\nnext", "error_trace": "\x1b[0;31mValueError\x1b[0m: x"}
    )
    found = workspace.get_output(11)
    assert found.error == "a\ufffdb\ufffdc\ufffd \u05d0\nnext"
    assert found.error_trace == "ValueError: x"
    assert found.error.encode("utf-8")


def test_secrets_are_gone_from_error_and_trace(server: WorkspaceServer, workspace: DatabricksWorkspace) -> None:
    server.on(GET_OUTPUT, {"error": "x password=hunter2", "error_trace": "y password=hunter2"})
    found = workspace.get_output(11)
    assert (found.error, found.error_trace) == ("x password=[redacted:password]", "y password=[redacted:password]")


def test_without_an_error_the_last_lines_of_the_logs_are_the_trace(
    server: WorkspaceServer, workspace: DatabricksWorkspace
) -> None:
    logs = "\n".join(f"line {n}" for n in range(1_000)) + "\nKilled\n"
    server.on(GET_OUTPUT, {"error": "", "logs": logs})
    found = workspace.get_output(11)
    assert found.error is None
    assert found.error_trace is not None
    assert found.error_trace.endswith("line 999\nKilled")
    assert "line 0\n" not in found.error_trace


def test_a_for_each_task_shows_the_error_of_a_failed_iteration(
    server: WorkspaceServer, workspace: DatabricksWorkspace
) -> None:
    iterations = [task(21, "i", result="SUCCESS"), task(22, "i"), task(23, "i", attempt=1)]
    outputs(server, {11: MULTIPLE, 23: Answer({"error": "ValueError: 3"})})
    server.on(GET_RUN, {"run_id": 11, **states("FAILED"), "iterations": iterations})
    assert workspace.get_output(11).error == "ValueError: 3"


def test_a_for_each_task_whose_iterations_say_nothing_shows_the_platforms_sample(
    server: WorkspaceServer, workspace: DatabricksWorkspace
) -> None:
    stats = {"error_message_stats": [{"count": 3, "error_message": "ZeroDivisionError"}]}
    loop = task(11, "loop", for_each_task={"inputs": "[]", "task": {}, "stats": stats})
    outputs(server, {11: Answer({"metadata": loop})})
    server.on(GET_RUN, {"run_id": 11, "tasks": [loop]})
    assert workspace.get_output(11).error == "ZeroDivisionError"


def test_a_run_job_task_shows_the_error_of_the_run_it_started(
    server: WorkspaceServer, workspace: DatabricksWorkspace
) -> None:
    child = Answer({"error": "Table not found"})
    outputs(server, {11: Answer({"run_job_output": {"run_id": RUN}}), 31: Answer({}), 32: child})
    server.on(GET_RUN, run(task(31, "a", result="UPSTREAM_FAILED"), task(32, "b")))
    assert workspace.get_output(11).error == "Table not found"


def test_runs_that_point_at_each_other_end(server: WorkspaceServer, workspace: DatabricksWorkspace) -> None:
    outputs(server, {11: Answer({"run_job_output": {"run_id": 12}})})
    server.on(GET_RUN, {"run_id": 12, "tasks": [task(11, "a")]})
    assert workspace.get_output(11).error is None
    assert len(server.asked) < 12


def test_a_run_with_several_tasks_has_no_output_of_its_own(
    server: WorkspaceServer, workspace: DatabricksWorkspace
) -> None:
    outputs(server, {RUN: MULTIPLE})
    server.on(GET_RUN, run(task(11, "a"), task(12, "b")))
    with pytest.raises(WorkspaceError, match="multiple tasks") as caught:
        workspace.get_output(RUN)
    assert caught.value.status == 400


def test_an_output_that_is_gone_is_gone(server: WorkspaceServer, workspace: DatabricksWorkspace) -> None:
    server.on(GET_OUTPUT, refusal(404, "RESOURCE_DOES_NOT_EXIST", "Run 11 does not exist"))
    with pytest.raises(RunGone):
        workspace.get_output(11)
