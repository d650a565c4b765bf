"""The demo: a simulated night of failing jobs, treated in act mode, and what jobmedic says of it beside what really happened."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobmedic.demo_home import DemoHome, demo_home, nobodys_environment
from jobmedic.face import Jobmedic
from jobmedic.knowledge.words import Mode
from jobmedic.sandbox import RunTruth, Sandbox, Scenario, demo_policy, demo_scenario
from jobmedic.sandbox.sandbox import JOBMEDIC_USER
from jobmedic.settings import Settings

if TYPE_CHECKING:
    from jobmedic.pipeline.triage import PassReport

ROOT = Path(".jobmedic")
EXPERIMENT = "jobmedic-demo"
ON_CALL = "on-call@sandbox.example"

STEP = timedelta(minutes=60)
"""Between passes while the night lasts."""
TAIL = timedelta(minutes=30)
"""Between passes afterwards, until everything has come to its end."""
MOST_TAILS = 6

# What makes a run jobmedic's business; the last one is a failure that its owner tolerates.
BAD = ("FAILED", "TIMEDOUT", "INTERNAL_ERROR", "CANCELED", "SUCCESS_WITH_FAILURES")

# Something is still to come: a decision that waits, or a retry whose end has not been seen.
OPEN = (
    "status IN ('ready', 'deferred', 'held') OR (action IN ('retry', 'retry_with_new_params')"
    " AND action_status = 'applied' AND coalesce(outcome, 'pending') = 'pending')"
)


@dataclass(frozen=True, slots=True)
class DemoPass:
    number: int
    at: datetime
    """Simulated time."""
    report: dict[str, Any]
    still_open: int
    """Decisions that wait, and retries whose end is not known yet."""


@dataclass(frozen=True, slots=True)
class Received:
    """What arrived at the sandbox's servers."""

    mails: int
    posts: int
    questions: int


@dataclass(frozen=True, slots=True)
class DemoStory:
    home: DemoHome
    quiet: bool
    """Everything has come to its end; otherwise the bound on passes was met first."""
    decisions: Sequence[dict[str, Any]]
    """Rows of `v_decisions`."""
    incidents: Sequence[dict[str, Any]]
    actions: Sequence[dict[str, Any]]
    costs: dict[str, float]
    """`v_costs` summed over the days."""
    truth: dict[int, RunTruth]
    received: Received

    @property
    def failed(self) -> set[int]:
        return {row["run_id"] for row in self.decisions}

    @property
    def failed_in_truth(self) -> set[int]:
        return {run_id for run_id, told in self.truth.items() if told.first_result in BAD}

    @property
    def recovered(self) -> set[int]:
        return {
            row["run_id"]
            for row in self.decisions
            if row["outcome"] == "recovered"
            and row["attributed_to"] == "jobmedic"
            and row["action"].startswith("retry")
        }

    @property
    def recovered_in_truth(self) -> set[int]:
        return {
            run_id for run_id, told in self.truth.items() if (told.recovered_by or "").endswith(f"by {JOBMEDIC_USER}")
        }

    @property
    def owner_mails(self) -> int:
        """Messages, not decisions: one owner gets one mail for one problem."""
        return len({row["message_id"] for row in self.actions if row["status"] == "applied" and row["message_id"]})

    @property
    def told_incidents(self) -> int:
        """Each goes to the on-call by mail and to the channel once."""
        return sum(row["notified_at"] is not None for row in self.incidents)


def run_demo(
    *,
    root: Path = ROOT,
    quick: bool = False,
    scenario: Scenario | None = None,
    on_home: Callable[[DemoHome], None] = lambda _home: None,
    on_pass: Callable[[DemoPass], None] = lambda _pass: None,
    on_stage: Callable[[str], None] | None = None,
) -> DemoStory:
    """`quick` lets the whole night pass before the first pass. Talks to loopback alone."""
    from jobmedic.edges.spark import SparkKind, chosen_kind

    home = demo_home(root.absolute())
    spark = SparkKind.CLASSIC if chosen_kind() is SparkKind.CLASSIC else SparkKind.SAIL
    home.clear()
    on_home(home)
    with nobodys_environment(), Sandbox(scenario or demo_scenario()) as sandbox:
        settings = _settings(sandbox, home, spark)
        with Jobmedic(settings, clock=sandbox.clock) as medic:
            quiet = _night(sandbox, medic, home, quick=quick, on_pass=on_pass, on_stage=on_stage)
            medic.report(home.report)
            return _story(sandbox, medic, home, quiet=quiet)


def _settings(sandbox: Sandbox, home: DemoHome, spark: str) -> Settings:
    given = {name.lower(): value for name, value in sandbox.environment().items() if name != "NO_PROXY"}
    return Settings(
        env_file=None,
        **given,
        jobmedic_tables=str(home.tables),
        jobmedic_mode=Mode.ACT,
        jobmedic_policy=str(demo_policy()),
        jobmedic_incident_urls=sandbox.incident_url,
        jobmedic_on_call=ON_CALL,
        jobmedic_spark=spark,
        jobmedic_mlflow_experiment=EXPERIMENT,
        mlflow_tracking_uri=f"sqlite:///{home.mlflow.as_posix()}",
    )


def _night(
    sandbox: Sandbox,
    medic: Jobmedic,
    home: DemoHome,
    *,
    quick: bool,
    on_pass: Callable[[DemoPass], None],
    on_stage: Callable[[str], None] | None,
) -> bool:
    """Advances the simulated time from pass to pass; whether all had come to its end."""
    night = timedelta(minutes=sandbox.scenario.minutes)
    step = night if quick else STEP
    whole = max(1, -(-night // step))
    for number in range(1, whole + MOST_TAILS + 1):
        sandbox.world.advance((step if number <= whole else TAIL).total_seconds())
        at = sandbox.clock.now()
        report: PassReport = medic.triage(on_stage=on_stage)
        home.mark()
        still_open = medic.table("v_decisions").where(OPEN).count()
        on_pass(DemoPass(number, at, report.as_dict(), still_open))
        if number > whole and not still_open and not report.tally.failures:
            return True
    return False


def _story(sandbox: Sandbox, medic: Jobmedic, home: DemoHome, *, quiet: bool) -> DemoStory:
    def rows(name: str) -> list[dict[str, Any]]:
        return [row.asDict(recursive=True) for row in medic.table(name).collect()]

    decisions = sorted(rows("v_decisions"), key=lambda row: (row["failed_at"] or row["decided_at"], row["run_id"]))
    days = rows("v_costs")
    costs = {name: float(sum(day[name] for day in days)) for name in (days[0] if days else {}) if name != "day"}
    received = Received(len(sandbox.mails), len(sandbox.incidents), len(sandbox.model_calls))
    return DemoStory(home, quiet, decisions, rows("incidents"), rows("actions"), costs, sandbox.truth(), received)
