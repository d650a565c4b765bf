"""All runs of a pass together: storms and canaries, probes of half-open breakers, the retry budget, backoff."""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from jobmedic.knowledge.policy import Policy
from jobmedic.knowledge.words import Action, Mode, Outcome
from jobmedic.transforms.columns import apart, beside, is_true, later_by, no, tag
from jobmedic.transforms.gates import job_setting
from jobmedic.transforms.history import RETRIES, History

MODE_TAG = "jobmedic_mode"
CAUSE = ["workspace_id", "fingerprint"]
OWN, OFF, UNPROVEN, SHADOW = "own_job", "off", "autonomy", "shadow"
"""Why a run is only recorded."""


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


def left_alone(failures: DataFrame, policy: Policy, setting: Setting) -> DataFrame:
    """`alone` tells why a run is only recorded; `left_out` whether it is, though others are not.

    Such a run is no canary: nobody would ever learn what became of it.
    """
    said = tag(MODE_TAG)
    wish = F.coalesce(job_setting(policy, "mode"), F.lit(""))
    own = is_true(F.col("job_id").isin(*setting.own_job_ids)) if setting.own_job_ids else no()
    acting = F.lit(setting.mode is Mode.ACT)
    alone = (
        F.when(own, OWN)
        .when((said == "off") | (wish == "off"), OFF)
        .when(acting & is_true(F.col("earned_mode") == Mode.SHADOW.value), UNPROVEN)
        .when(~acting | (said == "shadow") | (wish == "shadow"), SHADOW)
    )
    return failures.withColumn("alone", alone).withColumn("left_out", acting & F.col("alone").isNotNull())


def traffic(runs: DataFrame, history: History, policy: Policy, setting: Setting) -> DataFrame:
    """One row a run in, as `left_alone` marked it; the same rows out with what holds them, and the last word on the action.

    That is `storm_role`, `canary_failed`, `held_by_probe`, `due`, `over_budget` and `incident_id`. The windows over a cause
    stand together, so that it is sorted once.
    """
    return (
        runs.transform(_with_canary, history)
        .transform(_probing)
        .transform(_in_storm, history, policy)
        .transform(_following, policy)
        .transform(_probing_jobs)
        .transform(_delayed, policy, setting)
        .transform(_rationed, history, policy, setting)
        .transform(_with_incident, history, policy, setting)
    )


def _with_canary(runs: DataFrame, history: History) -> DataFrame:
    """The canary that an earlier pass chose: `canary_runs` while nothing is known of it; where it failed, no retry."""
    failed = (
        F.col("action").isin(*RETRIES)
        & is_true(F.col("canary_outcome") != Outcome.RECOVERED.value)
        & is_true(F.col("canary_run_id") != F.col("run_id"))
    )
    action = F.when(F.col("canary_failed"), Action.SEND_EMAIL.value).otherwise(F.col("action"))
    return (
        beside(runs, history.canaries, *CAUSE)
        .withColumns(
            {
                "failed_second": F.coalesce(F.unix_timestamp("failed_at"), F.lit(0)),
                "canary_failed": failed,
                "canary_runs": F.col("canary_run_id").isNotNull() & F.col("canary_outcome").isNull(),
            }
        )
        .withColumn("action", action)
        .withColumn("retrying", F.col("action").isin(*RETRIES))
    )


def _in_order() -> WindowSpec:
    """All runs of a cause, the earliest first. `repairs` tells attempts of one run apart."""
    return Window.partitionBy(*CAUSE).orderBy("failed_second", "run_id", "repairs")


def _probing(runs: DataFrame) -> DataFrame:
    """`held_by_probe`: a half-open breaker of the cause lets one retry through; the rest wait for what it shows."""
    before = _in_order().rowsBetween(Window.unboundedPreceding, -1)
    under_way = (F.col("breaker") == "probing") | (F.col("job_breaker") == "probing")
    probed = F.max(F.when(F.col("half_open"), 1)).over(before).isNotNull()
    return (
        runs.withColumns(
            {
                "half_open": F.col("retrying") & (F.col("breaker") == "half_open"),
                "job_half_open": F.col("retrying")
                & (F.col("breaker") != "half_open")
                & (F.col("job_breaker") == "half_open"),
                "under_way": F.col("retrying") & under_way,
            }
        )
        .withColumn("probed", probed)
        .withColumn("held_by_probe", F.col("under_way") | (F.col("half_open") & F.col("probed")))
    )


def _in_storm(runs: DataFrame, history: History, policy: Policy) -> DataFrame:
    """`storm_runs`: how many runs failed of this cause around the same time, those of earlier passes included."""
    window = round(60 * policy.storm.window_minutes)
    near = Window.partitionBy(*CAUSE).orderBy("failed_second").rangeBetween(-window, window)
    earlier = F.coalesce(F.col("decided_runs"), F.lit(0))
    return (
        beside(runs, history.decided_recently, *CAUSE)
        .withColumn("near_runs", F.count("*").over(near))
        .withColumn("storm_runs", F.col("near_runs") + earlier)
    )


def _following(runs: DataFrame, policy: Policy) -> DataFrame:
    """One canary a storm; the others wait for it, are released when it recovers, and are not retried when it fails."""
    before = _in_order().rowsBetween(Window.unboundedPreceding, -1)
    episode = F.floor(F.col("failed_second") / (4 * 60 * policy.storm.window_minutes))
    concerned = F.col("retrying") & ~F.col("left_out")
    choosing = concerned & (F.col("storm_runs") >= policy.storm.runs) & F.col("canary_run_id").isNull()
    # Runs come in the order of time, so the newest episode that has a canary is the largest so far.
    is_canary = F.coalesce(
        F.col("canary_run_id") == F.col("run_id"), F.col("newest").isNull() | (F.col("newest") < episode)
    )
    waiting = F.col("choosing") | (concerned & F.col("canary_runs"))
    role = F.when(waiting & is_canary, "canary").when(waiting, "follower")
    return (
        runs.withColumn("choosing", choosing)
        .withColumn("newest", F.max(F.when(F.col("choosing"), episode)).over(before))
        .withColumn("storm_role", role)
    )


def _probing_jobs(runs: DataFrame) -> DataFrame:
    """The same for the breaker of a job, where that of the cause lets everything through."""
    concerned = F.col("job_half_open")
    keys = apart(concerned, F.col("workspace_id"), F.col("job_id"), other=F.col("run_id"))
    order = [F.when(concerned, F.col(name)) for name in ("failed_second", "run_id", "repairs")]
    return runs.withColumn("place", F.row_number().over(Window.partitionBy(*keys).orderBy(*order))).withColumn(
        "held_by_probe", F.col("held_by_probe") | (concerned & (F.col("place") > 1))
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
    worth = F.col("expected_gain_usd") - F.col("expected_cost_usd")
    order = [F.when(F.col("wants"), by) for by in (-worth, F.col("failed_second"), F.col("run_id"), F.col("repairs"))]
    best = Window.partitionBy(*apart(F.col("wants"), other=F.col("run_id"))).orderBy(*order)
    return runs.withColumn("wants", wants).withColumn(
        "over_budget", F.col("wants") & (F.row_number().over(best) > left)
    )


def _with_incident(runs: DataFrame, history: History, policy: Policy, setting: Setting) -> DataFrame:
    """A storm, or an escalation, belongs to the open incident of its fingerprint, else to a new one of this hour."""
    belongs = (F.col("storm_runs") >= policy.storm.runs) | (F.col("action") == Action.ESCALATE.value)
    hour = F.date_format(setting.now, "yyyy-MM-dd HH")
    fresh = F.substring(F.sha2(F.concat_ws("|", *CAUSE, hour), 256), 1, 32)
    return beside(runs, history.open_incidents, *CAUSE).withColumn(
        "incident_id", F.when(belongs, F.coalesce(F.col("open_incident_id"), fresh))
    )
