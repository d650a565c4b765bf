"""`tune submit` and `tune status`: the far job, remembered in a small file beside the data it is trained on."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jobmedic.pipeline.tune.examples import TuneRefused
from jobmedic.pipeline.tune.prepare import CARD, TRAINING, VALIDATION, digest
from jobmedic.ports.clock import Clock
from jobmedic.ports.fine_tuning import FineTuning, TuningJob, TuningRequest
from jobmedic.ports.tracker import Tracker

STATE = "job.json"
_SUFFIX = "jobmedic"


@dataclass(frozen=True, slots=True)
class Submitted:
    """What `job.json` holds."""

    job_id: str
    base_model: str
    training_sha256: str
    submitted_at: str
    status: str = "submitted"
    tuned_model: str | None = None


def submit(
    fine_tuning: FineTuning, tracker: Tracker, folder: Path, *, base_model: str, now: datetime, again: bool = False
) -> Submitted:
    """Starts one job on what `prepare` left in the folder. Raises TuneRefused, TuningError.

    Data that was submitted before is not paid for twice, unless that job failed or `again` is given.
    """
    card = _card(folder)
    for name in (TRAINING, VALIDATION):
        if digest(folder / name) != card["files"][name]["sha256"]:
            raise TuneRefused(f"{folder / name} is not what its card describes: run `jobmedic tune prepare` again")
    earlier = _read(folder)
    trained = card["files"][TRAINING]["sha256"]
    if earlier and earlier.training_sha256 == trained and not again and earlier.status not in {"failed", "cancelled"}:
        raise TuneRefused(
            f"this data was submitted at {earlier.submitted_at} as {earlier.job_id} ({earlier.status}): "
            "follow it with `jobmedic tune status`, or pass --again to pay for another job"
        )
    request = TuningRequest(base_model, folder / TRAINING, folder / VALIDATION, _SUFFIX, int(card["seed"]))
    state = Submitted(fine_tuning.submit(request), base_model, trained, now.isoformat())
    _write(folder, state)
    with tracker.run(
        f"tune {state.job_id}", tags={"jobmedic.kind": "tune", "jobmedic.tuning_job": state.job_id}
    ) as run:
        run.params({"base_model": base_model, "prompt_version": card["prompt_version"], "training_sha256": trained})
        run.metrics({f"examples.{name}": card["files"][name]["examples"] for name in (TRAINING, VALIDATION)})
        run.artifact(folder / CARD)
    return state


def follow(
    fine_tuning: FineTuning,
    tracker: Tracker,
    clock: Clock,
    folder: Path,
    *,
    progress: Callable[[TuningJob], None],
    deadline_seconds: float,
    every_seconds: float = 30.0,
) -> Submitted:
    """Looks until the job ends or the deadline has passed; 0 looks once. Raises TuneRefused, TuningError.

    A job that is still going at the deadline comes back as it is, for the caller to say so: it goes on at the far end.
    """
    state = _read(folder)
    if state is None:
        raise TuneRefused(
            f"{folder / STATE} does not exist: nothing was submitted from here; run `jobmedic tune submit`"
        )
    started = clock.now()
    while True:
        job = fine_tuning.job(state.job_id)
        progress(job)
        state = Submitted(**(asdict(state) | {"status": job.status, "tuned_model": job.tuned_model}))
        _write(folder, state)
        if job.ended or (clock.now() - started).total_seconds() >= deadline_seconds:
            break
        clock.sleep(every_seconds)
    if job.ended:
        _track(tracker, job)
    if job.ended and job.status != "succeeded":
        raise TuneRefused(
            f"fine-tuning job {job.job_id} {job.status}: {job.error or job.message or 'no reason was given'}"
        )
    return state


def waiting_words(state: Submitted, now: datetime) -> str:
    """For a job that outlived the caller's patience."""
    hours = (now - datetime.fromisoformat(state.submitted_at)).total_seconds() / 3600
    return (
        f"fine-tuning job {state.job_id} is still {state.status}, {hours:.1f} h after it was submitted. It goes on at the "
        "far end; look again with `jobmedic tune status`, or cancel it in the Azure portal if it never ends"
    )


def _track(tracker: Tracker, job: TuningJob) -> None:
    tags = {"jobmedic.kind": "tune", "jobmedic.tuning_job": job.job_id, "jobmedic.status": job.status}
    with tracker.run(f"tune {job.job_id} {job.status}", tags=tags) as run:
        run.params({"tuned_model": job.tuned_model or "none", "error": (job.error or "none")[:500]})
        run.metrics({"trained_tokens": float(job.trained_tokens or 0)})


def _card(folder: Path) -> Any:
    try:
        return json.loads((folder / CARD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TuneRefused(f"{folder / CARD} does not exist: run `jobmedic tune prepare` first") from None
    except ValueError as problem:
        raise TuneRefused(f"{folder / CARD} cannot be read: {problem}; run `jobmedic tune prepare` again") from None


def _read(folder: Path) -> Submitted | None:
    try:
        return Submitted(**json.loads((folder / STATE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as problem:
        raise TuneRefused(f"{folder / STATE} cannot be read: {problem}; delete it and submit again") from None


def _write(folder: Path, state: Submitted) -> None:
    (folder / STATE).write_text(json.dumps(asdict(state), indent=2) + "\n", encoding="utf-8")
