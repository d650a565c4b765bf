"""The act stage: every decision that is ready, claimed first, applied once, its result written down."""

import logging
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobmedic.knowledge.words import Action, ActionStatus
from jobmedic.pipeline.act.claims import Claimed, Claims
from jobmedic.pipeline.act.incidents import IncidentBook
from jobmedic.pipeline.act.mails import OwnerMails
from jobmedic.pipeline.act.post import ELSEWHERE
from jobmedic.pipeline.act.restart import Restart
from jobmedic.pipeline.collect.read_runs import JobShelf
from jobmedic.pipeline.plan import Plan, Ports
from jobmedic.pipeline.tally import Tally

log = logging.getLogger("jobmedic")

RETRIES = (Action.RETRY.value, Action.RETRY_WITH_NEW_PARAMS.value)

RESULTS_KEPT = 1_000
SECONDS_KEPT = 5.0
"""Results are written this often: a pass that is killed leaves at most so many claims for the next to look into."""

Result = dict[str, Any]


@dataclass(slots=True)
class Actor:
    ports: Ports
    plan: Plan
    tally: Tally
    jobs: JobShelf
    book: IncidentBook
    workspace_id: str
    now: datetime

    def act(self, run_id: int | None = None) -> None:
        claims = Claims(self.ports.ledger, self.plan, self.workspace_id, self.now)
        mine = claims.take(run_id)
        self.book.announce()  # a storm is one incident although none of its runs is escalated
        for results in _batched(self._results(mine)):
            claims.finish(results)
            for result in results:
                self._count(result)
        claims.close()

    def _results(self, mine: list[Claimed]) -> Iterator[Result]:
        of_action: dict[str, list[Claimed]] = {}
        for claimed in mine:
            of_action.setdefault(claimed.action, []).append(claimed)
        yield from self._restarted([claimed for action in RETRIES for claimed in of_action.get(action, ())])
        yield from OwnerMails(self.ports, self.plan, self.workspace_id, self.now).send(
            of_action.get(Action.SEND_EMAIL, [])
        )
        yield from (self._escalated(claimed) for claimed in of_action.get(Action.ESCALATE, ()))
        for claimed in of_action.get(Action.IGNORE, ()):
            yield {"decision_id": claimed.decision_id, "status": ActionStatus.APPLIED.value}

    def _restarted(self, claimed: list[Claimed]) -> Iterator[Result]:
        restart = Restart(self.ports, self.jobs, self.plan.policy)
        with ThreadPoolExecutor(self.plan.concurrency, thread_name_prefix="jobmedic-act") as pool:
            under_way = {pool.submit(restart.apply, one): one for one in claimed}
            for done in as_completed(under_way):
                problem = done.exception()
                yield _broken(under_way[done], problem) if isinstance(problem, Exception) else done.result()

    def _escalated(self, claimed: Claimed) -> Result:
        """The incident stands in the ledger already; applied once the on-call was told, or nobody is there to tell."""
        trouble = self.book.told.get(claimed.incident_id or "")
        result: Result = {"decision_id": claimed.decision_id, "incident_id": claimed.incident_id}
        if trouble is not None:
            return result | {"error": trouble}
        return result | {"status": ActionStatus.APPLIED.value, "recipient": ", ".join(self.plan.on_call) or None}

    def _count(self, result: Result) -> None:
        status = result.get("status")
        self.tally.actions[status or "given_back"] += 1
        if status in {None, ActionStatus.FAILED.value} and result.get("error") != ELSEWHERE:
            self.tally.problem(f"decision {result['decision_id'][:12]} was not applied: {result.get('error')}")


def _broken(claimed: Claimed, problem: Exception) -> Result:
    """One run that cannot be handled must neither stop the others nor come back in every pass."""
    log.debug("decision %s", claimed.decision_id, exc_info=problem)
    why = f"jobmedic could not prepare this retry, which is a defect worth reporting: {problem!r}"
    return {"decision_id": claimed.decision_id, "status": ActionStatus.FAILED.value, "error": why}


def _batched(results: Iterable[Result]) -> Iterator[list[Result]]:
    batch: list[Result] = []
    began = time.monotonic()
    for result in results:
        batch.append(result)
        if len(batch) == RESULTS_KEPT or time.monotonic() - began >= SECONDS_KEPT:
            yield batch
            batch = []
            began = time.monotonic()
    if batch:
        yield batch
