"""The model that is in force: the champion of the registry, found out when the first question is asked."""

import threading
from collections.abc import Callable

from jobmedic.ports.model import LanguageModel, ModelReply, Question


class ChampionModel:
    """Most passes ask nothing, and then nobody looks into the registry. Safe to call from many threads."""

    def __init__(self, deployment: Callable[[], str], build: Callable[[str], LanguageModel]) -> None:
        self._deployment, self._build = deployment, build
        self._lock = threading.Lock()
        self._model: LanguageModel | None = None

    def diagnose(self, question: Question) -> ModelReply:
        with self._lock:
            if self._model is None:
                self._model = self._build(self._deployment())
        return self._model.diagnose(question)
