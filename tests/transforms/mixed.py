"""Seeded failures in which everything meets everything: storms, probes, budgets, runs of several failed tasks."""

import random
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from tests.transforms.deciding import DIAGNOSIS, FAILURE, NOW, SAFE

FINGERPRINTS = tuple(f"v1:{number}" for number in range(10))
STRANGE: dict[str, Sequence[Any]] = {
    "tags": (
        {},
        None,
        {"jobmedic_idempotent": "false"},
        SAFE | {"jobmedic_mode": "off"},
        SAFE | {"jobmedic_mode": "shadow"},
    ),
    "run_type": ("SUBMIT_RUN", "WORKFLOW_RUN"),
    "run_result_state": ("SUCCESS_WITH_FAILURES", None),
    "job_exists": (False,),
    "executions": (2, 3, 5),
    "run_seconds": (None, 3600.0, 36000.0),
    "code_ran": (False, None),
    "max_native_retries": (0, 2),
    "native_retries_pending": (True,),
    "compute_remedies": ([],),
}


def failures(rng: random.Random, runs: int) -> list[dict[str, Any]]:
    """Nine in ten columns of a failure are plain; one run in four failed in several tasks."""
    return [failure for run in range(1, runs + 1) for failure in _run(rng, run)]


def _run(rng: random.Random, run: int) -> Iterator[dict[str, Any]]:
    ended = NOW - timedelta(seconds=rng.choice((rng.randint(0, 300), rng.randint(0, 9_000), rng.randint(0, 100_000))))
    of_run = {
        "run_id": run,
        "job_id": rng.choice((None, *range(1, 12))),
        "workspace_id": rng.choice(("w1", "w1", "w1", "w2")),
        "repairs": rng.choice((0, 0, 0, 1)),
    }
    for task in range(rng.choice((1, 1, 1, rng.randint(2, 4)))):
        strange = {name: rng.choice(values) for name, values in STRANGE.items() if rng.random() < 0.07}
        own = {
            "task_run_id": 10 * run + task,
            "task_key": rng.choice("abcde"),
            "fingerprint": rng.choice((*FINGERPRINTS, "v1:never-seen")),
            "failed_at": ended + timedelta(seconds=rng.randint(0, 20)),
        }
        yield FAILURE | {"max_native_retries": None, "native_retries_pending": None} | of_run | own | strange


def diagnoses(rng: random.Random) -> list[dict[str, Any]]:
    return [
        DIAGNOSIS
        | {
            "fingerprint": fingerprint,
            "category": rng.choice(
                ("network", "quota", "concurrency", "timeout", "resource", "user_code", "cancelled")
            ),
            "transient": rng.random() < 0.8,
            "confidence": rng.choice((0.5, 0.75, 0.9, 0.9)),
            "action": rng.choice((None, "retry", "retry", "retry_with_new_params", "send_email", "escalate", "ignore")),
            "compute": rng.choice((None, "larger_node")),
        }
        for fingerprint in FINGERPRINTS
    ]


def history(rng: random.Random, runs: int) -> dict[str, Any]:
    causes = [(workspace, fingerprint) for workspace in ("w1", "w2") for fingerprint in FINGERPRINTS]
    breakers = [_breaker(rng) for _ in range(30)]
    return {
        "by_fingerprint": [(f, "retry", rng.randint(0, 5), rng.randint(0, 5)) for f in FINGERPRINTS[:5]],
        "by_category": [(c, "retry", rng.randint(0, 9), rng.randint(0, 9)) for c in ("network", "quota")],
        "fingerprint_breakers": [(f, *breakers.pop()) for f in FINGERPRINTS[2:6]],
        "job_breakers": [(w, job, *breakers.pop()) for w in ("w1", "w2") for job in range(1, 8)],
        "canaries": [
            (*cause, rng.randint(1, runs), rng.choice((None, "recovered", "failed_same")))
            for cause in rng.sample(causes, 4)
        ],
        "decided_recently": [(*cause, rng.randint(1, 4)) for cause in rng.sample(causes, 6)],
        "retries_in_window": rng.choice((0, 15)),
        "failed_runs_in_window": rng.choice((0, 60)),
    }


def _breaker(rng: random.Random) -> tuple[Any, ...]:
    """failed_in_row, tripped_at, last_failed_at, pending"""
    last = _ago(rng)
    return rng.choice((0, 2, 3, 5)), last - timedelta(minutes=rng.choice((0, 30, 600))), last, rng.choice((0, 0, 1))


def _ago(rng: random.Random) -> Any:
    return NOW - timedelta(minutes=rng.choice((5, 59, 61, 500)))
