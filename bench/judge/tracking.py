"""Figures and pictures of one judgement as an MLflow run in the local store."""

from collections.abc import Mapping
from pathlib import Path

import mlflow

from bench.judge.measures import Scores

EXPERIMENT = "jobmedic-judge"


def log(store: Path, corpus: Path, results: Mapping[str, Scores], pictures: Path) -> str:
    """One run a corpus; baselines as `keyword_table.macro_f1`. Returns the run id."""
    store.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(f"sqlite:///{store / 'mlflow.db'}")
    if mlflow.get_experiment_by_name(EXPERIMENT) is None:
        mlflow.create_experiment(EXPERIMENT, artifact_location=(store / "mlartifacts").absolute().as_uri())
    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run(run_name=corpus.name) as run:
        mlflow.log_params({"corpus": corpus.name, "failures": next(iter(results.values())).count})
        for name, scores in results.items():
            prefix = "" if name == "jobmedic" else f"{name.replace(' ', '_')}."
            mlflow.log_metrics({f"{prefix}{key}": value for key, value in figures(scores).items()})
        ours = results["jobmedic"]
        mlflow.log_metrics({f"f1_{one.category}": one.f1 for one in ours.classes})
        mlflow.log_artifacts(str(pictures), artifact_path="pictures")
        return str(run.info.run_id)


def figures(scores: Scores) -> dict[str, float]:
    values = {
        "macro_f1": scores.macro_f1,
        "category_accuracy": scores.category_accuracy,
        "action_accuracy": scores.action_accuracy,
        "wrong_retry_rate": scores.wrong_retry_rate,
        "missed_retry_rate": scores.missed_retry_rate,
        "blind_retries": float(scores.blind_retries),
        "unknown_share": scores.unknown_share,
    }
    return values if scores.ece is None else {**values, "ece": scores.ece}
