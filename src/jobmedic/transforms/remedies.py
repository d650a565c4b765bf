"""Which job parameters and which compute a retry may change: what a diagnosis suggests, cut to what the policy allows."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobmedic.knowledge.policy import ParamPolicy, Policy
from jobmedic.knowledge.words import Compute
from jobmedic.transforms.columns import is_true, matches_glob

NOTHING = "map<string,string>"


def allowed_params(policy: Policy) -> Column:
    """Changed parameters by name; null when none. Only parameters that the run itself shows are ever named."""
    if not policy.params:
        return F.lit(None).cast(NOTHING)
    entries = [F.struct(F.lit(rule.name).alias("key"), _value(rule).alias("value")) for rule in policy.params]
    changed = F.filter(F.array(*entries), lambda entry: entry["value"].isNotNull())
    return F.when(F.size(changed) > 0, F.map_from_entries(changed))


def allowed_compute(policy: Policy) -> Column:
    """The diagnosis' compute remedy; null when the policy forbids it, or the task's compute cannot be changed so."""
    if not policy.compute.enabled:
        return F.lit(None).cast("string")
    known = F.col("compute").isin(*[str(remedy) for remedy in Compute])
    return F.when(known & is_true(F.array_contains("compute_remedies", F.col("compute"))), F.col("compute"))


def _value(rule: ParamPolicy) -> Column:
    """The new value as a string; null when there is none, it is out of bounds, or nothing would change."""
    present = F.element_at(F.col("job_parameters"), rule.name)
    suggested = F.element_at(F.col("suggested_params"), rule.name)
    value = _chosen(rule, suggested) if rule.choices else _number(rule, present, suggested)
    here = present.isNotNull() & matches_glob(F.col("job_name"), rule.jobs) & is_true(value != present)
    return F.when(here, value)


def _chosen(rule: ParamPolicy, suggested: Column) -> Column:
    return F.when(suggested.isin(*rule.choices), suggested)


def _number(rule: ParamPolicy, present: Column, suggested: Column) -> Column:
    given = suggested.try_cast("double")
    if rule.multiply is not None:
        before = present.try_cast("double")
        changed = F.round(before * rule.multiply, 6)
        # A count stays a count: seven days are not made two and four fifths.
        step = F.floor(changed) if rule.multiply < 1 else F.ceil(changed)
        kept = F.when(before == F.floor(before), step.cast("double")).otherwise(changed)
        grown = F.greatest(F.least(kept, F.lit(rule.maximum)), F.lit(rule.minimum))
        here = (
            F.col("category").isin(*[str(category) for category in rule.categories]) if rule.categories else F.lit(True)
        )
        given = F.coalesce(given, F.when(here, grown))
    inside = (given >= F.lit(rule.minimum)) & (given <= F.lit(rule.maximum))
    whole = given == F.floor(given)
    text = F.when(whole, given.cast("bigint").cast("string")).otherwise(given.cast("string"))
    return F.when(inside, text)
