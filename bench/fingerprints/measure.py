"""Both groupers on the same messages, and both clocks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from bench.clocks import clocked
from bench.fingerprints import drain
from bench.fingerprints.grouping import Grouping, grouping
from bench.fingerprints.variations import Message
from jobmedic.knowledge.masks import Masks
from jobmedic.transforms.fingerprint import fingerprint

_ROUNDS = 4
_SCHEMA = "position int, error string, error_trace string, termination_code string, result_state string"


@dataclass(frozen=True, slots=True)
class Speed:
    """Messages a second, by the wall's clock; and of one core's time, which other work on the machine does not change."""

    ours: float
    drain: float
    ours_per_core: float
    drain_per_core: float

    @property
    def ratio(self) -> float:
        return self.ours / self.drain

    @property
    def ratio_per_core(self) -> float:
        return self.ours_per_core / self.drain_per_core


def our_groups(spark: SparkSession, messages: Sequence[Message]) -> list[str]:
    rows = [(i, m.error, m.error_trace, None, None) for i, m in enumerate(messages)]
    found = fingerprint(spark.createDataFrame(rows, _SCHEMA), Masks.load()).select("position", "fingerprint").collect()
    return [row["fingerprint"] for row in sorted(found, key=lambda row: row["position"])]


def compare(spark: SparkSession, messages: Sequence[Message]) -> dict[str, Grouping]:
    """Drain reads the error alone or the trace with it, as it comes or with masks; each counts as an entry of its own."""
    truth = [message.group for message in messages]
    errors = [message.error for message in messages]
    whole = [f"{message.error} {message.error_trace}" for message in messages]
    return {
        "jobmedic": grouping(truth, our_groups(spark, messages)),
        "Drain3, error": grouping(truth, drain.groups(errors, masked=False)),
        "Drain3 with masks, error": grouping(truth, drain.groups(errors, masked=True)),
        "Drain3 with masks, error and trace": grouping(truth, drain.groups(whole, masked=True)),
    }


def speed(spark: SparkSession, messages: Sequence[Message], *, rows: int, drained: int) -> Speed:
    """Ours over `rows` rows, Drain with masks over `drained` of the same texts: error and trace for both."""
    texts = [(i, m.error, m.error_trace, None, None) for i, m in enumerate(messages)]
    copies = spark.range(-(-rows // len(texts))).select(F.col("id").alias("copy"))
    frame = spark.createDataFrame(texts, _SCHEMA).crossJoin(copies).cache()
    count = frame.count()
    ours = _best(lambda: fingerprint(frame, Masks.load()).agg(F.max("fingerprint")).collect())
    miner = drain.miner(masked=True)
    lines = [f"{m.error} {m.error_trace}".replace("\n", " ") for m in messages]

    def drain_all() -> None:
        for index in range(drained):
            miner.add_log_message(lines[index % len(lines)])

    theirs = _best(drain_all)
    return Speed(count / ours[0], drained / theirs[0], count / ours[1], drained / theirs[1])


def _best(run: Callable[[], object]) -> tuple[float, float]:
    """Wall seconds and CPU seconds of this process, the embedded engine's threads included: the best of some rounds.

    The first rounds warm the engine up, and Drain's tree.
    """
    rounds = [clocked(run) for _ in range(_ROUNDS)]
    return min(one.seconds for one in rounds), min(one.cpu_seconds for one in rounds)
