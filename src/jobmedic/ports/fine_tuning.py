"""Training a deployment of one's own from judged failures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class TuningError(Exception):
    """The far end did not do what was asked, or what was prepared cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class TuningRequest:
    base_model: str
    training: Path
    validation: Path
    suffix: str
    seed: int


@dataclass(frozen=True, slots=True)
class TuningJob:
    job_id: str
    status: str
    """Raw, as the far end spells it; a word that nobody knows is taken for under way."""
    tuned_model: str | None
    """What a deployment can be made of, once the job succeeded."""
    error: str | None
    message: str | None
    """The newest event, for a progress line."""
    trained_tokens: int | None

    @property
    def ended(self) -> bool:
        return self.status in {"succeeded", "failed", "cancelled"}


class FineTuning(Protocol):
    def submit(self, request: TuningRequest) -> str:
        """Uploads both files, starts the job and returns its id. Raises TuningError."""
        ...

    def job(self, job_id: str) -> TuningJob:
        """Raises TuningError."""
        ...
