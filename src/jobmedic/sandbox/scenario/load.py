"""Generated load: many failed runs over a few causes, as often repeated as they are in life (Zipf)."""

from collections import Counter
from random import Random

from jobmedic.knowledge.words import Category
from jobmedic.sandbox.scenario.plan import Cause, Ending, Failure, JobPlan, Scenario, SchedulePlan, TaskPlan

_KINDS: tuple[tuple[Category, bool, str, str], ...] = (
    (Category.TIMEOUT, True, "java.sql.SQLTimeoutException", "no answer from {name} for {{{{ms}}}} ms"),
    (Category.NETWORK, True, "java.net.ConnectException", "Connection refused: {name}/{{{{ip}}}}:{{{{port}}}}"),
    (Category.RESOURCE, False, "java.lang.OutOfMemoryError", "Java heap space while sorting {name}"),
    (Category.DATA_NOT_FOUND, False, "java.io.FileNotFoundException", "/mnt/{name}/{{{{date}}}}/{{{{part}}}}"),
    (Category.USER_CODE, False, "KeyError", "'{name}'"),
    (Category.PERMISSION, False, "java.nio.file.AccessDeniedException", "{name}: request {{{{uuid}}}} was denied"),
    (Category.QUOTA, True, "RateLimitError", "429 Too Many Requests from {name}, request {{{{uuid}}}}"),
    (Category.CONCURRENCY, True, "ConcurrentAppendException", "files were added to {name} by a concurrent update"),
)
_TRACE = """Traceback (most recent call last):
  File "/Workspace/Jobs/{name}/main.py", line {{{{line}}}}, in <module>
    run(spark, "{name}")
  File "/Workspace/Jobs/{name}/steps.py", line {{{{line:b}}}}, in run
    frame.write.mode("append").saveAsTable("main.{name}")
{error}"""


def load_scenario_of(runs: int, causes: int, *, seed: int = 0, minutes: float = 60, exponent: float = 1.1) -> Scenario:
    """So many failed runs, one task each, started evenly over `minutes` before the scenario's start.

    Half of the transient causes end with a retry. Every cause has a job of its own.
    """
    random = Random(seed)  # noqa: S311 - scenery, no secret
    made = [_cause(i, random) for i in range(causes)]
    weights = [1 / (rank + 1) ** exponent for rank in range(causes)]
    drawn = random.choices(range(causes), weights=weights, k=runs)
    jobs = [_job(made[i], count, minutes) for i, count in sorted(Counter(drawn).items())]
    failures = [Failure(job=job.name, cause=job.name) for job in jobs]
    return Scenario(
        name=f"{runs} failures of {causes} causes",
        seed=seed,
        causes=tuple(made),
        jobs=tuple(jobs),
        failures=tuple(failures),
    )


def _cause(index: int, random: Random) -> Cause:
    category, transient, kind, message = _KINDS[index % len(_KINDS)]
    name = f"src_{''.join(random.choices('abcdefghijklmnopqrstuvwxyz', k=8))}_{index}"
    error = f"{kind}: {message.format(name=name)}"
    ends = Ending(after_retries=1) if transient and index % 2 == 0 else Ending()
    trace = _TRACE.format(name=name, error=error)
    return Cause(id=name, category=category, transient=transient, error=error, trace=trace, ends=ends)


def _job(cause: Cause, count: int, minutes: float) -> JobPlan:
    every = minutes / count
    return JobPlan(
        name=cause.id,
        owner=f"owner{len(cause.id)}@sandbox.example",
        tags={"jobmedic_idempotent": "true"},
        tasks=(TaskPlan(key="main", minutes=1),),
        schedule=SchedulePlan(first=-minutes, every=every, runs=count),
    )
