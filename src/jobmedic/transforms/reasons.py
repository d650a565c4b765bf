"""Why a cause is treated as it is, in words for an on-call engineer: worked out once a fingerprint, not once a failure.

The columns read here are those of `causes`.
"""

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobmedic.knowledge.words import Action, Category, Source
from jobmedic.transforms.columns import dollars, percent
from jobmedic.transforms.history import RETRIES

UNKNOWN = "What the run shows does not tell what failed; somebody has to look"


def told() -> Column:
    """What the diagnosis and the policy say of the cause.

    The whole reason, but for a retry: there it ends before the cost, which depends on the run.
    """
    return (
        F.when(F.col("unsure"), _unsure())
        .when(F.col("proposed_action").isin(*RETRIES), _retry())
        .when(F.col("proposed_action") == Action.IGNORE.value, F.concat(_diagnosed(), F.lit("nothing to do")))
        .when(F.col("category") == Category.UNKNOWN.value, F.lit(UNKNOWN))
        .when(
            F.col("proposed_action") == Action.ESCALATE.value,
            F.concat(_diagnosed(), F.lit("the platform team has to act; the owner cannot")),
        )
        .otherwise(F.concat(_diagnosed(), F.lit("the owner has to change something; a retry would fail again")))
    )


def aside() -> Column:
    """Why the rules' answer stands although a model should have been asked, or was; blank where there is nothing to say."""
    said = (F.col("source") == Source.RULE.value) & F.col("notes").isNotNull()
    return F.when(said, F.concat(F.lit(". "), F.col("notes"))).otherwise("")


def _diagnosed() -> Column:
    by = (
        F.when(F.col("rule").isNotNull(), F.concat(F.lit("rule "), F.col("rule")))
        .when(F.col("source") == Source.HUMAN.value, "a person")
        .when(F.col("source") == Source.KNOWN.value, "an earlier answer of the model")
        .otherwise("the model")
    )
    return F.concat(F.col("category"), F.lit(" ("), percent(F.col("confidence")), F.lit(" sure, by "), by, F.lit("): "))


def _unsure() -> Column:
    return F.concat(
        F.lit("Only "),
        percent(F.col("confidence")),
        F.lit(" sure that this is "),
        F.col("category"),
        F.lit("; the policy asks for "),
        percent(F.col("bar")),
    )


def _retry() -> Column:
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
        _diagnosed(),
        record,
        F.lit(", "),
        percent(F.col("retry_success_probability")),
        F.lit(" likely to help; expected gain "),
        dollars(F.col("expected_gain_usd")),
    )
