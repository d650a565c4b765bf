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
from jobmedic.transforms.columns import dollars, percent, seconds_between
from jobmedic.transforms.gates import Gate, gates, job_setting, safe_because
from jobmedic.transforms.history import RETRIES, History
from jobmedic.transforms.remedies import allowed_compute, allowed_params
from jobmedic.transforms.traffic import Setting, traffic

RUN = ("workspace_id", "run_id", "repairs")


def decide(failures: DataFrame, diagnoses: DataFrame, history: History, policy: Policy, setting: Setting) -> DataFrame:
    """Failures (root causes of failed runs, all of a run together) to the columns of the `decisions` table.

    A failure whose fingerprint has no diagnosis is decided as `unknown`; no row is lost.
    """
    return (
        _with_cause(failures, diagnoses, history, policy, setting)
        .transform(_gated, policy, setting)
        .transform(_one_per_run)
        .transform(traffic, history, policy, setting)
        .transform(_shaped, policy, setting)
    )


def decision_id() -> Column:
    """64 hex digits, which is also the most that an idempotency token of the Jobs API may have."""
    return F.sha2(F.concat_ws("|", *[F.col(name).cast("string") for name in RUN]), 256)


def _with_cause(
    failures: DataFrame, diagnoses: DataFrame, history: History, policy: Policy, setting: Setting
) -> DataFrame:
    known = causes(diagnoses, history, policy)
    jobs = history.job_breakers.select(
        "workspace_id",
        "job_id",
        *[F.col(name).alias(f"job_{name}") for name in ("failed_in_row", "last_failed_at", "pending")],
    )
    return (
        failures.drop("source")  # where it was read, not who diagnosed it
        .withColumn("repairs", F.coalesce(F.col("repairs"), F.lit(0)))
        .withColumn("executions", F.greatest(F.coalesce(F.col("executions"), F.lit(1)), F.lit(1)))
        .join(F.broadcast(known), "fingerprint", "left")
        .join(F.broadcast(jobs), ["workspace_id", "job_id"], "left")
        .fillna(
            {"category": Category.UNKNOWN.value, "proposed_action": Action.ESCALATE.value, "source": Source.RULE.value}
        )
        .fillna({"confidence": 0.0, "bar": 1.0, "retry_success_probability": 0.0, "most_retries": 0})
        .withColumn("breaker", breaker_state(policy, setting.now))
        .withColumn("job_breaker", breaker_state(policy, setting.now, "job_"))
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
        failures.withColumn("retries_allowed", allowed)
        .withColumn("safe_because", safe_because(policy))
        .withColumn("params", F.when(changing, allowed_params(policy)))
        .withColumn("compute", F.when(changing & F.col("params").isNull(), allowed_compute(policy)))
        .withColumn("expected_cost_usd", hours * price)
        .withColumn("expected_gain_usd", F.col("retry_success_probability") * float(policy.money.value_of_recovery_usd))
        .withColumn("gate", _first(asked, [F.lit(gate.name) for gate in asked], F.lit(None).cast("string")))
        .withColumn("action", _first(asked, [F.lit(gate.instead.value) for gate in asked], F.col("proposed_action")))
        .withColumn("reason", _first(asked, [gate.because for gate in asked], _plain_reason()))
    )


def _first(asked: Sequence[Gate], answers: Sequence[Column], otherwise: Column) -> Column:
    """The answer of the first gate that closes, as one flat CASE."""
    chosen = F.when(asked[0].closes, answers[0])
    for gate, answer in zip(asked[1:], answers[1:], strict=True):
        chosen = chosen.when(gate.closes, answer)
    return chosen.otherwise(otherwise)


def _plain_reason() -> Column:
    """Why the proposal stands when no gate closes."""
    category = F.col("category")
    sure = F.concat(percent(F.col("confidence")), F.lit(" sure, by "), _said_by())
    return (
        F.when(F.col("proposed_action").isin(*RETRIES), _retry_reason(sure))
        .when(
            F.col("proposed_action") == Action.IGNORE.value,
            F.concat(category, F.lit(" ("), sure, F.lit("): nothing to do")),
        )
        .when(
            category == Category.UNKNOWN.value,
            F.lit("What the run shows does not tell what failed; somebody has to look"),
        )
        .when(
            F.col("proposed_action") == Action.ESCALATE.value,
            F.concat(category, F.lit(" ("), sure, F.lit("): the platform team has to act; the owner cannot")),
        )
        .otherwise(
            F.concat(
                category, F.lit(" ("), sure, F.lit("): the owner has to change something; a retry would fail again")
            )
        )
    )


def _said_by() -> Column:
    return (
        F.when(F.col("rule").isNotNull(), F.concat(F.lit("rule "), F.col("rule")))
        .when(F.col("source") == Source.HUMAN.value, "a person")
        .when(F.col("source") == Source.KNOWN.value, "an earlier answer of the model")
        .otherwise("the model")
    )


def _retry_reason(sure: Column) -> Column:
    tried = F.col("retries_recovered") + F.col("retries_failed")
    record = F.when(
        tried > 0,
        F.concat(
            F.col("retries_recovered").cast("string"),
            F.lit(" of "),
            tried.cast("string"),
            F.lit(" retries of this failure recovered"),
        ),
    ).otherwise("no retry of this failure seen yet")
    return F.concat(
        F.col("category"),
        F.lit(" ("),
        sure,
        F.lit("): "),
        record,
        F.lit(", "),
        percent(F.col("retry_success_probability")),
        F.lit(" likely to help; expected gain "),
        dollars(F.col("expected_gain_usd")),
        F.lit(" over cost "),
        dollars(F.col("expected_cost_usd")),
        F.lit("; safe to run again: "),
        F.col("safe_because"),
    )


def _one_per_run(failures: DataFrame) -> DataFrame:
    """The most cautious action of a run's failures decides; all its failed tasks are named."""
    caution = F.array_position(F.array(*[F.lit(action.value) for action in Action]), F.col("action"))
    of_run = Window.partitionBy(*RUN)
    ordered = of_run.orderBy(F.desc("caution"), F.asc("failed_at"), F.asc("task_run_id"))
    return (
        failures.withColumn("caution", caution)
        .withColumn("place", F.row_number().over(ordered))
        .withColumn("task_keys", F.array_sort(F.collect_set("task_key").over(of_run)))
        .withColumn(
            "waiting_for_native",
            F.max(F.coalesce(F.col("native_retries_pending"), F.lit(False)).cast("int")).over(of_run) == 1,
        )
        .where(F.col("place") == 1)
    )


def _without_model() -> Column:
    """Why the rules' answer stands although a model should have been asked, or was."""
    told = (F.col("source") == Source.RULE.value) & F.col("notes").isNotNull()
    return F.when(told, F.concat(F.lit(". "), F.col("notes"))).otherwise("")


def _shaped(runs: DataFrame, policy: Policy, setting: Setting) -> DataFrame:
    others = F.size("task_keys") - 1
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
        F.coalesce("job_name", "run_name").alias("job_name"),
        "task_keys",
        "fingerprint",
        "category",
        "action",
        F.when(changes, F.col("params")).alias("params"),
        "confidence",
        F.concat("reason", more, _without_model()).alias("reason"),
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
