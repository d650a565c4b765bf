"""`python -m bench.judge.policies`: what the policy makes of the rules' diagnoses, and how much of it hangs on which setting.

Every labelled failure becomes the first failed run of a job of its own that is safe to run again, diagnosed as
`jobmedic classify` does; the policy decides. One setting is changed at a time.
"""

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F
from rich.console import Console
from rich.table import Table

from bench.judge.__main__ import corpora
from bench.judge.classifier import run_classify
from bench.judge.labelled import Answer, Labelled, read_labelled
from bench.judge.measures import score
from bench.judge.tables import percent
from jobmedic.edges.spark import SparkKind, open_session
from jobmedic.knowledge.policy import Policy
from jobmedic.knowledge.words import Action, Category, Mode
from jobmedic.transforms.decide import decide
from jobmedic.transforms.traffic import Setting
from tests.transforms.deciding import past, rows

NOW = datetime(2026, 3, 29, 3, 0, tzinfo=UTC)
BARRED = ("permission", "syntax", "data_not_found")
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "default policy": {},
    "no confidence bar": {"categories": {str(one): {"confidence": 0.0} for one in Category}},
    "confidence bar 0.9": {
        "categories": {str(one): {"confidence": 0.9} for one in Category if one != Category.UNKNOWN}
    },
    "one retry for barred categories": {"categories": {one: {"max_retries": 1} for one in BARRED}},
    "no compute may be changed": {"compute": {"enabled": False}},
    "a recovery is worth 1 USD": {"money": {"value_of_recovery_usd": 1}},
    "an hour costs 100 USD": {"money": {"compute_usd_per_hour": 100}},
}


def labelled_run(failure: Labelled, index: int) -> dict[str, Any]:
    return {
        "workspace_id": "w1",
        "task_run_id": 10_000 + index,
        "run_id": index + 1,
        "job_id": index + 1,
        "job_name": f"job-{index}",
        "run_type": "JOB_RUN",
        "task_key": "load",
        "failed_at": NOW - timedelta(minutes=5),
        "run_seconds": 1800.0,
        "result_state": "FAILED",
        "fingerprint": failure.id,
        "owner": "owner@example.com",
        "tags": {"jobmedic_idempotent": "true"},
        "run_result_state": "FAILED",
        "repairs": 0,
        "executions": 1,
        "job_exists": True,
        "code_ran": True,
        "job_parameters": {},
        "compute_remedies": ["larger_node", "more_workers", "longer_timeout"],
    }


def diagnosis(answer: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: answer.get(name) for name in ("category", "transient", "confidence", "rule", "action")}
    compute = "larger_node" if answer.get("category") == Category.RESOURCE else "longer_timeout"
    return {**kept, "fingerprint": answer["id"], "source": "rule", "compute": answer.get("compute") or compute}


def decided(
    spark: SparkSession, failures: Sequence[Labelled], said: Sequence[Mapping[str, Any]], policy: Policy
) -> list[Row]:
    given = rows(spark, "failures", [labelled_run(one, index) for index, one in enumerate(failures)])
    known = rows(spark, "diagnoses", [diagnosis(one) for one in said])
    setting = Setting(F.lit(NOW).cast("timestamp"), Mode.ACT, "judge", unlimited=True)
    return sorted(decide(given, known, past(spark, {}), policy, setting).collect(), key=lambda row: row.run_id)


def judged(failures: Sequence[Labelled], decisions: Sequence[Row], title: str, table: Table) -> None:
    answers = [Answer(Category(row.category), Action(row.action)) for row in decisions]
    scores = score(failures, answers)
    gates = Counter(row.gate for row in decisions if row.gate)
    told = ", ".join(f"{gate} {count}" for gate, count in gates.most_common())
    rates = [percent(one) for one in (scores.action_accuracy, scores.wrong_retry_rate, scores.missed_retry_rate)]
    table.add_row(title, *rates, told or "–")


def main(
    file: Annotated[list[Path] | None, typer.Option(help="Labelled failures, one JSON object a line.")] = None,
) -> None:
    console = Console(width=None if Console().is_terminal else 130)
    with tempfile.TemporaryDirectory() as folder, open_session(SparkKind.SAIL) as spark:
        for corpus in file or corpora():
            failures = read_labelled(corpus)
            said = run_classify(
                [
                    {"id": f.id, "error": f.error, "error_trace": f.error_trace, "termination_code": f.termination_code}
                    for f in failures
                ]
            )
            table = Table(title=f"{corpus.name}: the policy's decision on {len(failures)} failures of safe jobs")
            for name in ("policy", "action right", "wrong retries", "missed retries", "gates that closed"):
                table.add_column(name)
            for title, changes in VARIANTS.items():
                path = Path(folder, "policy.yml")
                path.write_text(yaml.safe_dump(dict(changes)), encoding="utf-8")
                judged(failures, decided(spark, failures, said, Policy.load(path)), title, table)
            console.print(table)


if __name__ == "__main__":
    typer.run(main)
