import json
import math
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow.entities import RunStatus

from jobmedic.edges.mlflow_tracker.tracker import MlflowTracker
from jobmedic.knowledge.words import Category
from jobmedic.ports.model import ModelDiagnosis, ModelReply, Question

QUESTION = Question("v1:abc", "Connection refused", None, "notebook", None, {"batch": "10"})
DIAGNOSIS = ModelDiagnosis(Category.NETWORK, True, 0.9, "down", "refused", "again", {})
REPLY = ModelReply(DIAGNOSIS, None, "gpt", "1+ab", 1000, 100, 0.0028, 0.5)


class FixedModel:
    def __init__(self, reply: ModelReply) -> None:
        self.reply = reply

    def diagnose(self, question: Question) -> ModelReply:
        return self.reply


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Opening a new SQLite store takes MLflow seconds, so the module has one."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/new/folder/mlflow.db"


@pytest.fixture
def tracker(store: str, request: pytest.FixtureRequest) -> Iterator[MlflowTracker]:
    made = MlflowTracker(tracking_uri=store, experiment=request.node.name, patience_seconds=90)
    yield made
    made.close()


def stored(store: str, run_id: str | None) -> Any:
    assert run_id is not None
    return mlflow.MlflowClient(tracking_uri=store).get_run(run_id)


def test_a_run_keeps_its_figures_tags_and_files(tracker: MlflowTracker, store: str, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("<p>report</p>")
    with tracker.run("pass-1", tags={"pass_id": "p1"}) as run:
        run.metrics({"failures": 3, "odd": float("nan")} | {f"m{n}": n for n in range(250)})
        run.params({"policy": "v1", "long": "x" * 9000})
        run.artifact(tmp_path / "report.html")
    run_id = run.run_id
    tracker.close()
    found = stored(store, run_id)
    assert found.info.status == RunStatus.to_string(RunStatus.FINISHED)
    assert (found.data.metrics["failures"], found.data.metrics["m249"], "odd" in found.data.metrics) == (3, 249, False)
    assert (found.data.params["policy"], found.data.tags["pass_id"]) == ("v1", "p1")
    assert [f.path for f in mlflow.MlflowClient(tracking_uri=store).list_artifacts(str(run_id))] == ["report.html"]


def test_a_run_of_which_there_is_to_be_one_is_taken_up_again(tracker: MlflowTracker, store: str) -> None:
    tags = {"jobmedic.kind": "learn", "jobmedic.period_end": "2026-03-08T03:00:00+00:00"}
    for figures, policy in (({"accuracy": 0.5, "ece": 0.1}, "v1"), ({"accuracy": 0.75}, "v2")):
        with tracker.run("learn", tags=tags, one=True) as run:
            run.metrics(figures)
            run.params({"policy": policy})
    with tracker.run("learn", tags=tags | {"jobmedic.period_end": "later"}, one=True) as other:
        pass
    assert run.complete
    tracker.close()
    found = stored(store, run.run_id)
    assert other.run_id != run.run_id
    assert (found.data.metrics["accuracy"], math.isnan(found.data.metrics["ece"])) == (0.75, True)
    assert (found.data.params["policy"], found.info.status) == ("v1", "FINISHED")


def test_work_that_fails_is_a_failed_run_and_its_own_error(tracker: MlflowTracker, store: str) -> None:
    with pytest.raises(KeyError), tracker.run("pass-2", tags={}) as run:
        raise KeyError("the work's own")
    run_id = run.run_id
    tracker.close()
    assert stored(store, run_id).info.status == "FAILED"


def test_a_model_call_leaves_a_span_with_its_price_and_prompt(tracker: MlflowTracker, store: str) -> None:
    assert tracker.traced(FixedModel(REPLY)).diagnose(QUESTION) is REPLY
    tracker.close()
    trace = only_trace(store, "test_a_model_call_leaves_a_span_with_its_price_and_prompt")
    span = trace.data.spans[0]
    assert span.attributes["prompt_version"] == "1+ab"
    assert span.attributes["cost_usd"] == pytest.approx(0.0028)
    assert trace.info.token_usage == {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
    assert (span.inputs["fingerprint"], span.outputs["category"]) == ("v1:abc", "network")


def test_a_span_names_parameters_and_never_their_values(tracker: MlflowTracker, store: str) -> None:
    question = Question("v1:abc", "x", None, None, None, {"password": "hunter2"})
    tracker.traced(FixedModel(REPLY)).diagnose(question)
    tracker.close()
    trace = only_trace(store, "test_a_span_names_parameters_and_never_their_values")
    assert "hunter2" not in json.dumps(trace.to_dict(), default=str)


def test_a_span_holds_no_secret_that_the_model_spelled_out(tracker: MlflowTracker, store: str) -> None:
    told = replace(DIAGNOSIS, fix="export PASSWORD=hunter2", suggested_params={"url": "pg://u:hunter2@h/db"})
    tracker.traced(FixedModel(replace(REPLY, diagnosis=told))).diagnose(QUESTION)
    tracker.close()
    trace = only_trace(store, "test_a_span_holds_no_secret_that_the_model_spelled_out")
    assert "[redacted:password]" in json.dumps(trace.to_dict(), default=str)
    assert "hunter2" not in json.dumps(trace.to_dict(), default=str)


def test_a_refusal_is_a_span_that_failed(tracker: MlflowTracker, store: str) -> None:
    reply = ModelReply(None, "rate limited", "gpt", "1+ab", 0, 0, 0.0, 0.1)
    tracker.traced(FixedModel(reply)).diagnose(QUESTION)
    tracker.close()
    span = only_trace(store, "test_a_refusal_is_a_span_that_failed").data.spans[0]
    assert (span.status.status_code, span.outputs) == ("ERROR", {"refusal": "rate limited"})


def only_trace(store: str, experiment: str) -> Any:
    client = mlflow.MlflowClient(tracking_uri=store)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    traces = client.search_traces(locations=[found.experiment_id])
    assert len(traces) == 1
    return traces[0]


def test_a_server_that_is_not_there_fails_nothing_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        uri = f"http://user:s3cret@127.0.0.1:{unused.getsockname()[1]}"
    tracker, started = MlflowTracker(tracking_uri=uri, experiment="e", patience_seconds=30), time.monotonic()
    for name in ("one", "two"):
        with tracker.run(name, tags={}) as run:
            run.metrics({"a": 1})
    assert (run.run_id, run.complete) == (None, False)
    tracker.close()
    assert time.monotonic() - started < 25
    assert caplog.text.count("does not take the figures") == 1
    assert "s3cret" not in caplog.text


def test_a_store_that_hangs_holds_a_run_up_for_two_seconds_at_most() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        tracker, started = MlflowTracker(tracking_uri=uri, experiment="e", patience_seconds=0.2), time.monotonic()
        with tracker.run("one", tags={}) as run:
            run.metrics({"a": 1})
        assert run.run_id is None
        tracker.close()
        assert time.monotonic() - started < 3
    assert tracker._thread.drain(60)  # its last words come now, not in the middle of another test


def test_a_store_that_cannot_be_written_fails_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    tracker = MlflowTracker(tracking_uri=f"sqlite:///{tmp_path}/file/mlflow.db", experiment="e", patience_seconds=30)
    with tracker.run("one", tags={}) as run:
        run.params({"a": "b"})
    assert run.run_id is None
    assert "MLFLOW_TRACKING_URI" in caplog.text
