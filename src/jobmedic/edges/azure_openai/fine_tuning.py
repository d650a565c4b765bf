"""The fine-tuning port on Azure OpenAI: files and fine-tuning jobs through the `openai` SDK, in both URL shapes."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import openai

from jobmedic.edges.azure_openai.chat import azure_client
from jobmedic.edges.azure_openai.entra import entra_token
from jobmedic.ports.fine_tuning import TuningError, TuningJob, TuningRequest

_Answer = TypeVar("_Answer")
_RETRIES = 3
"""Of the SDK, for everything but starting a job: that is never re-sent, since two jobs cost twice."""
_WORDS = {
    401: "the credentials are refused (401): check AZURE_OPENAI_API_KEY, or the identity's role on the resource",
    403: "access is denied (403): fine-tuning needs the role Cognitive Services OpenAI Contributor",
    404: "there is nothing there (404): check the job id, AZURE_OPENAI_ENDPOINT, and that the region offers fine-tuning",
}


class AzureFineTuning:
    """`file_seconds` bounds the wait for an uploaded file to be processed."""

    def __init__(
        self,
        *,
        endpoint: str,
        api_key: str | None = None,
        api_version: str | None = None,
        token: Callable[[], str] | None = None,
        timeout_seconds: float = 60.0,
        file_seconds: float = 600.0,
        poll_seconds: float = 5.0,
    ) -> None:
        client = azure_client(endpoint, api_key, api_version, timeout_seconds).with_options(max_retries=_RETRIES)
        self._client = client
        self._token = None if api_key else (token or entra_token())
        self._file_seconds, self._poll_seconds = file_seconds, poll_seconds

    def submit(self, request: TuningRequest) -> str:
        training = self._upload(request.training)
        validation = self._upload(request.validation)
        job = _asked(
            f"starting the fine-tuning of {request.base_model}",
            lambda: (
                self._authorized()
                .with_options(max_retries=0)
                .fine_tuning.jobs.create(
                    model=request.base_model,
                    training_file=training,
                    validation_file=validation,
                    suffix=request.suffix,
                    seed=request.seed,
                )
            ),
        )
        return job.id

    def job(self, job_id: str) -> TuningJob:
        jobs = self._authorized().fine_tuning.jobs
        found = _asked(f"reading fine-tuning job {job_id}", lambda: jobs.retrieve(job_id))
        events = _asked(f"reading the events of job {job_id}", lambda: jobs.list_events(job_id, limit=1).data)
        return TuningJob(
            job_id=found.id,
            status=str(found.status),
            tuned_model=found.fine_tuned_model,
            error=found.error.message if found.error and found.error.message else None,
            message=events[0].message if events else None,
            trained_tokens=found.trained_tokens,
        )

    def _upload(self, path: Path) -> str:
        files = self._authorized().files
        with path.open("rb") as content:
            uploaded = _asked(f"uploading {path}", lambda: files.create(file=content, purpose="fine-tune"))
        ready = _asked(
            f"waiting for {path.name} to be processed",
            lambda: files.wait_for_processing(
                uploaded.id, poll_interval=self._poll_seconds, max_wait_seconds=self._file_seconds
            ),
        )
        if ready.status == "error":
            raise TuningError(f"uploading {path}: the endpoint does not take the file: {ready.status_details}")
        return uploaded.id

    def _authorized(self) -> openai.OpenAI:
        if self._token is None:
            return self._client
        return self._client.with_options(default_headers={"Authorization": f"Bearer {self._token()}"})


def _asked(doing: str, call: Callable[[], _Answer]) -> _Answer:
    try:
        return call()
    except openai.APIStatusError as problem:
        words = _WORDS.get(problem.status_code, f"the endpoint answered {problem.status_code}: {problem.message[:300]}")
        raise TuningError(f"{doing}: {words}") from problem
    except openai.APIError as problem:
        raise TuningError(
            f"{doing}: the endpoint cannot be reached ({type(problem).__name__}): check AZURE_OPENAI_ENDPOINT"
        ) from problem
    except RuntimeError as problem:  # what the SDK raises when a file is not processed in time
        raise TuningError(f"{doing}: {problem}; try again later") from problem
