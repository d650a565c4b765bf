"""The language model port on Azure OpenAI, or on any endpoint that speaks its chat completions."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import openai
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from jobmedic.edges.azure_openai.answer import JSON_SHAPE, DiagnosisAnswer, Reading, read_completion
from jobmedic.edges.azure_openai.dialect import Dialect
from jobmedic.edges.azure_openai.entra import entra_token
from jobmedic.edges.azure_openai.question import chat
from jobmedic.edges.redact import redact
from jobmedic.knowledge.prompt import Prompt, diagnosis_prompt
from jobmedic.ports.model import ModelError, ModelReply, Question

_log = logging.getLogger(__name__)
_REST_SECONDS = 30.0
_LONGEST_REST_SECONDS = 300.0
_PASSING = {408, 409, 429, 500, 502, 503, 504}
_WORDS = {
    401: "refused the credentials (401): check AZURE_OPENAI_API_KEY, or the identity's role on the resource",
    403: "denied access (403): check the role, the network rules and AZURE_OPENAI_ENDPOINT",
    404: "knows no such deployment (404): check AZURE_OPENAI_DEPLOYMENT, AZURE_OPENAI_ENDPOINT and AZURE_OPENAI_API_VERSION",
}


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars per million tokens."""

    usd_in: float = 0.0
    usd_out: float = 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one diagnosis may take; `patience_seconds` bounds all attempts and waits together."""

    token_budget: int = 3000
    max_output_tokens: int = 4000
    timeout_seconds: float = 30.0
    patience_seconds: float = 60.0
    attempts: int = 3


class AzureOpenAIModel:
    """Asks once and parses strictly; what the far end does wrong is a refusal in words.

    After a failure that the next question would meet too, it rests: a dead or throttled endpoint costs a pass one
    patience, not one for every new fingerprint.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        deployment: str,
        api_key: str | None = None,
        api_version: str | None = None,
        prices: Prices | None = None,
        limits: Limits | None = None,
        token: Callable[[], str] | None = None,
        prompt: Prompt | None = None,
    ) -> None:
        if not deployment:
            raise ModelError("AZURE_OPENAI_DEPLOYMENT is not set: name the deployment behind AZURE_OPENAI_ENDPOINT")
        self._deployment = deployment
        self._prices = prices or Prices()
        self._limits = limits or Limits()
        self._prompt = prompt or diagnosis_prompt()
        self._token = None if api_key else (token or entra_token())
        self._client = azure_client(endpoint, api_key, api_version, self._limits.timeout_seconds)
        self._dialect = Dialect()
        self._rest_until, self._rest_reason = 0.0, ""

    def diagnose(self, question: Question) -> ModelReply:
        started = time.monotonic()
        if started < self._rest_until:
            return self._reply(started, Reading(None, f"not asked: {self._rest_reason}"), asked=False)
        try:
            reading = read_completion(self._ask(question, started + self._limits.patience_seconds))
        except openai.APIError as problem:
            reading = Reading(None, self._refusal(problem))
        except Exception as problem:  # noqa: BLE001 - whatever a credential library raises is the far end's doing too
            _log.debug("model call failed", exc_info=True)
            reading = Reading(None, self._rest(f"the model could not be asked ({type(problem).__name__})"))
        return self._reply(started, reading)

    def _ask(self, question: Question, deadline: float) -> str:
        """The response body; fields that the deployment refuses are left out and the question is asked again."""
        while True:
            dialect = self._dialect
            try:
                return self._retrying(deadline)(self._send, question, dialect, deadline)
            except openai.BadRequestError as problem:
                adapted = dialect.without(f"{problem.param or ''} {problem.message}")
                if adapted == dialect or _filtered(problem):
                    raise
                self._dialect = adapted
                _log.info("deployment %s: asking again with %s", self._deployment, adapted)

    def _send(self, question: Question, dialect: Dialect, deadline: float) -> str:
        shape = None if dialect.strict_schema else JSON_SHAPE
        request: dict[str, Any] = {
            "model": self._deployment,
            "messages": chat(self._prompt, question, token_budget=self._limits.token_budget, json_shape=shape),
            "extra_headers": {"Authorization": f"Bearer {self._token()}"} if self._token else {},
            "timeout": min(self._limits.timeout_seconds, max(deadline - time.monotonic(), 0.1)),
            **dialect.fields(self._limits.max_output_tokens),
        }
        completions = self._client.chat.completions.with_raw_response
        if dialect.strict_schema:
            return completions.parse(response_format=DiagnosisAnswer, **request).text
        return completions.create(response_format={"type": "json_object"}, **request).text

    def _retrying(self, deadline: float) -> Retrying:
        """The SDK's own retries follow a Retry-After of up to two minutes each; these end with the patience."""

        def wait(state: RetryCallState) -> float:
            problem = state.outcome.exception() if state.outcome else None
            return _retry_after(problem) or wait_random_exponential(multiplier=0.5, max=8)(state)

        def stop(state: RetryCallState) -> bool:
            out_of_time = time.monotonic() + state.upcoming_sleep > deadline
            return out_of_time or state.attempt_number >= self._limits.attempts

        return Retrying(retry=retry_if_exception(_is_passing), wait=wait, stop=stop, reraise=True)

    def _refusal(self, problem: openai.APIError) -> str:
        if isinstance(problem, openai.BadRequestError) and _filtered(problem):
            return "the content filter refused the question"
        status = getattr(problem, "status_code", None)
        if status is None or status in _WORDS or status in _PASSING:
            return self._rest(_words(problem), _retry_after(problem))
        return _words(problem)

    def _rest(self, reason: str, seconds: float = 0.0) -> str:
        self._rest_reason = reason
        self._rest_until = time.monotonic() + min(seconds or _REST_SECONDS, _LONGEST_REST_SECONDS)
        return reason

    def _reply(self, started: float, reading: Reading, *, asked: bool = True) -> ModelReply:
        prices = self._prices
        return ModelReply(
            diagnosis=reading.diagnosis,
            refusal=redact(reading.refusal) if reading.refusal else None,
            model=self._deployment,
            prompt_version=self._prompt.version,
            tokens_in=reading.tokens_in,
            tokens_out=reading.tokens_out,
            cost_usd=(reading.tokens_in * prices.usd_in + reading.tokens_out * prices.usd_out) / 1_000_000,
            seconds=time.monotonic() - started,
            asked=asked,
        )


def azure_client(endpoint: str, api_key: str | None, api_version: str | None, timeout: float) -> openai.OpenAI:
    """Both URL shapes. An endpoint pasted with a path such as `/openai/v1/` or a whole request URL is understood."""
    parts = urlsplit(endpoint.strip())
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ModelError(f"AZURE_OPENAI_ENDPOINT is {endpoint!r}: expected https://<resource>.openai.azure.com")
    root = urlunsplit((parts.scheme, parts.netloc, parts.path.split("/openai", 1)[0].rstrip("/"), "", ""))
    # Where Entra ID answers for the caller, every request carries its own Authorization header in place of this key.
    key = api_key or "entra-id"
    if api_version in {None, "", "v1", "latest", "preview"}:
        query = {"api-version": "preview"} if api_version == "preview" else {}
        # The SDK sends a bearer key; the REST reference, and gateways in front of it, go by the header api-key.
        headers = {"api-key": api_key} if api_key else {}
        return openai.OpenAI(
            base_url=f"{root}/openai/v1/",
            api_key=key,
            default_headers=headers,
            default_query=query,
            timeout=timeout,
            max_retries=0,
        )
    if api_key:
        return openai.AzureOpenAI(
            azure_endpoint=root, api_key=api_key, api_version=api_version, timeout=timeout, max_retries=0
        )
    return openai.AzureOpenAI(
        azure_endpoint=root, azure_ad_token=key, api_version=api_version, timeout=timeout, max_retries=0
    )


def _filtered(problem: openai.BadRequestError) -> bool:
    return problem.code == "content_filter" or "ResponsibleAIPolicyViolation" in str(problem.body)


def _is_passing(problem: BaseException) -> bool:
    return isinstance(problem, openai.APIConnectionError) or getattr(problem, "status_code", None) in _PASSING


def _retry_after(problem: BaseException | None) -> float:
    """Seconds that the far end asks to wait; 0 when it does not say."""
    headers: Mapping[str, str] = getattr(getattr(problem, "response", None), "headers", {})
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(float(headers.get(name, "")) * unit, 0.0)
        except ValueError:
            continue
    return 0.0


def _words(problem: openai.APIError) -> str:
    if isinstance(problem, openai.APITimeoutError):
        return "the model did not answer in time"
    if isinstance(problem, openai.APIConnectionError):
        return f"the model cannot be reached ({type(problem.__cause__).__name__}): check AZURE_OPENAI_ENDPOINT"
    status = getattr(problem, "status_code", None)
    if status == openai.RateLimitError.status_code:
        wait = _retry_after(problem)
        return "the model is rate limited" + (f", it asks to wait {wait:.0f} s" if wait else "")
    if status in _WORDS:
        return f"the model's endpoint {_WORDS[status]}"
    return f"the model's endpoint answered {status}: {problem.message[:200]}"
