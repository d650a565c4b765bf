"""The language model that is asked about errors nobody has seen before."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from jobmedic.knowledge.words import Category


class ModelError(Exception):
    """A model that cannot be asked as it is configured; the message names the setting and what to do."""


@dataclass(frozen=True, slots=True)
class Precedent:
    """A like failure that was judged before, shown to the model as an example."""

    error: str
    category: Category
    transient: bool


@dataclass(frozen=True, slots=True)
class Question:
    """Everything the model may see; redacted, mail addresses included, and cut to the token budget."""

    fingerprint: str
    error: str
    error_trace: str | None
    task_type: str | None
    termination_code: str | None
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Job parameters that the policy allows to change, with their present values."""
    precedents: tuple[Precedent, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelDiagnosis:
    """A parsed answer, not yet checked: the pipeline checks it as data."""

    category: Category
    transient: bool
    confidence: float
    root_cause: str
    evidence: str
    fix: str
    suggested_params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ModelReply:
    """What came back. Tokens and cost are counted for refused and unusable answers too."""

    diagnosis: ModelDiagnosis | None
    refusal: str | None
    """Why there is no diagnosis, in words: down, rate limited, content filter, cut short, not in the schema."""
    model: str
    prompt_version: str
    tokens_in: int
    tokens_out: int
    cost_usd: float
    seconds: float
    asked: bool = True
    """False when the question was never sent, because the far end had just failed; nothing was spent then."""


class LanguageModel(Protocol):
    def diagnose(self, question: Question) -> ModelReply:
        """Never raises for what the far end does: that is a reply with a refusal. Safe to call from many threads."""
        ...
