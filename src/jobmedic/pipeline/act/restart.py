"""Applying a retry: a repair, or a one-time run where the remedy is compute. Never twice, and never on a run that moved.

What the far end answers is not believed alone: a repair that was answered with an error may have happened all the same,
so the run is read again before it is called a failure.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from jobmedic.knowledge.policy import Policy
from jobmedic.knowledge.states import SUCCESS
from jobmedic.knowledge.words import ActionStatus, Compute
from jobmedic.pipeline.act.claims import Claimed
from jobmedic.pipeline.act.resubmit import Change, NotPossibleError, submit_body
from jobmedic.pipeline.collect.read_runs import JobShelf
from jobmedic.pipeline.plan import Ports
from jobmedic.ports.workspace import Job, Repair, RepairRequest, Run, RunGone, WorkspaceError
from jobmedic.transforms.gates import IDEMPOTENT_TAG
from jobmedic.transforms.traffic import MODE_TAG

CLOCKS_APART = timedelta(minutes=2)

# Answers after which the same call may well succeed: the claim is given back and a later pass looks again.
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Restart:
    ports: Ports
    jobs: JobShelf
    policy: Policy

    def apply(self, claimed: Claimed) -> Result:
        """Columns of `actions`; without a `status` when nothing could be found out and a later pass must look again."""
        try:
            run = self.ports.runs.get_run(claimed.run_id)
        except RunGone:
            return _result(claimed, ActionStatus.REFUSED, "the run is gone")
        except WorkspaceError as error:
            return _later(claimed, f"the run could not be read before the retry: {error}")
        try:
            job = self.jobs.get(run.job_id)
        except WorkspaceError as error:
            return _later(claimed, f"the job could not be read before the retry: {error}")
        if stopped := _moved(claimed, run) or _forbidden(claimed, run, job):
            return stopped
        if _is_submit(claimed, run):
            return self._submit(claimed, run, job)
        return self._repair(claimed, run)

    def _repair(self, claimed: Claimed, run: Run) -> Result:
        request = RepairRequest(
            run_id=run.run_id,
            rerun_tasks=() if _has_no_tasks(run) else claimed.task_keys,
            job_parameters={**run.job_parameters, **claimed.params},
            latest_repair_id=run.latest_repair_id,
        )
        try:
            repair_id = self.ports.starter.repair(request)
        except WorkspaceError as error:
            return self._after_error(claimed, error)
        return _result(claimed, ActionStatus.APPLIED) | {"repair_id": repair_id}

    def _after_error(self, claimed: Claimed, error: WorkspaceError) -> Result:
        try:
            run = self.ports.runs.get_run(claimed.run_id)
        except WorkspaceError as again:
            return _later(
                claimed, f"the repair was answered with an error ({error}) and the run could not be read since: {again}"
            )
        if newer := _newer(claimed, run):
            return _result(
                claimed, ActionStatus.APPLIED, f"answered with an error, but the run shows the repair: {error}"
            ) | {"repair_id": newer[0].repair_id}
        if error.status is None or error.status in _LATER:
            return _later(claimed, f"the repair did not happen: {error}")
        return _result(claimed, ActionStatus.FAILED, f"the workspace refused the repair: {error}")

    def _submit(self, claimed: Claimed, run: Run, job: Job | None) -> Result:
        compute = Compute(claimed.compute) if claimed.compute else None
        try:
            body = submit_body(run, job, claimed.task_keys, Change(compute, claimed.params), self.policy.compute)
            new_run_id = self.ports.starter.submit(body, idempotency_token=claimed.decision_id)
        except NotPossibleError as error:
            return _result(claimed, ActionStatus.REFUSED, str(error))
        except WorkspaceError as error:
            if error.status is None or error.status in _LATER:
                return _later(
                    claimed, f"the one-time run could not be started: {error}"
                )  # the token makes the next try safe
            return _result(claimed, ActionStatus.FAILED, f"the workspace refused the one-time run: {error}")
        return _result(claimed, ActionStatus.APPLIED) | {"new_run_id": new_run_id}


def _moved(claimed: Claimed, run: Run) -> Result | None:
    """The run is not as the decision saw it: repaired by somebody, by an earlier pass of ours, running, or mended."""
    newer = _newer(claimed, run)
    if newer:
        if (ours := _of_dead_pass(claimed, run, newer)) is not None:
            return _result(
                claimed, ActionStatus.APPLIED, "found after a pass that ended before it could write this down"
            ) | {"repair_id": ours.repair_id}
        return _result(
            claimed,
            ActionStatus.SUPERSEDED,
            f"the run was repaired by somebody else meanwhile (repair {newer[-1].repair_id})",
        )
    if run.active:
        return _result(claimed, ActionStatus.SUPERSEDED, "the run is running again")
    if run.result_state == SUCCESS:
        return _result(claimed, ActionStatus.SUPERSEDED, "the run has succeeded meanwhile")
    return None


def _has_no_tasks(run: Run) -> bool:
    return all(attempt.task_run_id == run.run_id for attempt in run.attempts)


def _newer(claimed: Claimed, run: Run) -> tuple[Repair, ...]:
    """Repairs that the decision did not know of, oldest first."""
    ids = [repair.repair_id for repair in run.repairs]
    known = ids.index(claimed.repair_id_seen) + 1 if claimed.repair_id_seen in ids else 0
    return run.repairs[known:]


def _of_dead_pass(claimed: Claimed, run: Run, newer: tuple[Repair, ...]) -> Repair | None:
    """The first repair since a pass claimed this that left no result: it called at once, people come later."""
    claimed_at = claimed.intended_before
    if claimed_at is None or _is_submit(claimed, run):
        return None
    since = claimed_at - CLOCKS_APART
    return next((repair for repair in newer if repair.started_at is not None and repair.started_at >= since), None)


def _is_submit(claimed: Claimed, run: Run) -> bool:
    """Changed compute, and runs without a job, take a one-time run instead of a repair."""
    return claimed.compute is not None or run.job_id is None or run.run_type == "SUBMIT_RUN"


def _forbidden(claimed: Claimed, run: Run, job: Job | None) -> Result | None:
    """What the job says now counts, not what it said when the failure was read."""
    if run.job_id is not None and run.run_type != "SUBMIT_RUN" and job is None:
        return _result(claimed, ActionStatus.REFUSED, "the job is gone, or cannot be read")
    tags = {name: value.strip().lower() for name, value in (job.tags if job else {}).items()}
    if tags.get(MODE_TAG) in {"off", "shadow"}:
        return _result(claimed, ActionStatus.REFUSED, f"the job is tagged {MODE_TAG}={tags[MODE_TAG]} now")
    if tags.get(IDEMPOTENT_TAG) == "false":
        return _result(claimed, ActionStatus.REFUSED, f"the job is tagged {IDEMPOTENT_TAG}=false now")
    if not claimed.task_keys:
        return _result(claimed, ActionStatus.REFUSED, "the run names no failed task that could run again")
    return None


def _result(claimed: Claimed, status: ActionStatus, error: str | None = None) -> Result:
    return {"decision_id": claimed.decision_id, "status": status.value, "error": error}


def _later(claimed: Claimed, error: str) -> Result:
    return {"decision_id": claimed.decision_id, "error": error}
