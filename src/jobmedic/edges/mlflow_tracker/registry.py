"""The registry port on MLflow: a registered model whose versions are classifier configurations, and the prompt registry.

A version carries an MLmodel file with a signature and no code: Unity Catalog takes no model without one, and whoever
opens it in the catalogue sees what it is made of.
"""

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from jobmedic.edges.mlflow_tracker.store import bound_mlflow, local_store, make_store
from jobmedic.ports.registry import Alias, Classifier, Registered, RegistryError

_log = logging.getLogger(__name__)
_ABSENT = {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"}
_PREFIX = "jobmedic."


class MlflowRegistry:
    """`name` is `catalog.schema.model` on Unity Catalog, a plain name elsewhere. MLflow is opened at the first call."""

    def __init__(self, *, tracking_uri: str, experiment: str, name: str, registry_uri: str | None = None) -> None:
        self._uri, self._registry_uri = tracking_uri, registry_uri
        self._experiment, self._name = experiment, name
        self._opened: Any = None

    def register(self, classifier: Classifier, *, note: str) -> Registered:
        tags = {_PREFIX + key: value for key, value in asdict(classifier).items()}
        with self._explained(f"registering {self._name}") as client:
            self._make_model(client)
            for version in client.search_model_versions(f"name = '{self._name}'"):
                found = client.get_model_version(self._name, version.version)
                if _classifier(found.tags) == classifier:
                    return Registered(str(found.version), classifier)
            made = self._make_version(client, classifier, tags, note)
        return Registered(str(made.version), classifier)

    def get(self, alias: Alias) -> Registered | None:
        with self._explained(f"reading {self._name}@{alias}") as client:
            found = _or_none(lambda: client.get_model_version_by_alias(self._name, alias.value))
        classifier = _classifier(found.tags) if found is not None else None
        return Registered(str(found.version), classifier) if classifier is not None else None

    def point(self, alias: Alias, registered: Registered) -> None:
        with self._explained(f"pointing {self._name}@{alias} at version {registered.version}") as client:
            client.set_registered_model_alias(self._name, alias.value, registered.version)

    def register_prompt(self, name: str, version: str, text: str) -> None:
        schema, _, _ = self._name.rpartition(".")
        full = f"{schema}.{name}" if schema else name
        alias = "v" + "".join(c if c.isalnum() else "-" for c in version)
        try:
            with self._explained(f"registering prompt {full}") as client:
                if client.load_prompt(f"prompts:/{full}@{alias}", allow_missing=True) is None:
                    made = client.register_prompt(full, text, commit_message=version, tags={"prompt_version": version})
                    client.set_prompt_alias(full, alias, made.version)
        except RegistryError as problem:
            _log.info("the prompt is not in a prompt registry: %s", problem)

    def _make_model(self, client: Any) -> None:
        if _or_none(lambda: client.get_registered_model(self._name)) is None:
            client.create_registered_model(
                self._name, description="How jobmedic diagnoses: rules, prompt and deployment"
            )

    def _make_version(self, client: Any, classifier: Classifier, tags: Mapping[str, str], note: str) -> Any:
        run = client.create_run(self._experiment_id(client), run_name=f"register {self._name}", tags=dict(tags))
        with tempfile.TemporaryDirectory() as folder:
            _model_file(run.info.run_id, classifier, Path(folder) / "MLmodel")
            client.log_artifacts(run.info.run_id, folder, "classifier")
        client.set_terminated(run.info.run_id)
        return client.create_model_version(
            self._name, f"{run.info.artifact_uri}/classifier", run.info.run_id, tags=dict(tags), description=note
        )

    def _experiment_id(self, client: Any) -> str:
        found = client.get_experiment_by_name(self._experiment)
        if found is not None:
            return str(found.experiment_id)
        local = local_store(self._uri)
        place = (local.parent / "mlflow-artifacts").absolute().as_uri() if local else None
        return str(client.create_experiment(self._experiment, place))

    @contextmanager
    def _explained(self, doing: str) -> Iterator[Any]:
        try:
            if self._opened is None:
                bound_mlflow()
                import mlflow

                make_store(self._uri)
                self._opened = mlflow.MlflowClient(tracking_uri=self._uri, registry_uri=self._registry_uri)
            yield self._opened
        except Exception as problem:
            first_line = (str(problem).splitlines() or [""])[0][:300]
            raise RegistryError(
                f"{doing}: {type(problem).__name__}: {first_line}; check MLFLOW_TRACKING_URI and MLFLOW_REGISTRY_URI"
            ) from problem


def _classifier(tags: Mapping[str, str]) -> Classifier | None:
    """None for a version that somebody else made."""
    values = {field.name: tags.get(_PREFIX + field.name) for field in fields(Classifier)}
    found = {name: value for name, value in values.items() if value is not None}
    return Classifier(**found) if len(found) == len(values) else None


def _or_none(call: Callable[[], Any]) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return call()
    except MlflowException as problem:
        if problem.error_code in _ABSENT or "not found" in str(problem).lower():
            return None
        raise


def _model_file(run_id: str, classifier: Classifier, path: Path) -> None:
    from mlflow.models import Model
    from mlflow.models.signature import ModelSignature
    from mlflow.types.schema import ColSpec, Schema

    texts, names = Schema([ColSpec("string", "error")]), Schema([ColSpec("string", "category")])
    model = Model(run_id=run_id, signature=ModelSignature(inputs=texts, outputs=names))
    model.add_flavor("jobmedic", **asdict(classifier))
    model.save(str(path))
