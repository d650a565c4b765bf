from pathlib import Path

import pytest

from jobmedic.edges.mlflow_tracker.registry import MlflowRegistry
from jobmedic.ports.registry import Alias, Classifier, RegistryError

FIRST = Classifier("rules-1", "prompt-1", "gpt", "gpt")
TUNED = Classifier("rules-1", "prompt-1", "gpt-tuned", "gpt")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> MlflowRegistry:
    store = tmp_path_factory.mktemp("registry") / "mlflow.db"
    return MlflowRegistry(tracking_uri=f"sqlite:///{store}", experiment="jobmedic", name="jobmedic_classifier")


def test_an_alias_nobody_set_points_at_nothing(registry: MlflowRegistry) -> None:
    assert registry.get(Alias.CHALLENGER) is None


def test_an_alias_points_at_the_configuration_it_was_given(registry: MlflowRegistry) -> None:
    registry.point(Alias.CHAMPION, registry.register(FIRST, note="the first"))
    assert (found := registry.get(Alias.CHAMPION))
    assert found.classifier == FIRST
    registry.point(Alias.CHAMPION, registry.register(TUNED, note="tuned"))
    assert (found := registry.get(Alias.CHAMPION))
    assert found.classifier == TUNED


def test_the_same_configuration_keeps_its_version(registry: MlflowRegistry) -> None:
    assert registry.register(FIRST, note="once") == registry.register(FIRST, note="again")


def test_a_prompt_is_registered_once_a_version(registry: MlflowRegistry) -> None:
    import mlflow

    for _ in range(2):
        registry.register_prompt("jobmedic_diagnose", "1+abc", "Diagnose {{ error }}")
    client = mlflow.MlflowClient(tracking_uri=registry._uri, registry_uri=registry._uri)
    assert client.load_prompt("prompts:/jobmedic_diagnose@v1-abc").version == 1
    assert len(client.search_prompt_versions("jobmedic_diagnose")) == 1


def test_a_registry_that_cannot_be_opened_says_which_setting_to_check(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    uri = f"sqlite:///{tmp_path / 'file' / 'mlflow.db'}"
    broken = MlflowRegistry(tracking_uri=uri, experiment="jobmedic", name="jobmedic_classifier")
    with pytest.raises(RegistryError, match="check MLFLOW_TRACKING_URI"):
        broken.get(Alias.CHAMPION)
