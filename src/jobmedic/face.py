"""The Python face of jobmedic, for notebooks, jobs and other programs."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from jobmedic.edges.delta_ledger.place import Folder
from jobmedic.edges.delta_ledger.upkeep import maintain
from jobmedic.pipeline.triage import PassReport, decision_of, triage
from jobmedic.ports.clock import Clock
from jobmedic.ports.ledger import LedgerError
from jobmedic.settings import Settings
from jobmedic.wiring import Equipment, opened

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobmedic.pipeline.feedback.csv_file import ImportReport
    from jobmedic.pipeline.feedback.record import Feedback
    from jobmedic.pipeline.learn.printed import LearnReport
    from jobmedic.pipeline.replay import ReplayReport
    from jobmedic.pipeline.report.figures import Figures

log = logging.getLogger("jobmedic")


@dataclass(frozen=True, slots=True)
class ProcessedRun:
    """What jobmedic decided on one run, and what came of it so far."""

    run_id: int
    decision: dict[str, Any] | None
    """A row of `v_decisions`; None when the run did not fail, is still active, or is gone."""
    report: PassReport

    def __str__(self) -> str:
        if self.decision is None:
            return f"run {self.run_id}: nothing to decide" + (
                f" ({self.report.tally.errors[0]})" if self.report.tally.errors else ""
            )
        made = self.decision
        done = made.get("action_status") or made["status"]
        return f"run {self.run_id}: {made['category']} → {made['action']} ({done}). {made['reason']}"


class Jobmedic:
    """Opens what it needs when it needs it; closed by `close`, or used as a context manager."""

    def __init__(self, settings: Settings | None = None, *, clock: Clock | None = None) -> None:
        self._stack = ExitStack()
        self.equipment: Equipment = self._stack.enter_context(opened(settings or Settings(), clock=clock))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._stack.close()

    def triage(self, *, look_back: bool = False, on_stage: Callable[[str], None] | None = None) -> PassReport:
        """One pass over the workspace. `look_back` lists from `JOBMEDIC_SINCE` again, whatever earlier passes saw."""
        plan = self.equipment.plan(look_back=look_back)  # a bad policy is told before anything is connected
        report = triage(self.equipment.ports, plan, on_stage=on_stage)
        if isinstance(self.equipment.bare_ledger.home.place, Folder):
            self._tidy()  # a glance unless there is something to do; in a catalog it costs more, and `learn` does it
        return report

    def process_run(self, run_id: int, *, on_stage: Callable[[str], None] | None = None) -> ProcessedRun:
        """One run, at once: read, diagnosed, decided and, in act mode, acted on."""
        plan = self.equipment.plan()
        ports = self.equipment.ports
        report = triage(ports, plan, run_id=run_id, on_stage=on_stage)
        return ProcessedRun(run_id, decision_of(ports, report.workspace_id, run_id), report)

    def feedback(
        self,
        decision_id: str,
        verdict: str,
        *,
        given_by: str,
        category: str | None = None,
        action: str | None = None,
        comment: str | None = None,
    ) -> "Feedback":
        """Records a verdict (`correct`, `wrong`, `withdrawn`); the beginning of the id suffices. Raises FeedbackError."""
        from jobmedic.pipeline.feedback.record import record

        return record(
            self.equipment.ledger,
            decision_id=decision_id,
            verdict=verdict,
            category=category,
            action=action,
            comment=comment,
            given_by=given_by,
            now=self.equipment.clock.now(),
            redact=self.equipment.mask,
        )

    def import_feedback(self, path: Path, *, given_by: str) -> "ImportReport":
        """Good lines are recorded, broken ones are in the report. Raises FeedbackError for a file that is no such CSV."""
        from jobmedic.pipeline.feedback.csv_file import import_csv

        equipment = self.equipment
        return import_csv(equipment.ledger, path, given_by=given_by, now=equipment.clock.now(), redact=equipment.mask)

    def learn(self, pictures: Path | None = None) -> "LearnReport":
        """Scores what was decided since the last time and logs it; `pictures` keeps the charts in a folder too."""
        from jobmedic.knowledge.prompt import diagnosis_prompt
        from jobmedic.pipeline.learn.daily import learn

        prompt = diagnosis_prompt()
        self.equipment.registry.register_prompt("jobmedic_diagnose", prompt.version, prompt.system)
        with TemporaryDirectory() as scratch:
            folder = pictures or Path(scratch)
            folder.mkdir(parents=True, exist_ok=True)
            equipment = self.equipment
            report = learn(
                equipment.ledger, equipment.tracker, equipment.known, now=equipment.clock.now(), folder=folder
            )
        self._tidy()
        return report

    def _tidy(self) -> None:
        try:
            maintain(self.equipment.bare_ledger)
        except LedgerError as problem:
            log.warning("the tables could not be tidied, which slows down reading them and nothing else: %s", problem)

    def replay(
        self,
        *,
        policy: Path | str | None = None,
        rules: Path | str | None = None,
        confidence: float | None = None,
        since: timedelta | None = None,
    ) -> "ReplayReport":
        """Decides stored failures under another policy, catalogue or confidence bar; acts on nothing."""
        from jobmedic.knowledge.catalogue import Catalogue
        from jobmedic.knowledge.policy import Policy
        from jobmedic.pipeline.replay import Variant, replay

        equipment = self.equipment
        other = equipment.policy if policy is None else Policy.load(Path(policy))
        if confidence is not None:
            other = other.with_bar(confidence)
        variant = Variant(other, None if rules is None else Catalogue.load(Path(rules)))
        now = equipment.clock.now()
        return replay(equipment.ledger, Variant(equipment.policy), variant, since=now - since if since else None)

    def report(self, output: Path, *, since: timedelta | None = None) -> "Figures":
        """Writes the HTML report over the tables and returns what it shows."""
        from jobmedic.pipeline.report import write_report

        return write_report(self.equipment.ledger, output, now=self.equipment.clock.now(), since=since)

    def table(self, name: str) -> "DataFrame":
        """A table or view of the ledger, for queries and plots."""
        return self.equipment.ledger.read(name)
