import socket
import sys
import time
from dataclasses import replace

import pytest

from jobmedic.edges.azure_openai.chat import AzureOpenAIModel, Limits, Prices
from jobmedic.knowledge.words import Category
from jobmedic.ports.model import ModelError, ModelReply, Question
from tests.edges.azure_openai.chat_endpoint import GOOD_ANSWER, Answer, chat_endpoint, completion, failure

QUESTION = Question("v1:abc", "java.net.ConnectException: Connection refused", None, "notebook", "RUN_EXECUTION_ERROR")
QUICK = Limits(timeout_seconds=5, patience_seconds=5, attempts=3)


def model(url: str, *, limits: Limits = QUICK, **changes: str | None) -> AzureOpenAIModel:
    settings = {"deployment": "gpt", "api_key": "secret-key", **changes}
    return AzureOpenAIModel(endpoint=url, prices=Prices(2.0, 8.0), limits=limits, **settings)  # type: ignore[arg-type]


def ask(*script: Answer, limits: Limits = QUICK) -> ModelReply:
    with chat_endpoint(*script) as endpoint:
        return model(endpoint.url, limits=limits).diagnose(QUESTION)


def test_an_answer_in_the_schema_becomes_a_diagnosis_with_tokens_and_cost() -> None:
    reply = ask(completion(GOOD_ANSWER))
    assert reply.diagnosis is not None
    assert reply.diagnosis.category is Category.NETWORK
    assert reply.diagnosis.suggested_params == {"retries": "3"}
    assert (reply.tokens_in, reply.tokens_out, reply.model) == (1000, 100, "gpt")
    assert reply.cost_usd == pytest.approx(1000 * 2e-6 + 100 * 8e-6)
    assert reply.prompt_version.startswith("1+")


def test_without_an_api_version_the_v1_endpoint_gets_the_key_in_both_headers_that_gateways_look_for() -> None:
    with chat_endpoint(completion(GOOD_ANSWER)) as endpoint:
        model(endpoint.url + "/openai/v1/").diagnose(QUESTION)
    assert endpoint.paths == ["/openai/v1/chat/completions"]
    assert endpoint.headers[0]["authorization"] == "Bearer secret-key"
    assert endpoint.headers[0]["api-key"] == "secret-key"
    assert endpoint.requests[0]["model"] == "gpt"


def test_with_an_api_version_the_deployment_stands_in_the_path_and_the_key_in_its_own_header() -> None:
    with chat_endpoint(completion(GOOD_ANSWER)) as endpoint:
        model(endpoint.url, api_version="2024-10-21").diagnose(QUESTION)
    assert endpoint.paths == ["/openai/deployments/gpt/chat/completions?api-version=2024-10-21"]
    assert endpoint.headers[0]["api-key"] == "secret-key"


@pytest.mark.parametrize("api_version", [None, "2024-10-21"])
def test_without_a_key_each_request_carries_a_fresh_entra_token(api_version: str | None) -> None:
    tokens = iter(["first", "second"])
    with chat_endpoint(completion(GOOD_ANSWER)) as endpoint:
        asked = AzureOpenAIModel(
            endpoint=endpoint.url, deployment="gpt", api_version=api_version, token=lambda: next(tokens)
        )
        asked.diagnose(QUESTION)
        asked.diagnose(QUESTION)
    assert [h["authorization"] for h in endpoint.headers] == ["Bearer first", "Bearer second"]
    assert "api-key" not in endpoint.headers[0]


def test_a_missing_entra_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    with pytest.raises(ModelError, match=r"jobmedic\[entra\]"):
        model("https://x.openai.azure.com", api_key=None)


@pytest.mark.parametrize("endpoint", ["x.openai.azure.com", "ftp://x", "https://"])
def test_an_endpoint_that_is_no_url_is_refused_at_once(endpoint: str) -> None:
    with pytest.raises(ModelError, match="AZURE_OPENAI_ENDPOINT"):
        model(endpoint)


def test_the_request_carries_a_closed_schema_of_categories() -> None:
    with chat_endpoint(completion(GOOD_ANSWER)) as endpoint:
        model(endpoint.url).diagnose(QUESTION)
    form = endpoint.requests[0]["response_format"]["json_schema"]
    assert form["strict"] is True
    assert form["schema"]["additionalProperties"] is False
    assert form["schema"]["$defs"]["Category"]["enum"] == [str(c) for c in Category]


def test_a_throttled_request_is_sent_again_after_the_wait_that_was_asked_for() -> None:
    started = time.monotonic()
    reply = ask(failure(429, "slow down", retry_after="1"), completion(GOOD_ANSWER))
    assert reply.diagnosis is not None
    assert time.monotonic() - started >= 1


def test_a_wait_longer_than_the_patience_is_not_waited_for_and_the_next_question_not_sent() -> None:
    with chat_endpoint(failure(429, "slow down", retry_after="60")) as endpoint:
        asked = model(endpoint.url)
        first, second = asked.diagnose(QUESTION), asked.diagnose(QUESTION)
    assert first.refusal == "the model is rate limited, it asks to wait 60 s"
    assert second.refusal == f"not asked: {first.refusal}"
    assert len(endpoint.requests) == 1


def test_a_passing_server_error_is_asked_again() -> None:
    assert ask(failure(503, "busy"), completion(GOOD_ANSWER)).diagnosis is not None


def test_a_lasting_server_error_is_a_refusal_that_names_the_status() -> None:
    assert "500" in str(ask(failure(500, "broken")).refusal)


def test_a_slow_model_is_given_up_within_the_patience() -> None:
    started = time.monotonic()
    reply = ask(replace(completion(GOOD_ANSWER), delay=3), limits=Limits(timeout_seconds=0.3, patience_seconds=0.5))
    assert reply.refusal == "the model did not answer in time"
    assert time.monotonic() - started < 2


def test_an_endpoint_that_is_not_there_is_a_refusal() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    reply = model(f"http://127.0.0.1:{port}", limits=Limits(patience_seconds=1)).diagnose(QUESTION)
    assert "cannot be reached" in str(reply.refusal)


@pytest.mark.parametrize(("status", "setting"), [(401, "API_KEY"), (403, "ENDPOINT"), (404, "DEPLOYMENT")])
def test_a_refused_or_unknown_caller_is_told_which_setting_to_look_at(status: int, setting: str) -> None:
    reply = ask(failure(status, "Incorrect key secret-key"))
    assert setting in str(reply.refusal)
    assert "secret-key" not in str(reply.refusal)


def test_the_content_filter_on_the_question_is_a_refusal() -> None:
    answer = failure(400, "The response was filtered", code="content_filter", param="prompt")
    assert ask(answer).refusal == "the content filter refused the question"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (completion(None, finish="content_filter"), "content filter stopped"),
        (completion('{"evidence": "Conn', finish="length"), "cut short"),
        (completion(None, refusal="I cannot help with that"), "I cannot help with that"),
        (completion('{"evidence": '), "not in the schema"),
        (completion({**GOOD_ANSWER, "category": "weather"}), "category"),
        (completion({**GOOD_ANSWER, "confidence": 90}), "between 0 and 1"),
        (completion({**GOOD_ANSWER, "extra": 1}), "extra"),
        (completion(None), "empty"),
    ],
)
def test_an_unusable_answer_is_refused_in_words_and_its_tokens_are_counted(answer: Answer, words: str) -> None:
    reply = ask(answer)
    assert reply.diagnosis is None
    assert words in str(reply.refusal)
    assert (reply.tokens_in, reply.tokens_out) == (1000, 100)


@pytest.mark.parametrize(
    "body", ["<html>proxy</html>", "", "[]", '{"choices": []}', '{"choices": [{"message": null}]}', "null"]
)
def test_a_body_that_is_no_chat_completion_is_a_refusal(body: str) -> None:
    reply = ask(Answer(200, body))
    assert reply.diagnosis is None
    assert reply.refusal


def test_a_reasoning_deployment_is_asked_again_without_temperature() -> None:
    complaint = (
        "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) is supported."
    )
    with chat_endpoint(failure(400, complaint, param="temperature"), completion(GOOD_ANSWER)) as endpoint:
        asked = model(endpoint.url)
        assert asked.diagnose(QUESTION).diagnosis is not None
        asked.diagnose(QUESTION)
    assert ["temperature" in request for request in endpoint.requests] == [True, False, False]


def test_an_old_api_version_is_asked_again_with_the_old_name_of_the_limit() -> None:
    complaint = "Unrecognized request argument supplied: max_completion_tokens"
    with chat_endpoint(failure(400, complaint), completion(GOOD_ANSWER)) as endpoint:
        assert model(endpoint.url).diagnose(QUESTION).diagnosis is not None
    assert "max_tokens" in endpoint.requests[1]
    assert "max_completion_tokens" not in endpoint.requests[1]


def test_a_deployment_without_schemas_is_asked_again_in_json_mode_with_the_shape_in_words() -> None:
    complaint = "response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later"
    with chat_endpoint(failure(400, complaint), completion(GOOD_ANSWER)) as endpoint:
        assert model(endpoint.url).diagnose(QUESTION).diagnosis is not None
    assert endpoint.requests[1]["response_format"] == {"type": "json_object"}
    assert "JSON object" in endpoint.requests[1]["messages"][0]["content"]


def test_a_deployment_that_goes_on_refusing_is_not_asked_for_ever() -> None:
    with chat_endpoint(failure(400, "'temperature' and response_format and max_tokens are wrong")) as endpoint:
        reply = model(endpoint.url).diagnose(QUESTION)
    assert "400" in str(reply.refusal)
    assert len(endpoint.requests) <= 5


def test_a_question_of_junk_and_lone_surrogates_is_sent() -> None:
    junk = replace(QUESTION, error="\ud800 \x00\x1b[31m " + "x" * 5_000_000)
    with chat_endpoint(completion(GOOD_ANSWER)) as endpoint:
        assert model(endpoint.url).diagnose(junk).diagnosis is not None
    assert len(endpoint.requests[0]["messages"][1]["content"]) < 12_000


def test_what_the_endpoint_quotes_of_a_key_is_not_told() -> None:
    key = "sk-proj-" + "a1B2c3D4e5F6" * 3
    refusal = ask(failure(422, f"Incorrect API key provided: {key}.")).refusal
    assert refusal is not None
    assert key not in refusal
