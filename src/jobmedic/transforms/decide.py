"""From failures to decisions: one row a run and attempt, with the action and the reason.

`decide` joins what is known of each cause, asks the gates a failure at a time, takes the most cautious action of a run,
and then lets `traffic` look at all runs together: storms, probes, the retry budget, backoff.
"""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobmedic.knowledge.policy import Policy
from jobmedic.knowledge.words import Action, Category, Source
from jobmedic.transforms.causes import breaker_state, causes
from jobmedic.transforms.columns import apart, beside, dollars, seconds_between
from jobmedic.transforms.gates import Gate, gates, idempotent, job_setting, safe_because
from jobmedic.transforms.history import RETRIES, History
from jobmedic.transforms.reasons import UNKNOWN
from jobmedic.transforms.remedies import allowed_compute, allowed_params
from jobmedic.transforms.status import with_status
from jobmedic.transforms.traffic import Setting, left_alone, traffic

RUN = ("workspace_id", "run_id", "repairs")


def decide(failures: DataFrame, diagnoses: DataFrame, history: History, policy: Policy, setting: Setting) -> DataFrame:
    """Failures (root causes of failed runs, all of a run together) to the columns of the `decisions` table.

    A failure whose fingerprint has no diagnosis is decided as `unknown`; no row is lost. Windows sort all rows, so what a
    single failure tells is worked out before them, and what only the last word needs after them.
    """
    return (
        _with_fellows(failures)
        .transform(_with_cause, diagnoses, history, policy, setting)
        .transform(left_alone, policy, setting)
        .transform(_gated, policy, setting)
        .transform(_one_per_run)
        .transform(traffic, history, policy, setting)
        .transform(with_status)
        .transform(_shaped, policy, setting)
    )


def decision_id() -> Column:
    """64 hex digits, which is also the most that an idempotency token of the Jobs API may have."""
    return F.sha2(F.concat_ws("|", *[F.col(name).cast("string") for name in RUN]), 256)


def _with_fellows(failures: DataFrame) -> DataFrame:
    """`all_keys`: the tasks of a run in which several failed, else null; `waiting_for_native`: whether one of them waits."""
    failed = failures.drop("source").withColumns(  # where it was read, not who diagnosed it
        {
            "repairs": F.coalesce(F.col("repairs"), F.lit(0)),
            "executions": F.greatest(F.coalesce(F.col("executions"), F.lit(1)), F.lit(1)),
            "waits": F.coalesce(F.col("native_retries_pending"), F.lit(False)),
        }
    )
    several = (
        failed.groupBy(*RUN)
        .agg(
            F.count(F.lit(1)).alias("failed_tasks"),
            F.collect_list("task_key").alias("all_keys"),
            F.max(F.col("waits").cast("int")).alias("any_waits"),
        )
        .where(F.col("failed_tasks") > 1)
        .select(*RUN, F.array_sort(F.array_distinct("all_keys")).alias("all_keys"), "any_waits")
    )
    return beside(failed, several, *RUN).withColumn(
        "waiting_for_native", F.coalesce(F.col("any_waits") == 1, F.col("waits"))
    )


def _with_cause(
    failures: DataFrame, diagnoses: DataFrame, history: History, policy: Policy, setting: Setting
) -> DataFrame:
    known = causes(diagnoses, history, policy)
    jobs = history.job_breakers.select(
        "workspace_id",
        "job_id",
        *[F.col(name).alias(f"job_{name}") for name in ("failed_in_row", "last_failed_at", "pending")],
    )
    unknown = {
        "category": Category.UNKNOWN.value,
        "proposed_action": Action.ESCALATE.value,
        "source": Source.RULE.value,
        "told": UNKNOWN,
        "aside": "",
    }
    nothing = {
        "confidence": 0.0,
        "retry_success_probability": 0.0,
        "expected_gain_usd": 0.0,
        "most_retries": 0,
        "unsure": False,
    }
    return (
        beside(failures, known, "fingerprint")
        .transform(beside, jobs, "workspace_id", "job_id")
        .fillna({**unknown, **nothing})
        .withColumns(
            {
                "breaker": breaker_state(policy, setting.now),
                "job_breaker": breaker_state(policy, setting.now, "job_"),
            }
        )
    )


def _gated(failures: DataFrame, policy: Policy, setting: Setting) -> DataFrame:
    """Adds action, gate and reason, and what the gates look at."""
    hours = (
        F.greatest(F.coalesce(F.col("run_seconds"), F.lit(0.0)), F.lit(float(policy.money.shortest_run_seconds)))
        / 3600.0
    )
    price = F.coalesce(
        job_setting(policy, "compute_usd_per_hour").cast("double"), F.lit(float(policy.money.compute_usd_per_hour))
    )
    allowed = F.least(F.lit(policy.retries.max), F.col("most_retries"), job_setting(policy, "max_retries").cast("int"))
    changing = F.col("proposed_action") == Action.RETRY_WITH_NEW_PARAMS.value
    asked = gates(policy, now=setting.now)
    return (
        failures.withColumn("idempotent", idempotent())
        .withColumn("safe_because", safe_because(policy))
        .withColumns(
            {
                "retries_allowed": allowed,
                "params": F.when(changing, allowed_params(policy)),
                "expected_cost_usd": hours * price,
            }
        )
        .withColumn("compute", F.when(changing & F.col("params").isNull(), allowed_compute(policy)))
        .withColumn("closed", _closed(asked))
        .withColumns(
            {
                "gate": _by_gate([F.lit(gate.name) for gate in asked], F.lit(None).cast("string")),
                "action": _by_gate([F.lit(gate.instead.value) for gate in asked], F.col("proposed_action")),
                "reason": _by_gate([gate.because for gate in asked], _plain_reason()),
                "job_name": F.coalesce("job_name", "run_name"),
            }
        )
    )


def _closed(asked: Sequence[Gate]) -> Column:
    """Number of the first gate that closes, so that each is asked once; 0 when none does."""
    first, *rest = asked
    number = F.when(first.closes, 1)
    for place, gate in enumerate(rest, start=2):
        number = number.when(gate.closes, place)
    return number.otherwise(0)


def _by_gate(answers: Sequence[Column], otherwise: Column) -> Column:
    chosen = F.when(F.col("closed") == 0, otherwise)
    for place, answer in enumerate(answers, start=1):
        chosen = chosen.when(F.col("closed") == place, answer)
    return chosen


def _plain_reason() -> Column:
    """Why the proposal stands when no gate closes."""
    cost = F.concat(F.lit(" over cost "), dollars(F.col("expected_cost_usd")))
    safe = F.concat(F.lit("; safe to run again: "), F.col("safe_because"))
    retry = F.concat(F.col("told"), cost, safe)
    return F.when(F.col("proposed_action").isin(*RETRIES), retry).otherwise(F.col("told"))


def _one_per_run(failures: DataFrame) -> DataFrame:
    """The most cautious action of a run's failures decides."""
    shared = F.col("all_keys").isNotNull()
    caution = F.array_position(F.array(*[F.lit(action.value) for action in Action]), F.col("action"))
    of_run = Window.partitionBy(*apart(shared, *[F.col(name) for name in RUN], other=F.col("run_id")))
    order = (F.when(shared, -caution), F.when(shared, F.col("failed_at")), F.when(shared, F.col("task_run_id")))
    return failures.withColumn("place", F.row_number().over(of_run.orderBy(*order))).where(
        ~shared | (F.col("place") == 1)
    )


def _shaped(runs: DataFrame, policy: Policy, setting: Setting) -> DataFrame:
    alone = F.when(F.col("task_key").isNull(), F.array().cast("array<string>")).otherwise(F.array("task_key"))
    others = F.coalesce(F.size("all_keys"), F.lit(1)) - 1
    more = F.when(
        others > 0,
        F.concat(F.lit(" ("), others.cast("string"), F.lit(" more failed tasks; the most cautious action counts)")),
    ).otherwise("")
    changes = F.col("action") == Action.RETRY_WITH_NEW_PARAMS.value
    return runs.select(
        decision_id().alias("decision_id"),
        "workspace_id",
        "run_id",
        "job_id",
        "job_name",
        F.coalesce(F.col("all_keys"), alone).alias("task_keys"),
        "fingerprint",
        "category",
        "action",
        F.when(changes, F.col("params")).alias("params"),
        "confidence",
        F.concat("reason", more, "aside").alias("reason"),
        "rule",
        F.lit(policy.digest).alias("policy_version"),
        F.lit(setting.mode.value).alias("mode"),
        "status",
        "not_before",
        F.col("executions").cast("int").alias("attempts_before"),
        F.col("retry_success_probability").cast("double").alias("retry_success_probability"),
        "owner",
        setting.now.alias("decided_at"),
        F.lit(setting.pass_id).alias("pass_id"),
        F.greatest(seconds_between(F.col("failed_at"), setting.now), F.lit(0.0)).alias("seconds_to_decide"),
        F.col("repairs").cast("int").alias("attempt"),
        F.col("repair_id").alias("repair_id_seen"),
        "task_run_id",
        F.when(changes, F.col("compute")).alias("compute"),
        "source",
        F.coalesce("transient", F.lit(False)).alias("transient"),
        "gate",
        "proposed_action",
        F.col("expected_gain_usd").cast("double").alias("expected_gain_usd"),
        F.col("expected_cost_usd").cast("double").alias("expected_cost_usd"),
        "incident_id",
        "storm_role",
        "run_page_url",
        "failed_at",
    )
