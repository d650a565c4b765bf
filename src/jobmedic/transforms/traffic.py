"""All runs of a pass together: storms and canaries, probes of half-open breakers, the retry budget, backoff.

Here a decision gets its status: whether it is applied now, later, after a canary, or never.
"""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobmedic.knowledge.policy import Policy
from jobmedic.knowledge.words import Action, DecisionStatus, Mode, Outcome
from jobmedic.transforms.columns import is_true, later_by, no
from jobmedic.transforms.gates import job_setting
from jobmedic.transforms.history import RETRIES, History

MODE_TAG = "jobmedic_mode"


@dataclass(frozen=True, slots=True)
class Setting:
    """What the pass itself brings to a decision."""

    now: Column
    """A TIMESTAMP: `instant(...)` for a pass, a column where each failure is judged as of its own time."""
    mode: Mode
    pass_id: str
    own_job_ids: tuple[int, ...] = ()
    unlimited: bool = False
    """True leaves the workspace-wide retry budget out: a replay has no single window."""


def traffic(runs: DataFrame, history: History, policy: Policy, setting: Setting) -> DataFrame:
    """One row a run in; the same rows out with status, not_before, storm_role, incident_id and the last word on action and reason."""
    return (
        runs.transform(_recorded_only, policy, setting)
        .transform(_in_storm, history, policy)
        .transform(_following, policy)
        .transform(_with_incident, history, setting)
        .transform(_probing)
        .transform(_delayed, policy, setting)
        .transform(_rationed, history, policy, setting)
        .transform(_with_status)
    )


def _recorded_only(runs: DataFrame, policy: Policy, setting: Setting) -> DataFrame:
    """`own`, `off`, `unproven` and `in_shadow` tell why a run is left alone; `left_out` whether it is, though others are not.

    Such a run is no canary: nobody would ever learn what became of it.
    """
    tag = F.lower(F.trim(F.coalesce(F.element_at(F.col("tags"), MODE_TAG), F.lit(""))))
    wish = F.coalesce(job_setting(policy, "mode"), F.lit(""))
    own = is_true(F.col("job_id").isin(*setting.own_job_ids)) if setting.own_job_ids else no()
    acting = F.lit(setting.mode is Mode.ACT)
    return (
        runs.withColumn("own", own)
        .withColumn("off", (tag == "off") | (wish == "off"))
        .withColumn("unproven", acting & is_true(F.col("earned_mode") == Mode.SHADOW.value))
        .withColumn("in_shadow", ~acting | (tag == "shadow") | (wish == "shadow"))
        .withColumn("left_out", acting & (F.col("own") | F.col("off") | F.col("unproven") | F.col("in_shadow")))
    )


def _in_storm(runs: DataFrame, history: History, policy: Policy) -> DataFrame:
    """`in_storm`, and the canary of the storm if an earlier pass chose one."""
    key = ["workspace_id", "fingerprint"]
    window = round(60 * policy.storm.window_minutes)
    near = Window.partitionBy(*key).orderBy("failed_second").rangeBetween(-window, window)
    return (
        runs.withColumn("failed_second", F.coalesce(F.unix_timestamp("failed_at"), F.lit(0)))
        .withColumn("near_runs", F.count("*").over(near))
        .join(F.broadcast(history.decided_recently), key, "left")
        .join(F.broadcast(history.canaries), key, "left")
        .withColumn("storm_runs", F.col("near_runs") + F.coalesce(F.col("decided_runs"), F.lit(0)))
        .withColumn("in_storm", F.col("storm_runs") >= policy.storm.runs)
    )


def _following(runs: DataFrame, policy: Policy) -> DataFrame:
    """One canary a storm; the others wait for it, are released when it recovers, and are not retried when it fails."""
    episode = F.floor(F.col("failed_second") / (4 * 60 * policy.storm.window_minutes))
    first = Window.partitionBy("workspace_id", "fingerprint", "retrying", "left_out", "in_storm", episode).orderBy(
        "failed_second", "run_id"
    )
    chosen = F.col("canary_run_id").isNotNull()
    is_canary = F.coalesce(F.col("canary_run_id") == F.col("run_id"), F.row_number().over(first) == 1)
    waiting = (
        F.col("retrying")
        & ~F.col("left_out")
        & ((F.col("in_storm") & ~chosen) | (chosen & F.col("canary_outcome").isNull()))
    )
    failed = (
        F.col("retrying")
        & is_true(F.col("canary_outcome") != Outcome.RECOVERED.value)
        & is_true(F.col("canary_run_id") != F.col("run_id"))
    )
    role = F.when(waiting & is_canary, "canary").when(waiting, "follower")
    size = F.col("storm_runs").cast("string")
    canary = F.col("canary_run_id").cast("string")
    return (
        runs.withColumn("retrying", F.col("action").isin(*RETRIES))
        .withColumn("storm_role", role)
        .withColumn("canary_failed", failed)
        .withColumn("gate", F.when(failed | (F.col("storm_role") == "follower"), "storm").otherwise(F.col("gate")))
        .withColumn(
            "reason",
            F.when(
                failed,
                F.concat(
                    F.lit("The canary run "),
                    canary,
                    F.lit(" of this storm was run again and did not recover, so this one is not retried"),
                ),
            )
            .when(
                F.col("storm_role") == "follower",
                F.concat(
                    size,
                    F.lit(" runs failed this way within minutes; this one waits for the canary run"),
                    F.when(chosen, F.concat(F.lit(" "), canary)).otherwise(""),
                ),
            )
            .when(
                F.col("storm_role") == "canary",
                F.concat(F.lit("Canary of a storm of "), size, F.lit(" runs. "), F.col("reason")),
            )
            .otherwise(F.col("reason")),
        )
        .withColumn("action", F.when(failed, F.lit(Action.SEND_EMAIL.value)).otherwise(F.col("action")))
        .withColumn("retrying", F.col("action").isin(*RETRIES))
    )


def _with_incident(runs: DataFrame, history: History, setting: Setting) -> DataFrame:
    """A storm, or an escalation, belongs to the open incident of its fingerprint, else to a new one of this hour."""
    belongs = F.col("in_storm") | (F.col("action") == Action.ESCALATE.value)
    hour = F.date_format(setting.now, "yyyy-MM-dd HH")
    fresh = F.substring(F.sha2(F.concat_ws("|", "workspace_id", "fingerprint", hour), 256), 1, 32)
    return runs.join(F.broadcast(history.open_incidents), ["workspace_id", "fingerprint"], "left").withColumn(
        "incident_id", F.when(belongs, F.coalesce(F.col("open_incident_id"), fresh))
    )


def _probing(runs: DataFrame) -> DataFrame:
    """`held_by_probe`: a half-open breaker lets one retry through; the rest wait for what it shows."""
    half_open = F.col("retrying") & ((F.col("breaker") == "half_open") | (F.col("job_breaker") == "half_open"))
    key = F.when(F.col("breaker") == "half_open", F.col("fingerprint")).otherwise(F.col("job_id").cast("string"))
    first = Window.partitionBy("workspace_id", "half_open", "probe_key").orderBy("failed_second", "run_id")
    under_way = (F.col("breaker") == "probing") | (F.col("job_breaker") == "probing")
    return (
        runs.withColumn("half_open", half_open)
        .withColumn("probe_key", F.when(half_open, key))
        .withColumn("probe", half_open & (F.row_number().over(first) == 1))
        .withColumn("held_by_probe", F.col("retrying") & (under_way | (half_open & ~F.col("probe"))))
    )


def _delayed(runs: DataFrame, policy: Policy, setting: Setting) -> DataFrame:
    rule = policy.backoff
    grown = F.lit(float(rule.seconds)) * F.pow(F.lit(float(rule.factor)), F.col("executions") - 2)
    wait = F.when(F.col("executions") <= 1, F.lit(float(rule.first_seconds))).otherwise(
        F.least(grown, F.lit(float(rule.max_seconds)))
    )
    due = later_by(F.col("failed_at"), wait)
    return runs.withColumn("due", F.when(F.col("retrying") & is_true(due > setting.now), due))


def _rationed(runs: DataFrame, history: History, policy: Policy, setting: Setting) -> DataFrame:
    """`over_budget`: the best-paying retries first, until the window's share of retries is used up."""
    if setting.unlimited:
        return runs.withColumn("over_budget", no())
    allowance = max(policy.budget.retries_minimum, int(policy.budget.retries_share * history.failed_runs_in_window))
    left = max(0, allowance - history.retries_in_window)
    wants = (
        F.col("retrying")
        & F.col("due").isNull()
        & ~F.col("held_by_probe")
        & is_true(F.coalesce(F.col("storm_role"), F.lit("")) != "follower")
    )
    best = Window.partitionBy("wants").orderBy(
        F.desc(F.col("expected_gain_usd") - F.col("expected_cost_usd")), "failed_second", "run_id"
    )
    return runs.withColumn("wants", wants).withColumn(
        "over_budget", F.col("wants") & (F.row_number().over(best) > left)
    )


def _with_status(runs: DataFrame) -> DataFrame:
    waits = (
        (F.col("own"), DecisionStatus.SHADOW, "own_job", "This is jobmedic's own job, which it never treats. "),
        (F.col("off"), DecisionStatus.SHADOW, "off", f"{MODE_TAG}=off: jobmedic leaves this job alone. "),
        (
            F.col("unproven"),
            DecisionStatus.SHADOW,
            "autonomy",
            "Recorded only, until enough decisions of this kind were judged right. ",
        ),
        (F.col("in_shadow"), DecisionStatus.SHADOW, None, "Shadow mode, nothing is done. "),
        (
            F.col("waiting_for_native"),
            DecisionStatus.DEFERRED,
            "native",
            "The platform will run the task again by itself (native retries pending). ",
        ),
        (is_true(F.col("storm_role") == "follower"), DecisionStatus.HELD, "storm", ""),
        (F.col("held_by_probe"), DecisionStatus.HELD, "breaker", "Earlier retries failed; one probe goes first. "),
        (F.col("due").isNotNull(), DecisionStatus.DEFERRED, "backoff", "Waits before the next retry. "),
        (
            F.col("over_budget"),
            DecisionStatus.DEFERRED,
            "budget",
            "The workspace's retry budget of this window is used up. ",
        ),
    )
    status, gate, prefix = F.when(no(), ""), F.when(no(), ""), F.when(no(), "")
    for condition, state, name, words in waits:
        status = status.when(condition, state.value)
        gate = gate.when(condition, F.lit(name) if name else F.col("gate"))
        prefix = prefix.when(condition, words)
    return (
        runs.withColumn("prefix", prefix.otherwise(""))
        .withColumn("status", status.otherwise(DecisionStatus.READY.value))
        .withColumn("gate", gate.otherwise(F.col("gate")))
        .withColumn("reason", F.concat("prefix", "reason"))
        .withColumn("not_before", F.when(F.col("status") == DecisionStatus.DEFERRED.value, F.col("due")))
    )
