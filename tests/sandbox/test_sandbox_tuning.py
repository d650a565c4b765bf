"""Files and fine-tuning jobs through the real `openai` SDK."""

import json
from typing import Any

import openai
import pytest

from tests.sandbox.scene import Start

EXAMPLE = {
    "messages": [{"role": "user", "content": "KeyError"}, {"role": "assistant", "content": '{"category":"user_code"}'}]
}


def lines(count: int) -> Any:
    return "\n".join(json.dumps(EXAMPLE) for _ in range(count)).encode()


@pytest.fixture(params=["classic", "v1"])
def tuning(request: Any, start: Start) -> Any:
    sandbox = start()
    key, base = sandbox.model_key, sandbox.model_url
    client = (
        openai.AzureOpenAI(azure_endpoint=base, api_key=key, api_version="2024-10-21")
        if request.param == "classic"
        else openai.OpenAI(base_url=f"{base}/openai/v1/", api_key=key)
    )
    with client:
        yield sandbox, client


def submitted(client: Any, content: bytes) -> Any:
    file = client.files.create(file=("train.jsonl", content), purpose="fine-tune")
    return client.fine_tuning.jobs.create(training_file=file.id, model="gpt-4o-mini", suffix="jobmedic")


def polled(client: Any, job: Any, most: int = 10) -> Any:
    for _ in range(most):
        job = client.fine_tuning.jobs.retrieve(job.id)
        if job.status in {"succeeded", "failed", "cancelled"}:
            break
    return job


def test_a_job_succeeds_after_some_polls_and_its_model_is_deployed(tuning: Any) -> None:
    sandbox, client = tuning
    sandbox.model.tuning.quality = 1.0
    job = polled(client, submitted(client, lines(12)))
    assert job.status == "succeeded"
    assert job.fine_tuned_model.startswith("gpt-4o-mini.ft-")
    asked = [{"role": "user", "content": "KeyError"}]
    assert client.chat.completions.create(model=job.fine_tuned_model, messages=asked).choices
    assert [j.id for j in client.fine_tuning.jobs.list()] == [job.id]


def test_its_events_come_newest_first(tuning: Any) -> None:
    _, client = tuning
    job = polled(client, submitted(client, lines(12)))
    messages = [e.message for e in client.fine_tuning.jobs.list_events(job.id)]
    assert messages[-1] == "Job created."
    assert messages[0] == "Completed results file."


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lines(3), "at least 10"),
        (b"not json\n" * 12, "Line 1"),
        (b'{"messages":[{"role":"user"}]}\n' * 12, "assistant"),
    ],
)
def test_bad_training_files_fail_with_the_reason(tuning: Any, content: bytes, words: str) -> None:
    _, client = tuning
    job = polled(client, submitted(client, content))
    assert (job.status, job.error.code) == ("failed", "invalid_training_file")
    assert words in job.error.message


def test_a_job_can_fail_or_never_end_or_be_cancelled(tuning: Any) -> None:
    sandbox, client = tuning
    sandbox.model.tuning.outcome = "fails"
    assert polled(client, submitted(client, lines(12))).error.code == "internal_error"
    sandbox.model.tuning.outcome = "never ends"
    endless = polled(client, submitted(client, lines(12)), most=30)
    assert endless.status == "running"
    assert client.fine_tuning.jobs.cancel(endless.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError):
        client.fine_tuning.jobs.cancel(endless.id)


def test_files_can_be_read_listed_and_deleted(tuning: Any) -> None:
    _, client = tuning
    file = client.files.create(file=("train.jsonl", lines(2)), purpose="fine-tune")
    assert client.files.content(file.id).read() == lines(2)
    assert client.files.retrieve(file.id).filename == "train.jsonl"
    assert [f.id for f in client.files.list()] == [file.id]
    client.files.delete(file.id)
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)
    with pytest.raises(openai.BadRequestError):
        client.fine_tuning.jobs.create(training_file=file.id, model="gpt-4o-mini")
