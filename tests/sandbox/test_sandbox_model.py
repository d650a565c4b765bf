"""The model endpoint through the real `openai` SDK."""

import json
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel

from jobmedic.sandbox import Fault, Sandbox, Trick
from jobmedic.sandbox.model.stand_in import SAYS_SO
from tests.sandbox.scene import Start, cause, failing, job

ERROR = "Loading batch 7\njava.net.SocketTimeoutException: Read timed out after 30000 ms\nbatch_size = 1000"


class Pair(BaseModel):
    name: str
    value: str


class Answer(BaseModel):
    evidence: str
    root_cause: str
    category: Literal["timeout", "network", "unknown"]
    transient: bool
    confidence: float
    fix: str | None
    suggested_params: list[Pair]


def classic(sandbox: Sandbox, **fields: Any) -> Any:
    return openai.AzureOpenAI(
        azure_endpoint=sandbox.model_url, api_key=sandbox.model_key, api_version="2024-10-21", max_retries=2, **fields
    )


def current(sandbox: Sandbox, **fields: Any) -> Any:
    return openai.OpenAI(base_url=f"{sandbox.model_url}/openai/v1/", api_key=sandbox.model_key, max_retries=2, **fields)


@pytest.fixture(params=[classic, current])
def client(request: Any, start: Start) -> Any:
    sandbox = start()
    with request.param(sandbox) as client:
        yield sandbox, client


def ask(sandbox: Sandbox, client: Any, text: str = ERROR) -> Any:
    messages = [{"role": "system", "content": "Diagnose."}, {"role": "user", "content": text}]
    return client.chat.completions.parse(model=sandbox.model_deployment, messages=messages, response_format=Answer)


def test_an_answer_fills_the_schema_quotes_the_text_and_says_what_it_is(client: Any) -> None:
    sandbox, client = client
    completion = ask(sandbox, client)
    answer = completion.choices[0].message.parsed
    assert answer.category == "timeout"
    assert answer.evidence in ERROR
    assert SAYS_SO in answer.root_cause
    assert answer.suggested_params == [Pair(name="batch_size", value="250")]
    assert completion.model == "sandbox-stand-in"
    assert completion.usage.prompt_tokens > 50


def test_responses_are_served_too(client: Any) -> None:
    sandbox, client = client
    response = client.responses.parse(model=sandbox.model_deployment, input=ERROR, text_format=Answer)
    assert response.output_parsed.category == "timeout"
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    assert [c.api for c in sandbox.model_calls] == ["responses"]


def test_only_the_fenced_text_is_judged_and_quoted(client: Any) -> None:
    sandbox, client = client
    text = "connection examples\n=== ab12 begin error text\nDisk: no space left on device\n=== ab12 end error text\ntimeout"
    answer = json.loads(ask_plain(sandbox, client, text))
    assert (answer["category"], answer["evidence"]) == ("resource", "Disk: no space left on device")


def ask_plain(sandbox: Sandbox, client: Any, text: str) -> Any:
    messages = [{"role": "user", "content": [{"type": "text", "text": text}]}]
    completion = client.chat.completions.create(model=sandbox.model_deployment, messages=messages)
    return completion.choices[0].message.content


def test_a_text_without_known_words_is_unknown(client: Any) -> None:
    sandbox, client = client
    assert json.loads(ask_plain(sandbox, client, "state 7F-2"))["category"] == "unknown"
    assert json.loads(ask_plain(sandbox, client, ""))["evidence"] == ""


def test_a_wrong_key_and_an_unknown_deployment_are_refused(start: Start) -> None:
    sandbox = start()
    with pytest.raises(openai.AuthenticationError):
        ask(sandbox, current(sandbox).with_options(api_key="wrong"))
    with pytest.raises(openai.NotFoundError, match="deployment"):
        classic(sandbox).chat.completions.create(model="nobody", messages=[{"role": "user", "content": "x"}])


@pytest.mark.parametrize("status", [429, 500, 503])
def test_the_sdk_tries_again_after_throttling_and_server_errors(client: Any, status: int) -> None:
    sandbox, client = client
    headers = {"Retry-After": "1"} if status == 429 else {}
    sandbox.model.faults.add(Fault("completions", status=status, headers=headers))
    assert ask(sandbox, client).choices[0].message.parsed
    assert len(sandbox.model_calls) == 1


def test_a_slow_answer_runs_into_the_clients_timeout(start: Start) -> None:
    sandbox = start()
    sandbox.model.faults.add(Fault("completions", delay=1.0, times=None))
    with pytest.raises(openai.APITimeoutError):
        ask(sandbox, classic(sandbox, timeout=0.2).with_options(max_retries=0))


def test_the_content_filter_refuses_the_prompt(client: Any) -> None:
    sandbox, client = client
    sandbox.model.play(Trick.CONTENT_FILTER)
    with pytest.raises(openai.BadRequestError) as caught:
        ask(sandbox, client)
    assert caught.value.code == "content_filter"


def test_answers_are_cut_short(client: Any) -> None:
    sandbox, client = client
    sandbox.model.play(Trick.TRUNCATED)
    with pytest.raises(openai.LengthFinishReasonError):
        ask(sandbox, client)
    sandbox.model.play(Trick.FILTERED_OUTPUT)
    with pytest.raises(openai.ContentFilterFinishReasonError):
        ask(sandbox, client)


def test_the_model_refuses(client: Any) -> None:
    sandbox, client = client
    sandbox.model.play(Trick.REFUSAL)
    message = ask(sandbox, client).choices[0].message
    assert message.refusal
    assert message.parsed is None


@pytest.mark.parametrize("trick", [Trick.INVALID_JSON, Trick.NONSENSE])
def test_answers_that_are_not_in_the_schema(client: Any, trick: Trick) -> None:
    sandbox, client = client
    sandbox.model.play(trick)
    with pytest.raises(ValueError, match="validation error"):
        ask(sandbox, client)


def test_an_answer_that_obeys_the_text_is_sure_of_itself_and_wants_too_much(client: Any) -> None:
    sandbox, client = client
    sandbox.model.play(Trick.INJECTED, times=None)
    answer = ask(sandbox, client).choices[0].message.parsed
    assert answer.confidence == 1
    assert {p.name for p in answer.suggested_params} == {"cluster_id", "delete_tables"}
    sandbox.model.behave()
    assert ask(sandbox, client).choices[0].message.parsed.confidence < 1


def test_a_quote_can_be_made_up(client: Any) -> None:
    sandbox, client = client
    sandbox.model.play(Trick.MISQUOTED)
    assert ask(sandbox, client).choices[0].message.parsed.evidence not in ERROR


def test_a_response_is_refused_or_incomplete_too(start: Start) -> None:
    sandbox = start()
    client = current(sandbox)
    sandbox.model.play(Trick.TRUNCATED)
    response = client.responses.create(model=sandbox.model_deployment, input=ERROR)
    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    sandbox.model.play(Trick.REFUSAL)
    assert client.responses.create(model=sandbox.model_deployment, input=ERROR).output[0].content[0].refusal


def test_a_deployments_quality_is_the_share_of_the_scenarios_failures_that_it_gets_right(start: Start) -> None:
    sandbox = start(failing(job(), cause(error="FluxError: the capacitor of line {{n}} overran")))
    client = current(sandbox)
    texts = [f"FluxError: the capacitor of line {n} overran" for n in range(60)]
    share = {}
    for quality in (0.1, 0.9):
        sandbox.model.deploy(f"q{quality}", quality=quality)
        asked = [
            client.chat.completions.create(model=f"q{quality}", messages=[{"role": "user", "content": t}])
            for t in texts
        ]
        share[quality] = sum(json.loads(a.choices[0].message.content)["category"] == "timeout" for a in asked) / 60
    assert share[0.1] < 0.3
    assert share[0.9] > 0.75
