"""`python -m bench.replay`: a million stored failures decided again under another policy, catalogue and confidence bar.

The tables are made by Spark from a seedless range: so many failures of 2,000 causes, as often repeated as they are in life,
over 90 days and 5,000 jobs, with texts of about 1 KB; the decisions that the default policy makes of them, an outcome for
each retry, and a verdict on one in 500.
"""

import os
import resource
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
import yaml
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from bench.clocks import clocked
from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.spark import FEATURES, SparkKind, open_session
from jobmedic.knowledge.catalogue import Catalogue
from jobmedic.knowledge.policy import Policy
from jobmedic.knowledge.words import Action, Category, Mode
from jobmedic.pipeline.replay import ReplayReport, Variant, replay
from jobmedic.transforms.decide import decide
from jobmedic.transforms.history import RETRIES
from jobmedic.transforms.traffic import Setting
from tests.transforms.deciding import past

CAUSES, JOBS, DAYS = 2_000, 5_000, 90
START = 1_767_225_600
"""2026-01-01, UTC."""
_PRIME = 2_654_435_761
_KINDS = (
    (Category.NETWORK, Action.RETRY, "connection-refused", "java.net.ConnectException: Connection refused: "),
    (Category.TIMEOUT, Action.RETRY, "jdbc-timeout", "java.sql.SQLTimeoutException: the query has timed out on "),
    (Category.USER_CODE, Action.SEND_EMAIL, "python-key-error", "KeyError: "),
    (Category.CONCURRENCY, Action.RETRY, "delta-conflict", "ConcurrentAppendException: files were added to "),
    (Category.DATA_NOT_FOUND, Action.SEND_EMAIL, "file-not-found", "java.io.FileNotFoundException: No such file: "),
    (Category.PERMISSION, Action.SEND_EMAIL, "access-denied", "java.nio.file.AccessDeniedException: "),
    (Category.QUOTA, Action.RETRY, "throttled", "429 Too Many Requests from "),
    (Category.UNKNOWN, Action.ESCALATE, "unknown", "the process ended with state 7F-2 at "),
)
_FRAME = "\n  at com.example.etl.Pipeline.run(Pipeline.scala:"
OTHER = {
    "categories": {"timeout": {"action": "send_email"}, "quota": {"max_retries": 1}},
    "breaker": {"failures": 2},
    "jobs": [{"match": "finance-*", "mode": "off"}, {"match": "nightly-*", "rerun_untagged": True}],
}


@dataclass(frozen=True, slots=True)
class Timed:
    name: str
    seconds: float
    cpu_seconds: float
    """Of this process, which on Sail is also the engine's."""
    report: ReplayReport


def stock(spark: SparkSession, ledger: DeltaLedger, failures: int) -> None:
    """Fills the tables that a replay reads."""
    causes = _causes(spark)
    ledger.append("diagnoses", causes)
    ledger.append("failures", _failures(spark, failures))
    setting = Setting(F.col("failed_at"), Mode.ACT, "bench", unlimited=True)
    stored = ledger.read("failures").drop("error", "error_trace")
    decided = decide(stored, ledger.read("diagnoses"), past(spark, {}), Policy.load(), setting)
    ledger.append("decisions", decided)
    decisions = ledger.read("decisions")
    ledger.append("actions", _actions(decisions))
    ledger.append("outcomes", _outcomes(decisions))
    ledger.append("feedback", _verdicts(decisions))


def variants(folder: Path) -> Mapping[str, Variant]:
    """Another policy; another confidence bar; a catalogue whose rules retry nothing unchanged."""
    present = Policy.load()
    path = folder / "policy.yml"
    path.write_text(yaml.safe_dump(OTHER), encoding="utf-8")
    return {
        "another policy": Variant(Policy.load(path)),
        "another confidence bar": Variant(present.with_bar(0.9)),
        "another catalogue": Variant(present, _without_retries(Catalogue.load())),
    }


def measure(failures: int, folder: Path) -> list[Timed]:
    kind = SparkKind.SAIL
    with open_session(kind) as spark:
        ledger = DeltaLedger(spark, folder / "tables", FEATURES[kind])
        stock(spark, ledger, failures)
        present = Variant(Policy.load(), Catalogue.load())
        return [_timed(name, ledger, present, other) for name, other in variants(folder).items()]


def _timed(name: str, ledger: DeltaLedger, present: Variant, other: Variant) -> Timed:
    took = clocked(lambda: replay(ledger, present, other))
    return Timed(name, took.seconds, took.cpu_seconds, took.value)


def _causes(spark: SparkSession) -> DataFrame:
    kind = F.col("id") % len(_KINDS)
    return spark.range(CAUSES).select(
        _fingerprint(F.col("id")).alias("fingerprint"),
        _pick(kind, [k[0].value for k in _KINDS]).alias("category"),
        _pick(kind, [k[1].value for k in _KINDS]).alias("action"),
        _pick(kind, [k[2] for k in _KINDS]).alias("rule"),
        (_pick(kind, [k[1].value for k in _KINDS]) == Action.RETRY.value).alias("transient"),
        (F.lit(0.6) + (F.col("id") % 5) * 0.08).alias("confidence"),
        F.lit("rule").alias("source"),
    )


def _failures(spark: SparkSession, count: int) -> DataFrame:
    """One in ten runs was repaired before; one in twenty failed in two tasks."""
    at = F.col("id")
    spread = _hash(at, 7) % (DAYS * 86_400)
    cause = F.floor(F.pow(F.lit(float(CAUSES)), (_hash(at, 3) % 1_000_000) / 1_000_000.0)).cast("bigint") % CAUSES
    second = at % 20 == 1
    run = F.when(second, at - 1).otherwise(at)
    job = _hash(run, 5) % JOBS
    failed = F.timestamp_seconds(F.lit(START) + F.when(second, _hash(at - 1, 7) % (DAYS * 86_400)).otherwise(spread))
    name = F.concat(_pick(job % 4, ["nightly-", "hourly-", "finance-", "feed-"]), job.cast("string"))
    text = F.concat(_pick(cause % len(_KINDS), [k[3] for k in _KINDS]), F.lit("src_"), cause.cast("string"))
    return spark.range(count).select(
        F.lit("5206439413157315").alias("workspace_id"),
        (at + 10_000_000_000).alias("task_run_id"),
        (run + 1_000_000_000).alias("run_id"),
        (job + 77_000).alias("job_id"),
        name.alias("job_name"),
        F.lit("JOB_RUN").alias("run_type"),
        F.concat(F.lit("task_"), (at % 20).cast("string")).alias("task_key"),
        failed.alias("failed_at"),
        failed.alias("collected_at"),
        (F.lit(60.0) + _hash(at, 11) % 7_200).alias("run_seconds"),
        F.lit("FAILED").alias("result_state"),
        F.lit("RUN_EXECUTION_ERROR").alias("termination_code"),
        text.alias("error"),
        F.concat(text, F.repeat(F.concat(F.lit(_FRAME), (at % 1000).cast("string"), F.lit(")")), 18)).alias(
            "error_trace"
        ),
        _fingerprint(cause).alias("fingerprint"),
        F.concat(F.lit("owner"), (job % 300).cast("string"), F.lit("@example.com")).alias("owner"),
        F.when(job % 3 == 0, F.create_map(F.lit("team"), F.lit("sales")))
        .otherwise(F.create_map(F.lit("jobmedic_idempotent"), F.lit("true")))
        .alias("tags"),
        F.lit("FAILED").alias("run_result_state"),
        F.when(_hash(run, 13) % 10 == 0, 1).otherwise(0).alias("repairs"),
        F.when(_hash(run, 13) % 10 == 0, 2).otherwise(1).alias("executions"),
        F.lit(0).alias("max_native_retries"),
        F.lit(False).alias("native_retries_pending"),
        F.lit(True).alias("code_ran"),
        F.lit(True).alias("job_exists"),
    )


def _actions(decisions: DataFrame) -> DataFrame:
    return decisions.where(F.col("status") == "ready").select(
        "decision_id",
        "action",
        F.lit("applied").alias("status"),
        F.col("failed_at").alias("requested_at"),
        "workspace_id",
        "run_id",
    )


def _outcomes(decisions: DataFrame) -> DataFrame:
    """Half of the causes recover when they are run again, and half do not."""
    recovered = F.ascii(F.substring("fingerprint", 8, 1)) % 2 == 0
    return decisions.where((F.col("status") == "ready") & F.col("action").isin(*RETRIES)).select(
        "decision_id",
        F.when(recovered, "recovered").otherwise("failed_same").alias("outcome"),
        F.timestamp_seconds(F.unix_timestamp("failed_at") + 900).alias("observed_at"),
        F.lit(0.4).alias("cost_usd"),
        F.lit("jobmedic").alias("attributed_to"),
    )


def _verdicts(decisions: DataFrame) -> DataFrame:
    return decisions.where(F.col("run_id") % 500 == 0).select(
        "decision_id",
        F.lit("wrong").alias("verdict"),
        F.when(F.col("action").isin(*RETRIES), "send_email").otherwise("retry").alias("correct_action"),
        F.lit("ann@example.com").alias("given_by"),
        F.col("failed_at").alias("given_at"),
    )


def _fingerprint(cause: Column) -> Column:
    return F.concat(F.lit("v1:"), F.substring(F.sha2(cause.cast("string"), 256), 1, 32))


def _hash(number: Column, salt: int) -> Column:
    """Scattered, never negative, the same on every engine."""
    return (number * salt * _PRIME + salt) % 2_147_483_647


def _pick(number: Column, values: list[str]) -> Column:
    return F.element_at(F.array(*[F.lit(value) for value in values]), (number + 1).cast("int"))


def _without_retries(catalogue: Catalogue) -> Catalogue:
    """What the present rules retry unchanged, these mail."""
    rules = tuple(
        rule.model_copy(update={"action": Action.SEND_EMAIL}) if rule.action is Action.RETRY else rule
        for rule in catalogue.rules
    )
    return catalogue.model_copy(update={"rules": rules})


def main(
    failures: Annotated[int, typer.Option(help="How many stored failures.")] = 1_000_000,
    folder: Annotated[Path | None, typer.Option(help="Keeps the tables there.")] = None,
) -> None:
    with tempfile.TemporaryDirectory(prefix="jobmedic-replay-") as scratch:
        timed = measure(failures, folder or Path(scratch))
    print(f"replay of {failures:,} failures, {os.cpu_count()} cores")  # noqa: T201 - a report on the terminal
    for one in timed:
        print(  # noqa: T201
            f"  {one.name:<24} {one.seconds:6.1f} s  {one.cpu_seconds:6.1f} CPU s  "
            f"{one.report.decisions:,} decisions, {one.report.changed:,} change"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"  peak memory, the stock's making included: {peak:.1f} GB")  # noqa: T201


if __name__ == "__main__":
    typer.run(main)
