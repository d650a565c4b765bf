"""`python -m bench.thirty_days`: a month on a simulated platform, with all of jobmedic: passes, `learn`, feedback, tuning.

The failures are the same every week, so that whatever gets better was learned. Nothing is timed here.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.thirty_days.people import worth_a_look, write_verdicts
from bench.thirty_days.story import WRONG_RULE, Mix, kind_of, scenario, with_wrong_rule
from bench.thirty_days.weeks import DAYS, Week, draw, table, weeks_of
from jobmedic import Jobmedic, Settings
from jobmedic.edges.azure_openai.fine_tuning import AzureFineTuning
from jobmedic.edges.frames import rows_of
from jobmedic.edges.redact import redact_for_model
from jobmedic.knowledge.catalogue import Catalogue
from jobmedic.knowledge.prompt import diagnosis_prompt
from jobmedic.pipeline.learn.printed import LearnReport
from jobmedic.pipeline.tune.job import follow, submit
from jobmedic.pipeline.tune.prepare import prepare
from jobmedic.pipeline.tune.promote import Promotion, promote
from jobmedic.sandbox import Cause, Sandbox

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "images" / "thirty-days.svg"
BASE, BASE_QUALITY = "base", 0.75
PASSES_AT = (3, 4, 10, 20)
"""Hours of the day."""
TUNED = (("worse", 0.3), ("better", 0.95))


@dataclass
class Month:
    sandbox: Sandbox
    medic: Jobmedic
    folder: Path
    judged: set[str] = field(default_factory=set)
    found: list[tuple[int, str]] = field(default_factory=list)
    """Day and words of what `learn` said of the rule that is wrong on purpose, each once."""

    def live(self, days: int) -> None:
        with typer.progressbar(range(days), label="days", file=_stderr()) as bar:
            for day in bar:
                for hour in PASSES_AT:
                    moment = self.sandbox.scenario.start + timedelta(days=day, hours=hour)
                    self.sandbox.world.advance((moment - self.sandbox.clock.now()).total_seconds())
                    self.medic.triage()
                self._evening(day, last=day == days - 1)

    def _evening(self, day: int, *, last: bool) -> None:
        report = self.medic.learn()
        said = [
            one.text for one in report.recommendations if one.subject == WRONG_RULE and one.kind == "futile_retries"
        ]
        self.found += [(day + 1, text) for text in said if not self.found]
        if last or day % DAYS == DAYS - 1:
            self._people(report)

    def _people(self, report: LearnReport) -> None:
        rows = list(worth_a_look(self.rows("decisions"), report.recommendations, self.judged))
        write_verdicts(self.folder / "verdicts.csv", rows, self._causes())
        self.medic.import_feedback(self.folder / "verdicts.csv", given_by="nobody")
        self.judged |= {row["decision_id"] for row in rows}

    def _causes(self) -> Mapping[int, Cause]:
        causes = self.sandbox.world.causes
        return {run: causes[told.causes[0]] for run, told in self.sandbox.truth().items() if told.causes}

    def rows(self, name: str) -> list[dict[str, Any]]:
        return rows_of(self.medic.table(name))

    def weeks(self) -> list[Week]:
        owners = {row["decision_id"]: row["message_id"] for row in self.rows("actions") if row["message_id"]}
        return weeks_of(self.rows("v_decisions"), owners, self.sandbox.scenario.start)

    def tuned(self, quality: float) -> Promotion:
        equipment, folder, sandbox = self.medic.equipment, self.folder / "tuning", self.sandbox
        far = AzureFineTuning(endpoint=sandbox.model_url, api_key=sandbox.model_key, poll_seconds=0.01)
        sandbox.model.tuning.quality = quality
        submit(far, equipment.tracker, folder, base_model="gpt-4o-mini", now=sandbox.clock.now(), again=True)
        end = follow(far, equipment.tracker, sandbox.clock, folder, progress=lambda _: None, deadline_seconds=3600)
        return promote(
            folder=folder,
            champion=equipment.deployment(equipment.champion.deployment),
            challenger=equipment.deployment(end.tuned_model or ""),
            in_force=equipment.champion,
            deployment=end.tuned_model or "",
            registry=equipment.registry,
            tracker=equipment.tracker,
            progress=lambda: None,
        )


@contextmanager
def opened(mix: Mix, folder: Path) -> Iterator[Month]:
    with Sandbox(scenario(mix)) as sandbox:
        sandbox.model.deploy(BASE, quality=BASE_QUALITY)
        given = {name.lower(): value for name, value in sandbox.environment().items() if name != "NO_PROXY"}
        given |= {"azure_openai_deployment": BASE, "jobmedic_mode": "act", "jobmedic_tables": str(folder / "tables")}
        given |= {"mlflow_tracking_uri": f"sqlite:///{folder / 'mlflow.db'}", "jobmedic_on_call": "on-call@example.com"}
        with Jobmedic(Settings(env_file=None, **given), clock=sandbox.clock) as medic:
            medic.equipment.catalogue = with_wrong_rule(Catalogue.load())
            yield Month(sandbox, medic, folder)


def report(month: Month) -> Iterator[str]:
    weeks = month.weeks()
    yield from table(weeks)
    draw(weeks, PICTURE)
    day, text = month.found[0]
    yield f"\nlearn, day {day}: {text}"
    licences = sorted(
        (row for row in month.rows("decisions") if kind_of(row["job_name"]) == "licence"),
        key=lambda row: row["decided_at"],
    )
    retried = [row for row in licences if row["rule"] == WRONG_RULE and row["action"] == "retry"]
    yield f"the rule made {len(retried)} retries, the last on day {_day(month, retried[-1])} of {_day(month, licences[-1])}"
    made = prepare(
        month.medic.equipment.ledger,
        diagnosis_prompt(),
        month.folder / "tuning",
        now=month.sandbox.clock.now(),
        redact=redact_for_model,
    )
    counts = ", ".join(f"{name} {file['examples']}" for name, file in made.card["files"].items())
    yield f"\ntuning data: {counts}"
    for name, quality in TUNED:
        yield f"a tuned model that is {name} (right in {quality:.0%} of its answers; the base model in {BASE_QUALITY:.0%}):"
        yield from month.tuned(quality).lines()


def _day(month: Month, row: Mapping[str, Any]) -> int:
    return int((row["decided_at"] - month.sandbox.scenario.start).days) + 1


def _stderr() -> typer.FileTextWrite:
    import sys

    return sys.stderr  # type: ignore[return-value]


def main(
    days: Annotated[int, typer.Option(help="Days to live through.")] = 30,
    keep: Annotated[Path | None, typer.Option(help="Folder that keeps tables and MLflow store.")] = None,
) -> None:
    with tempfile.TemporaryDirectory() as scratch, opened(Mix(days=days), (keep or Path(scratch)).absolute()) as month:
        month.live(days)
        for line in report(month):
            typer.echo(line)


if __name__ == "__main__":
    typer.run(main)
