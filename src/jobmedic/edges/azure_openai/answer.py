"""The shape in which a model has to answer, and the reading of a chat completion into the port's record."""

import json
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from jobmedic.knowledge.words import Category
from jobmedic.ports.model import ModelDiagnosis


def _probability(value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError("a confidence lies between 0 and 1")
    return value


class SuggestedParam(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    value: str


class DiagnosisAnswer(BaseModel):
    """Strict schemas know no maps and no number ranges, hence the list of pairs and the validator.

    Evidence and cause come before the category: a model reasons in the order in which it writes.
    """

    model_config = ConfigDict(extra="forbid")

    evidence: str
    root_cause: str
    category: Category
    transient: bool
    confidence: Annotated[float, AfterValidator(_probability)]
    fix: str
    suggested_params: list[SuggestedParam]

    def diagnosis(self) -> ModelDiagnosis:
        return ModelDiagnosis(
            category=self.category,
            transient=self.transient,
            confidence=self.confidence,
            root_cause=self.root_cause,
            evidence=self.evidence,
            fix=self.fix,
            suggested_params={param.name: param.value for param in self.suggested_params},
        )


JSON_SHAPE = (
    '{"evidence": string, "root_cause": string, "category": one of '
    + ", ".join(f'"{category}"' for category in Category)
    + ', "transient": true or false, "confidence": number from 0 to 1, "fix": string, '
    '"suggested_params": [{"name": string, "value": string}]}'
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a chat completion says: a diagnosis or why there is none, and the tokens it cost either way."""

    diagnosis: ModelDiagnosis | None
    refusal: str | None
    tokens_in: int = 0
    tokens_out: int = 0


def read_completion(body: str) -> Reading:
    """Reads the response body itself: the SDK's own parser raises away the usage of answers that do not parse."""
    try:
        completion = json.loads(body)
        choice = completion["choices"][0]
        message = choice["message"]
    except (ValueError, TypeError, KeyError, IndexError):
        return Reading(
            None, "the endpoint answered with something that is no chat completion: check AZURE_OPENAI_ENDPOINT"
        )
    tokens_in, tokens_out = _tokens(completion, "prompt_tokens"), _tokens(completion, "completion_tokens")
    refusal = _refusal(choice.get("finish_reason"), message)
    if refusal is not None:
        return Reading(None, refusal, tokens_in, tokens_out)
    try:
        answer = DiagnosisAnswer.model_validate_json(message["content"])
    except ValidationError as problem:
        first = problem.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "answer"
        return Reading(None, f"the answer is not in the schema: {place}: {first['msg'][:120]}", tokens_in, tokens_out)
    return Reading(answer.diagnosis(), None, tokens_in, tokens_out)


def _refusal(finish_reason: object, message: Any) -> str | None:
    if not isinstance(message, dict):
        return "the answer holds no message"
    if message.get("refusal"):
        return f"the model refused: {str(message['refusal'])[:200]}"
    if finish_reason == "length":
        return "the answer was cut short by the token limit"
    if finish_reason == "content_filter":
        return "the content filter stopped the answer"
    return None if isinstance(message.get("content"), str) else "the answer is empty"


def _tokens(completion: Any, name: str) -> int:
    usage = completion.get("usage") or {}
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if isinstance(count, int) else 0
