from pathlib import Path

import pytest

from jobmedic.edges.azure_openai.fine_tuning import AzureFineTuning
from jobmedic.ports.fine_tuning import TuningError, TuningRequest
from tests.pipeline.tuning_ground import endpoint

LINE = '{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}\n'


def request(folder: Path, examples: int = 10) -> TuningRequest:
    for name in ("training.jsonl", "validation.jsonl"):
        (folder / name).write_text(LINE * examples, encoding="utf-8")
    return TuningRequest("gpt-4o-mini", folder / "training.jsonl", folder / "validation.jsonl", "jobmedic", 7)


def test_both_files_and_the_seed_reach_the_job(tmp_path: Path) -> None:
    with endpoint() as served:
        job_id = served.fine_tuning().submit(request(tmp_path))
        sent = served.api.tuning.jobs[job_id].request
        assert (sent["seed"], sent["suffix"]) == (7, "jobmedic")
        assert [f.name for f in served.api.tuning.files.values()] == ["training.jsonl", "validation.jsonl"]


def test_a_job_that_fails_says_why(tmp_path: Path) -> None:
    with endpoint() as served:
        fine_tuning = served.fine_tuning()
        job_id = fine_tuning.submit(request(tmp_path, examples=3))
        found = fine_tuning.job(job_id)
    assert found.ended
    assert found.error == "training.jsonl has 3 examples; at least 10 are needed."


def test_a_wrong_key_names_its_setting(tmp_path: Path) -> None:
    with endpoint() as served, pytest.raises(TuningError, match=r"uploading .*check AZURE_OPENAI_API_KEY"):
        served.fine_tuning(key="wrong").submit(request(tmp_path))


def test_a_job_that_is_not_there_is_named() -> None:
    with (
        endpoint() as served,
        pytest.raises(TuningError, match="reading fine-tuning job ftjob-9: there is nothing there"),
    ):
        served.fine_tuning().job("ftjob-9")


def test_without_a_key_every_request_carries_a_fresh_token(tmp_path: Path) -> None:
    with endpoint() as served:
        fine_tuning = AzureFineTuning(endpoint=served.url, token=lambda: served.api.key, poll_seconds=0.01)
        assert fine_tuning.job(fine_tuning.submit(request(tmp_path))).status == "queued"


def test_an_endpoint_out_of_reach_names_its_setting() -> None:
    fine_tuning = AzureFineTuning(endpoint="http://127.0.0.1:9", api_key="key")
    with pytest.raises(TuningError, match="check AZURE_OPENAI_ENDPOINT"):
        fine_tuning.job("ftjob-1")
