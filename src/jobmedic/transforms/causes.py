"""What policy and history say about each cause: one row a fingerprint, however many failures carry it.

Everything that does not depend on the single run is worked out here, so that a million failures of two thousand causes
cost two thousand rows of arithmetic.
"""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobmedic.knowledge.policy import Policy
from jobmedic.knowledge.words import Action, Category, Mode, Source
from jobmedic.transforms.columns import beside, is_true, later_by, seconds_between
from jobmedic.transforms.history import RETRIES, History
from jobmedic.transforms.reasons import aside, told


def causes(diagnoses: DataFrame, history: History, policy: Policy) -> DataFrame:
    """Diagnoses with the proposed action, its bounds, the chance that a retry succeeds, its breaker, and their words."""
    # Actions for which being wrong does harm: a retry costs, and what is ignored is never looked at again.
    harmful = F.col("proposed_action").isin(*RETRIES, Action.IGNORE)
    return (
        _bounded(_proposed(diagnoses, policy), policy)
        .transform(_with_posterior, history, policy)
        .transform(_with_breaker, history, policy)
        .transform(_with_autonomy, history, policy)
        .fillna({"category": Category.UNKNOWN.value, "confidence": 0.0, "source": Source.RULE.value})
        .withColumn("unsure", harmful & (F.col("confidence") < F.col("bar")))
        .select(
            "fingerprint",
            "category",
            "transient",
            "confidence",
            "source",
            "rule",
            "suggested_params",
            "compute",
            "proposed_action",
            "unsure",
            "most_retries",
            "retry_success_probability",
            "expected_gain_usd",
            "failed_in_row",
            "last_failed_at",
            "cooldown",
            "pending",
            "earned_mode",
            told().alias("told"),
            aside().alias("aside"),
        )
    )


def _proposed(diagnoses: DataFrame, policy: Policy) -> DataFrame:
    """The policy's word on the rule, then its word on the category, then the diagnosis, then the category's default."""
    by_rule = _cases(F.col("rule"), {rule: entry.action for rule, entry in policy.rules.items() if entry.action})
    by_category = _cases(F.col("category"), {c: entry.action for c, entry in policy.categories.items() if entry.action})
    transient = _cases(F.col("category"), {c: entry.transient for c, entry in policy.categories.items()})
    permanent = _cases(F.col("category"), {c: entry.permanent for c, entry in policy.categories.items()})
    default = F.when(is_true(F.col("transient")), transient).otherwise(permanent)
    proposed = F.coalesce(by_rule, by_category, F.col("action"), default, F.lit(Action.ESCALATE.value))
    return diagnoses.withColumn("proposed_action", proposed)


def _bounded(diagnoses: DataFrame, policy: Policy) -> DataFrame:
    most = F.coalesce(
        _cases(F.col("rule"), {r: e.max_retries for r, e in policy.rules.items() if e.max_retries is not None}),
        _cases(F.col("category"), {c: entry.max_retries for c, entry in policy.categories.items()}),
        F.lit(0),
    )
    bar = F.coalesce(
        _cases(F.col("category"), {c: entry.confidence for c, entry in policy.categories.items()}), F.lit(1.0)
    )
    return diagnoses.withColumns({"most_retries": most.cast("int"), "bar": bar.cast("double")})


def _with_posterior(diagnoses: DataFrame, history: History, policy: Policy) -> DataFrame:
    """Beta posterior mean; the prior is the category's record so far, worth as many trials as the policy's prior."""
    priors = {category: entry.prior for category, entry in policy.categories.items()}
    prior_recovered = F.coalesce(_cases(F.col("category"), {c: p.recovered for c, p in priors.items()}), F.lit(1.0))
    prior_failed = F.coalesce(_cases(F.col("category"), {c: p.failed for c, p in priors.items()}), F.lit(9.0))
    like_recovered, like_failed = _or_zero("like_recovered"), _or_zero("like_failed")
    recovered, failed = _or_zero("own_recovered"), _or_zero("own_failed")
    trials = prior_recovered + prior_failed
    mean = (prior_recovered + like_recovered) / (trials + like_recovered + like_failed)
    return (
        beside(diagnoses, _record(history.by_fingerprint, "fingerprint", "own"), "fingerprint", "proposed_action")
        .transform(beside, _record(history.by_category, "category", "like"), "category", "proposed_action")
        .withColumns(
            {
                "retries_recovered": recovered,
                "retries_failed": failed,
                "retry_success_probability": (mean * trials + recovered) / (trials + recovered + failed),
            }
        )
        .withColumn("expected_gain_usd", F.col("retry_success_probability") * float(policy.money.value_of_recovery_usd))
    )


def _record(counted: DataFrame, key: str, name: str) -> DataFrame:
    return counted.select(
        key,
        F.col("action").alias("proposed_action"),
        F.col("recovered").alias(f"{name}_recovered"),
        F.col("failed").alias(f"{name}_failed"),
    )


def _with_breaker(diagnoses: DataFrame, history: History, policy: Policy) -> DataFrame:
    """`cooldown` in minutes is a column of its own, one row a fingerprint: engines copy an expression wherever it is named."""
    joined = beside(diagnoses, history.fingerprint_breakers, "fingerprint")
    return joined.withColumn("cooldown", _cooldown_minutes(policy))


def breaker_state(policy: Policy, now: Column, prefix: str = "") -> Column:
    """closed, open, probing (half-open, a probe is under way) or half_open, from the columns of `history.breakers`."""
    tripped = is_true(F.col(f"{prefix}failed_in_row") >= policy.breaker.failures)
    minutes = F.lit(float(policy.breaker.cooldown_minutes)) if prefix else F.col("cooldown")
    cooling = is_true(later_by(F.col(f"{prefix}last_failed_at"), minutes * 60.0) > now)
    under_way = is_true(F.col(f"{prefix}pending") == 1)
    return F.when(~tripped, "closed").when(cooling, "open").when(under_way, "probing").otherwise("half_open")


def _cooldown_minutes(policy: Policy) -> Column:
    """Of a tripped fingerprint: as long as its probes have been failing, so that what never recovers is probed ever more rarely.

    Time tells that, not the number of retries: ten that failed in one hour's outage are no week of failing.
    A job has other failures beside the hopeless one, so its own cool-down does not grow.
    """
    shortest = F.lit(float(policy.breaker.cooldown_minutes))
    longest = F.lit(max(60.0 * policy.breaker.max_cooldown_hours, policy.breaker.cooldown_minutes))
    failing = seconds_between(F.col("tripped_at"), F.col("last_failed_at")) / 60.0
    return F.least(F.greatest(F.coalesce(failing, shortest), shortest), longest)


def _with_autonomy(diagnoses: DataFrame, history: History, policy: Policy) -> DataFrame:
    """`earned_mode` is null where the policy asks for no proof, else `shadow` until `act` was earned."""
    if not policy.autonomy.enabled:
        return diagnoses.withColumn("earned_mode", F.lit(None).cast("string"))
    by = policy.autonomy.by
    earned = history.autonomy.where(F.col("scope_type") == by).select(
        F.col("scope").alias(by), F.col("mode").alias("earned")
    )
    return beside(diagnoses, earned, by).select(
        *[F.col(name) for name in diagnoses.columns],
        F.coalesce(F.col("earned"), F.lit(Mode.SHADOW.value)).alias("earned_mode"),
    )


def _cases(column: Column, values: Mapping[str, object]) -> Column:
    """A lookup as one flat CASE; null where the table has no entry."""
    looked_up = F.lit(None)
    for position, (key, value) in enumerate(values.items()):
        matched = column == str(key)
        looked_up = F.when(matched, _plain(value)) if position == 0 else looked_up.when(matched, _plain(value))
    return looked_up


def _plain(value: object) -> Column:
    return F.lit(str(value) if isinstance(value, str) else value)


def _or_zero(name: str) -> Column:
    return F.coalesce(F.col(name), F.lit(0))
