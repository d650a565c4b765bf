"""`python -m bench.transforms`: fingerprint, diagnose and decide over a million failures, beside a bare regular expression.

Failures of about 1 KB with 2,000 causes, as often repeated as they are in life, with ids, hosts, paths, times and line
numbers of their own. Timed as a pass does it: every failure is fingerprinted and decided, one exemplar a fingerprint diagnosed.
"""

import os
import resource
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from bench.clocks import clocked
from jobmedic.edges.spark import SparkKind, open_session
from jobmedic.knowledge.catalogue import Catalogue
from jobmedic.knowledge.masks import Masks
from jobmedic.knowledge.policy import Policy
from jobmedic.knowledge.tables import tables
from jobmedic.knowledge.words import Mode
from jobmedic.transforms.decide import decide
from jobmedic.transforms.diagnose import diagnose
from jobmedic.transforms.fingerprint import fingerprint
from jobmedic.transforms.traffic import Setting
from tests.transforms.deciding import past

CAUSES = 2_000
_PRIME = 2_654_435_761
_MESSAGES = (
    "org.apache.spark.SparkException: Job aborted due to stage failure: java.net.ConnectException: Connection refused: {host} for {name}",
    "java.sql.SQLTimeoutException: no answer from {name} at {host} after {number} ms",
    "java.lang.OutOfMemoryError: Java heap space while sorting {name}, {number} bytes wanted",
    "java.io.FileNotFoundException: {path} of {name} does not exist",
    "KeyError: '{name}' in run {number} on {host}",
    "java.nio.file.AccessDeniedException: {name}: request {uuid} was denied at {time}",
    "RateLimitError: 429 Too Many Requests from {name}, request {uuid}, {host}",
    "io.delta.exceptions.ConcurrentAppendException: files were added to {name} by a concurrent update at {time}, {path}",
)
_FRAME = "\n\tat com.example.etl.Pipeline.step(Pipeline.scala:"


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    seconds: float
    cpu_seconds: float
    """Of this process, the embedded engine's threads included."""
    failures: int

    @property
    def per_second(self) -> float:
        return self.failures / self.seconds


def scattered(number: Column, salt: int) -> Column:
    """Never negative, the same on every engine."""
    return (number * salt * _PRIME + salt) % 2_147_483_647


def stock(spark: SparkSession, count: int, folder: Path) -> DataFrame:
    """The failures, written once and read back, so that making them is not timed."""
    path = str(folder / f"failures-{count}")
    table = spark.createDataFrame([], tables()["failures"].ddl)
    table.unionByName(_made(spark, count), allowMissingColumns=True).write.mode("overwrite").parquet(path)
    return spark.read.parquet(path)


def _made(spark: SparkSession, count: int) -> DataFrame:
    at = F.col("id")
    rank = F.pow(F.lit(float(CAUSES)), (scattered(at, 3) % 1_000_000) / 1_000_000.0)
    cause = F.floor(rank).cast("bigint") % CAUSES
    error = F.element_at(
        F.array(*[_message(text, cause, at) for text in _MESSAGES]), (cause % len(_MESSAGES) + 1).cast("int")
    )
    line = (scattered(at, 17) % 900).cast("string")
    job = cause * 3 + at % 3
    return spark.range(count).select(
        F.lit("5206439413157315").alias("workspace_id"),
        (at + 10_000_000_000).alias("task_run_id"),
        (at + 1_000_000_000).alias("run_id"),
        job.alias("job_id"),
        F.concat(F.lit("nightly-"), job.cast("string")).alias("job_name"),
        F.lit("JOB_RUN").alias("run_type"),
        F.lit("load").alias("task_key"),
        F.timestamp_seconds(F.lit(1_767_225_600) + scattered(at, 7) % 86_400).alias("failed_at"),
        (F.lit(60.0) + scattered(at, 11) % 7_200).alias("run_seconds"),
        F.lit("FAILED").alias("result_state"),
        F.lit("RUN_EXECUTION_ERROR").alias("termination_code"),
        error.alias("error"),
        F.concat(error, F.repeat(F.concat(F.lit(_FRAME), line, F.lit(")")), 14)).alias("error_trace"),
        F.concat(F.lit("owner"), (job % 300).cast("string"), F.lit("@example.com")).alias("owner"),
        F.create_map(F.lit("jobmedic_idempotent"), F.lit("true")).alias("tags"),
        F.lit("FAILED").alias("run_result_state"),
        F.lit(0).alias("repairs"),
        F.lit(1).alias("executions"),
        F.lit(0).alias("max_native_retries"),
        F.lit(False).alias("native_retries_pending"),
        F.lit(True).alias("code_ran"),
        F.lit(True).alias("job_exists"),
        F.create_map().cast("map<string,string>").alias("job_parameters"),
        F.array().cast("array<string>").alias("compute_remedies"),
    )


def _message(text: str, cause: Column, at: Column) -> Column:
    number = scattered(at, 13)
    name = F.concat(F.lit("src_"), F.translate(cause.cast("string"), "0123456789", "abcdefghij"))
    values = {
        "name": name,
        "number": number.cast("string"),
        "host": F.concat(
            F.lit("10."), (number % 200).cast("string"), F.lit(".7."), (at % 250).cast("string"), F.lit(":5432")
        ),
        "path": F.concat(
            F.lit("/mnt/raw/day="), (number % 31).cast("string"), F.lit("/part-"), at.cast("string"), F.lit(".parquet")
        ),
        "uuid": F.concat(F.lit("3f2504e0-4f89-11d3-9a0c-"), F.lpad(F.hex(number), 12, "0")),
        "time": F.concat(F.lit("2026-01-01 10:"), F.lpad((at % 60).cast("string"), 2, "0"), F.lit(":07")),
    }
    parts = [values.get(part) if index % 2 else F.lit(part) for index, part in enumerate(_split(text))]
    return F.concat(*[part for part in parts if part is not None])


def _split(text: str) -> list[str]:
    return [piece for part in text.split("{") for piece in (part.split("}") if "}" in part else [part])]


def baseline(failures: DataFrame) -> None:
    """What no one can do without: reads each text and runs one short regular expression over it."""
    text = F.concat("error", "error_trace")
    failures.agg(F.sum(F.length(F.regexp_replace(text, "[0-9]+", "*")))).collect()


def diagnosed(failures: DataFrame, catalogue: Catalogue) -> DataFrame:
    """One exemplar a fingerprint, as a pass takes it."""
    first = failures.groupBy("fingerprint").agg(
        *[F.first(name).alias(name) for name in ("error", "error_trace", "termination_code", "error_class", "sqlstate")]
    )
    said = diagnose(first, catalogue).withColumn("source", F.lit("rule")).drop("error", "error_trace", "needs")
    table = failures.sparkSession.createDataFrame([], tables()["diagnoses"].ddl)
    return table.unionByName(said, allowMissingColumns=True)


def stages(spark: SparkSession, failures: DataFrame, count: int) -> list[Stage]:
    masks, catalogue, policy = Masks.load(), Catalogue.load(), Policy.load()
    setting = Setting(F.timestamp_seconds(F.lit(1_767_312_000)), Mode.ACT, "bench")

    def printed() -> None:
        fingerprint(failures, masks).agg(F.max("fingerprint")).collect()

    def explained() -> None:
        diagnosed(fingerprint(failures, masks), catalogue).agg(F.count("rule")).collect()

    def whole() -> None:
        told = fingerprint(failures, masks)
        narrow = told.drop("error", "error_trace")
        causes = diagnosed(told, catalogue)
        decided = decide(narrow, causes, past(spark, {}), policy, setting)
        decided.agg(F.count("decision_id"), F.max("reason"), F.max("action")).collect()

    return [
        _timed("one regular expression", count, lambda: baseline(failures)),
        _timed("fingerprint", count, printed),
        _timed("fingerprint, diagnose", count, explained),
        _timed("fingerprint, diagnose, decide", count, whole),
    ]


def _timed(name: str, count: int, run: Callable[[], None]) -> Stage:
    took = clocked(run)
    return Stage(name, took.seconds, took.cpu_seconds, count)


def main(
    failures: Annotated[int, typer.Option(help="The larger of the two sizes; the smaller is a tenth.")] = 1_000_000,
) -> None:
    sizes: dict[int, float] = {}
    with tempfile.TemporaryDirectory(prefix="jobmedic-bench-") as scratch, open_session(SparkKind.SAIL) as spark:
        for count in (failures // 10, failures):
            frame = stock(spark, count, Path(scratch))
            if count == failures // 10:
                stages(spark, frame, count)  # the first round warms the engine up
            rounds = stages(spark, frame, count)
            typer.echo(f"{count:,} failures, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
            for one in rounds:
                ratio = one.seconds / rounds[0].seconds
                told = f"{one.seconds:7.2f} s  {one.per_second:9,.0f} a second  {one.cpu_seconds:7.2f} CPU s"
                typer.echo(f"  {one.name:<30} {told}  {ratio:5.1f} times the baseline")
            sizes[count] = rounds[-1].cpu_seconds
        small, large = sizes.values()
        typer.echo(f"ten times the failures: {large / small:.1f} times the CPU time")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    typer.echo(f"peak memory {peak:.1f} GB")


if __name__ == "__main__":
    typer.run(main)
