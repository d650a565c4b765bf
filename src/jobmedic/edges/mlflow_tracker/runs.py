"""What the tracker does to MLflow's store; every function here may hang or raise, and runs on the tracker's own thread."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jobmedic.edges.mlflow_tracker.store import bound_mlflow, local_store, make_store
from jobmedic.edges.redact import redact
from jobmedic.ports.model import ModelReply, Question

_BATCH = 100  # parameters a request; metrics may be 1,000
_TEXT = 4000


@dataclass(frozen=True, slots=True)
class Started:
    """A run that takes figures; `known` names those that it had when it was taken up again."""

    run_id: str
    known: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Store:
    client: Any
    experiment_id: str


def open_store(uri: str, experiment: str, artifacts: Path | None) -> Store:
    bound_mlflow()
    import mlflow
    from mlflow.exceptions import MlflowException

    make_store(uri)
    local = local_store(uri)
    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(experiment)
    if found is None:
        place = artifacts or (local.parent / "mlflow-artifacts" if local else None)
        try:
            return Store(client, client.create_experiment(experiment, place.absolute().as_uri() if place else None))
        except MlflowException:
            # Another process was first, or the name cannot be had at all: then this raises what is wrong.
            found = client.get_experiment_by_name(experiment)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return Store(client, found.experiment_id)


def start(store: Store, name: str, tags: dict[str, str], started_ms: int, *, one: bool) -> Started:
    if one and (earlier := _earlier(store, tags)) is not None:
        store.client.update_run(earlier.info.run_id, status="RUNNING", name=name)
        return Started(str(earlier.info.run_id), frozenset(earlier.data.metrics))
    run = store.client.create_run(store.experiment_id, start_time=started_ms, tags=tags, run_name=name)
    return Started(str(run.info.run_id))


def _earlier(store: Store, tags: Mapping[str, str]) -> Any:
    """The newest run with these tags; None when there is none."""
    same = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
    found = store.client.search_runs(
        [store.experiment_id], same, max_results=1, order_by=["attributes.start_time DESC"]
    )
    return found[0] if found else None


def put(store: Store, run_id: str, metrics: Mapping[str, float], params: Mapping[str, str], at_ms: int) -> None:
    from mlflow.entities import Metric, Param

    figures = [Metric(name, float(value), at_ms, 0) for name, value in metrics.items() if not math.isinf(value)]
    texts = [Param(name, str(value)) for name, value in params.items()]
    for at in range(0, max(len(figures), len(texts)), _BATCH):
        store.client.log_batch(run_id, metrics=figures[at : at + _BATCH], params=texts[at : at + _BATCH])


def span(store: Store, question: Question, reply: ModelReply, started_ns: int, ended_ns: int) -> None:
    import mlflow

    made = mlflow.start_span_no_context(
        "diagnose",
        span_type="CHAT_MODEL",
        experiment_id=store.experiment_id,
        start_time_ns=started_ns,
        inputs={
            "fingerprint": question.fingerprint,
            "task_type": question.task_type,
            "termination_code": question.termination_code,
            "error": question.error[:_TEXT],
            "error_trace": (question.error_trace or "")[-_TEXT:],
            "parameters": sorted(question.parameters),
            "precedents": len(question.precedents),
        },
        tags={"fingerprint": question.fingerprint, "prompt_version": reply.prompt_version},
    )
    usage = {"input_tokens": reply.tokens_in, "output_tokens": reply.tokens_out}
    made.set_attributes(
        {
            "mlflow.chat.tokenUsage": {**usage, "total_tokens": reply.tokens_in + reply.tokens_out},
            "mlflow.llm.model": reply.model,
            "prompt_version": reply.prompt_version,
            "fingerprint": question.fingerprint,
            "cost_usd": reply.cost_usd,
        }
    )
    outputs = asdict(reply.diagnosis) if reply.diagnosis else {"refusal": reply.refusal}
    made.end(outputs=_redacted(outputs), status="OK" if reply.diagnosis else "ERROR", end_time_ns=ended_ns)


def _redacted(value: Any) -> Any:
    """What a model says is text from outside too."""
    if isinstance(value, Mapping):
        return {key: _redacted(inner) for key, inner in value.items()}
    return redact(str(value)) if isinstance(value, str) else value
