"""The adapter against the sandbox's endpoint: the two were written apart, so each checks the other."""

from collections.abc import Iterator

import pytest

from jobmedic.edges.azure_openai.chat import AzureOpenAIModel, Limits
from jobmedic.knowledge.words import Category
from jobmedic.ports.model import Precedent, Question
from jobmedic.sandbox.model.model import ModelApi
from jobmedic.sandbox.model.replies import Trick
from jobmedic.sandbox.model.stand_in import NAME
from jobmedic.sandbox.web import LoopbackServer

ERROR = "Job aborted.\nCaused by: java.lang.OutOfMemoryError: Java heap space\n\tat a.B.c(B.scala:1)"
QUESTION = Question(
    "v1:f", ERROR, None, "notebook", None, precedents=(Precedent("x timed out", Category.TIMEOUT, True),)
)


@pytest.fixture
def api() -> ModelApi:
    return ModelApi("key", lambda _: None)


@pytest.fixture
def url(api: ModelApi) -> Iterator[str]:
    with LoopbackServer(api, "model") as server:
        yield server.url


def model(url: str, api_version: str | None = None, key: str = "key") -> AzureOpenAIModel:
    return AzureOpenAIModel(
        endpoint=url, deployment=NAME, api_key=key, api_version=api_version, limits=Limits(patience_seconds=5)
    )


@pytest.mark.parametrize("api_version", [None, "2024-10-21"])
def test_both_url_shapes_give_a_diagnosis_with_a_quote_from_the_error(url: str, api_version: str | None) -> None:
    reply = model(url, api_version).diagnose(QUESTION)
    assert reply.refusal is None
    assert reply.diagnosis is not None
    assert reply.diagnosis.category is Category.RESOURCE
    assert reply.diagnosis.evidence
    assert reply.diagnosis.evidence in ERROR
    assert reply.tokens_in > 0


IN_THE_SCHEMA = {Trick.INJECTED, Trick.LEAKING, Trick.MISQUOTED}
"""Answers that the adapter lets pass, for later checks to judge."""


@pytest.mark.parametrize("trick", [t for t in Trick if t not in IN_THE_SCHEMA])
def test_every_trick_of_the_endpoint_is_a_refusal_in_words(url: str, api: ModelApi, trick: Trick) -> None:
    api.play(trick)
    reply = model(url).diagnose(QUESTION)
    assert reply.diagnosis is None
    assert reply.refusal


def test_a_wrong_key_is_a_refusal_that_names_the_setting(url: str) -> None:
    assert "AZURE_OPENAI_API_KEY" in str(model(url, key="wrong").diagnose(QUESTION).refusal)
