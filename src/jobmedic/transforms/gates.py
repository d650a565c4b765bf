"""The gates between what a diagnosis proposes and what is done: the first that closes decides.

Each gate is one row of `gates`: its name, when it closes, what is done instead, and why, in words for an on-call engineer.
A gate can only make an action more cautious; none opens what another closed.
"""

from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobmedic.knowledge.policy import JobPolicy, Policy
from jobmedic.knowledge.words import Action
from jobmedic.transforms.columns import dollars, is_true, later_by, matches_glob, no, percent, tag
from jobmedic.transforms.history import RETRIES

IDEMPOTENT_TAG = "jobmedic_idempotent"
_HOURS_FROM = 180.0
"""Minutes from which on a time is told in hours."""
OFFERED = f"A retry would probably help, but nothing says that this job is safe to run again: tag it {IDEMPOTENT_TAG}=true to allow retries"


@dataclass(frozen=True, slots=True)
class Gate:
    name: str
    closes: Column
    instead: Action
    because: Column


def gates(policy: Policy, *, now: Column) -> tuple[Gate, ...]:
    """In the order in which they are asked."""
    mail = Action.SEND_EMAIL
    return (
        Gate("confidence", F.col("unsure"), mail, F.col("told")),
        Gate(
            "tolerated",
            _tolerated(policy),
            mail,
            F.lit(
                "The run ended SUCCESS_WITH_FAILURES: its owner tolerates this failure, so it is reported and not repaired"
            ),
        ),
        Gate("submitted", _retrying() & _not_ours_to_start(policy), mail, _submitted()),
        Gate("job_gone", _retrying() & _job_gone(), mail, F.lit("The job is gone, so there is nothing to repair")),
        Gate("category", _retrying() & (F.col("retries_allowed") == 0), mail, _no_retry()),
        Gate(
            "age",
            _retrying() & _too_old(policy, now),
            mail,
            F.lit(
                f"The failure is older than {policy.retries.oldest_failure_hours:g} hours; a retry now might surprise"
            ),
        ),
        Gate(
            "safety",
            _retrying() & (F.col("idempotent") == "false"),
            mail,
            F.lit(f"The job's tag {IDEMPOTENT_TAG}=false forbids retries"),
        ),
        Gate("safety", _retrying() & F.col("safe_because").isNull(), mail, F.lit(OFFERED)),
        Gate("retries", _retrying() & (F.col("executions") > F.col("retries_allowed")), mail, _used_up()),
        Gate(
            "remedy",
            _changing() & F.col("params").isNull() & F.col("compute").isNull(),
            mail,
            F.lit(
                "The same run would fail again, and the policy allows no change of parameters or compute that would help"
            ),
        ),
        Gate(
            "breaker",
            _retrying() & (F.col("breaker") == "open"),
            mail,
            _broken("this failure", "failed_in_row", F.col("cooldown")),
        ),
        Gate(
            "breaker",
            _retrying() & (F.col("job_breaker") == "open"),
            mail,
            _broken("this job", "job_failed_in_row", F.lit(float(policy.breaker.cooldown_minutes))),
        ),
        Gate("worth", _retrying() & (F.col("expected_gain_usd") <= F.col("expected_cost_usd")), mail, _not_worth()),
    )


def idempotent() -> Column:
    """What the job's owner says of running it again, as the gates read it; a column of this name."""
    return tag(IDEMPOTENT_TAG)


def safe_because(policy: Policy) -> Column:
    """Why the task may run again; null when nothing says so. A tag that says false is a gate of its own."""
    return (
        F.when(F.col("idempotent") == "true", F.lit(f"tag {IDEMPOTENT_TAG}=true"))
        .when(is_true(F.col("max_native_retries") != 0), F.lit("its owner gave the task native retries"))
        .when(is_true(~F.col("code_ran")), F.lit("it failed before user code ran"))
        .when(_untagged_allowed(policy), F.lit("the policy's rerun_untagged"))
    )


def job_setting(policy: Policy, name: str) -> Column:
    """The first matching job entry that sets `name`; null where none does."""
    chosen = F.lit(None)
    for position, (entry, value) in enumerate(_set(policy, name)):
        matched = matches_glob(F.col("job_name"), entry.match)
        chosen = F.when(matched, F.lit(value)) if position == 0 else chosen.when(matched, F.lit(value))
    return chosen


def _set(policy: Policy, name: str) -> list[tuple[JobPolicy, object]]:
    return [(entry, getattr(entry, name)) for entry in policy.jobs if getattr(entry, name) is not None]


def _untagged_allowed(policy: Policy) -> Column:
    if isinstance(policy.rerun_untagged, bool):
        everywhere = F.lit(policy.rerun_untagged)
    else:
        everywhere = no()
        for pattern in policy.rerun_untagged:
            everywhere = everywhere | matches_glob(F.col("job_name"), pattern)
    return is_true(F.coalesce(job_setting(policy, "rerun_untagged").cast("boolean"), everywhere))


def _retrying() -> Column:
    return F.col("proposed_action").isin(*RETRIES)


def _changing() -> Column:
    return F.col("proposed_action") == Action.RETRY_WITH_NEW_PARAMS.value


def _tolerated(policy: Policy) -> Column:
    tolerated = is_true(F.col("run_result_state") == "SUCCESS_WITH_FAILURES")
    if policy.success_with_failures == "repair":
        return no()
    return tolerated & (F.col("proposed_action") != Action.IGNORE.value)


def _job_gone() -> Column:
    """A one-time submit shows the id of a job that never was."""
    one_time = is_true(F.col("run_type") == "SUBMIT_RUN")
    return F.col("job_id").isNotNull() & ~one_time & is_true(~F.col("job_exists"))


def _not_ours_to_start(policy: Policy) -> Column:
    # The run that started it failed with it. Repairing that one starts this work again, so repairing both does it twice.
    nested = is_true(F.col("run_type") == "WORKFLOW_RUN") | _called_by_a_job()
    submitted = F.col("job_id").isNull() | is_true(F.col("run_type") == "SUBMIT_RUN")
    ours = F.col("resubmission_of").isNotNull()
    return (nested if policy.resubmit else nested | submitted) | ours


def _too_old(policy: Policy, now: Column) -> Column:
    return is_true(later_by(F.col("failed_at"), F.lit(3600.0 * policy.retries.oldest_failure_hours)) < now)


def _called_by_a_job() -> Column:
    return is_true(F.col("trigger") == "RUN_JOB_TASK")


def _submitted() -> Column:
    ours = F.concat(
        F.lit("jobmedic started this run with changes for run "),
        F.col("resubmission_of").cast("string"),
        F.lit(", and it failed too; it is not tried again"),
    )
    whose = (
        F.when(F.col("run_type") == "WORKFLOW_RUN", "another notebook started this run")
        .when(_called_by_a_job(), "another job started this run as one of its tasks")
        .otherwise("this is a one-time submit")
    )
    theirs = F.concat(F.lit("A retry would probably help, but "), whose, F.lit(", so it belongs to whoever started it"))
    return F.when(F.col("resubmission_of").isNotNull(), ours).otherwise(theirs)


def _no_retry() -> Column:
    return F.concat(F.lit("The policy allows no retry of "), F.col("category"), F.lit(" failures"))


def _used_up() -> Column:
    return F.concat(
        F.lit("The task ran "),
        F.col("executions").cast("string"),
        F.lit(" times and still fails; the policy allows "),
        F.col("retries_allowed").cast("string"),
        F.lit(" retries over all layers"),
    )


def _broken(what: str, count: str, minutes: Column) -> Column:
    hours = F.format_string("%.0f hours", minutes / 60.0)
    long = F.when(minutes >= _HOURS_FROM, hours).otherwise(F.format_string("%.0f minutes", minutes))
    return F.concat(
        F.lit("The last "),
        F.col(count).cast("string"),
        F.lit(f" retries of {what} failed; none is made until "),
        long,
        F.lit(" after the last"),
    )


def _not_worth() -> Column:
    return F.concat(
        F.lit("A retry is expected to bring "),
        dollars(F.col("expected_gain_usd")),
        F.lit(" ("),
        percent(F.col("retry_success_probability")),
        F.lit(" likely to help) and to cost "),
        dollars(F.col("expected_cost_usd")),
    )
