"""What came of what was done: each applied action judged by what its run shows now, with the right party credited."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyspark.sql import functions as F

from jobmedic.knowledge.policy import Policy
from jobmedic.knowledge.states import SUCCESS
from jobmedic.knowledge.words import Action, ActionStatus, Outcome
from jobmedic.pipeline.collect.read_runs import ReadRun
from jobmedic.pipeline.collect.root_causes import failed_by_itself
from jobmedic.ports.ledger import Ledger
from jobmedic.ports.workspace import Repair, Run, TaskAttempt
from jobmedic.transforms.columns import from_micros
from jobmedic.transforms.history import PURGED

RETRIES = {Action.RETRY.value, Action.RETRY_WITH_NEW_PARAMS.value}


@dataclass(frozen=True, slots=True)
class Pending:
    """An applied action whose end is not known yet."""

    decision_id: str
    action: str
    run_id: int
    watched_run_id: int
    """The run that tells: the one-time run of a resubmission, else the run itself."""
    repair_id: int | None
    fingerprint: str | None
    failed_at: datetime | None
    job_name: str | None


def pending_actions(ledger: Ledger, workspace_id: str) -> dict[int, list[Pending]]:
    """By the run to look at. Retries wait until they end; mails and escalations only for a day, for a run mended by others."""
    applied = ledger.read("actions").where(
        (F.col("status") == ActionStatus.APPLIED.value) & (F.col("workspace_id") == workspace_id)
    )
    over = (
        ledger.read("outcomes")
        .where((F.col("outcome") != Outcome.PENDING.value) | (F.col("final_state") == PURGED))
        .select("decision_id")
    )
    decided = ledger.read("decisions").select(
        "decision_id", "fingerprint", F.unix_micros("failed_at").alias("failed"), "job_name"
    )
    watched = (
        ledger.read("open_runs")
        .where(F.col("closed_at").isNull())
        .select("workspace_id", "run_id")
        .withColumn("watched", F.lit(True))
    )
    rows = (
        applied.join(over, "decision_id", "left_anti")
        .join(decided, "decision_id", "inner")
        .join(watched, ["workspace_id", "run_id"], "left")
        .where(F.col("action").isin(*RETRIES) | F.col("watched").isNotNull())
        .select("decision_id", "action", "run_id", "new_run_id", "repair_id", "fingerprint", "failed", "job_name")
        .collect()
    )
    found: dict[int, list[Pending]] = {}
    for row in rows:
        tells = row["new_run_id"] or row["run_id"]
        found.setdefault(tells, []).append(
            Pending(
                row["decision_id"],
                row["action"],
                row["run_id"],
                tells,
                row["repair_id"],
                row["fingerprint"],
                _time(row["failed"]),
                row["job_name"],
            )
        )
    return found


def judged(
    reads: Sequence[ReadRun],
    pending: Mapping[int, list[Pending]],
    fingerprints: Mapping[int, str],
    policy: Policy,
    now: datetime,
) -> list[dict[str, Any]]:
    """Rows of `outcomes` for the actions that wait for these runs; `fingerprints` is by task run id."""
    rows = [
        outcome_row(action, read.run, fingerprints, policy, now)
        for read in reads
        for action in pending.get(read.run_id, ())
    ]
    return [row for row in rows if row is not None]


def failed_again(reads: Sequence[ReadRun], pending: Mapping[int, list[Pending]]) -> list[tuple[Run, TaskAttempt]]:
    """Attempts that our retries started and that failed; also those that somebody's later repair has overtaken."""
    found = []
    for read in reads:
        run = read.run
        for action in pending.get(read.run_id, ()) if run is not None else ():
            assert run is not None
            if action.action in RETRIES and _ended(action, run):
                found += [(run, attempt) for attempt in _failed(run, _tasks(action, run))]
    return found


def outcome_row(
    action: Pending, run: Run | None, fingerprints: Mapping[int, str], policy: Policy, now: datetime
) -> dict[str, Any] | None:
    """None while there is nothing to say."""
    row: dict[str, Any] = {
        "decision_id": action.decision_id,
        "observed_at": now,
        "outcome": Outcome.PENDING.value,
        "attributed_to": "jobmedic",
    }
    if run is None:
        return row | {"final_state": PURGED}
    if action.action in RETRIES:
        found = _of_retry(action, run, fingerprints, policy)
        return None if found is None else row | found
    if run.active or run.result_state != SUCCESS:
        return None
    return row | _recovered(run.ended_at, action) | {"final_state": SUCCESS, "attributed_to": "other"}


def _of_retry(action: Pending, run: Run, fingerprints: Mapping[int, str], policy: Policy) -> dict[str, Any] | None:
    """None until our own repair, or one-time run, has ended."""
    if not _ended(action, run):
        return None
    ours, tasks = _ours(action, run), _tasks(action, run)
    state = (ours.result_state if ours else None) or run.result_state or run.life_cycle_state
    seconds = sum(attempt.execution_seconds for attempt in run.attempts if attempt.task_run_id in tasks)
    spent = {
        "final_state": state,
        "compute_seconds_used": seconds,
        "cost_usd": seconds / 3600 * policy.price_per_hour(action.job_name),
    }
    if state == SUCCESS:
        return spent | _recovered(ours.ended_at if ours and ours.ended_at else run.ended_at, action)
    if state in {"CANCELED", "CANCELLED"}:
        return spent | {"outcome": Outcome.CANCELLED.value}
    newer = ours is not None and run.latest_repair_id != ours.repair_id and run.result_state == SUCCESS
    failed = [attempt.task_run_id for attempt in _failed(run, tasks)]
    found = {fingerprints[task] for task in failed if task in fingerprints}
    same = action.fingerprint in found
    seen = action.fingerprint if same else min(found, default=None)
    what = Outcome.FAILED_SAME if same else Outcome.FAILED_OTHER
    # Whoever mended the run afterwards, this retry failed; nothing of theirs is credited to it.
    return spent | {
        "outcome": what.value,
        "fingerprint": seen,
        "final_state": f"{state}, mended later" if newer else state,
    }


def _ours(action: Pending, run: Run) -> Repair | None:
    if action.watched_run_id != action.run_id:
        return None  # a one-time run of our own has no repair of ours
    return next((repair for repair in run.repairs if repair.repair_id == action.repair_id), None)


def _ended(action: Pending, run: Run) -> bool:
    ours = _ours(action, run)
    if ours is None:
        # A history that does not show our repair yet belongs to a run as it was before.
        not_yet = action.watched_run_id == action.run_id and action.repair_id is not None
        return not run.active and not not_yet
    if run.latest_repair_id == ours.repair_id:
        return not run.active
    return ours.ended_at is not None or ours.result_state is not None or not run.active


def _tasks(action: Pending, run: Run) -> set[int]:
    ours = _ours(action, run)
    return set(ours.task_run_ids) if ours else {attempt.task_run_id for attempt in run.attempts}


def _failed(run: Run, tasks: set[int]) -> list[TaskAttempt]:
    return [attempt for attempt in run.attempts if attempt.task_run_id in tasks and failed_by_itself(attempt)]


def _recovered(ended_at: datetime | None, action: Pending) -> dict[str, Any]:
    seconds = (ended_at - action.failed_at).total_seconds() if ended_at and action.failed_at else None
    return {
        "outcome": Outcome.RECOVERED.value,
        "seconds_to_recover": max(0.0, seconds) if seconds is not None else None,
    }


def _time(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
