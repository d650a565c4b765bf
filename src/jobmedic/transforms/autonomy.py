"""Earned autonomy: a category or fingerprint acts only once it was right often enough, and stops by itself.

The proof is the lower end of the Wilson interval of the share of judged decisions that were right: it punishes small
numbers, so three right out of three prove little (0.44 at 95 %).
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobmedic.knowledge.words import Mode

Z95 = 1.959963984540054
"""Two-sided 95 %."""


def wilson_lower(successes: Column, trials: Column, z: float = Z95) -> Column:
    """Lower end of the Wilson score interval (E. B. Wilson, 1927); 0 without trials."""
    return F.greatest(_wilson(successes, trials, -z), F.lit(0.0))


def wilson_upper(successes: Column, trials: Column, z: float = Z95) -> Column:
    """Upper end; 1 without trials."""
    return F.when(trials > 0, F.least(_wilson(successes, trials, z), F.lit(1.0))).otherwise(F.lit(1.0))


def autonomy_state(autonomy: DataFrame) -> DataFrame:
    """One row a scope: (scope_type, scope, mode), the newest of the table. A scope without a row is in `shadow`."""
    newest = Window.partitionBy("scope_type", "scope").orderBy(F.desc("changed_at"), "mode")
    return (
        autonomy.withColumn("place", F.row_number().over(newest))
        .where(F.col("place") == 1)
        .select("scope_type", "scope", "mode")
    )


def autonomy_changes(
    judged: DataFrame, autonomy: DataFrame, *, by: str, bar: float, judged_at_least: int, newest: int = 100
) -> DataFrame:
    """Promotions and demotions that are due: the columns of `autonomy` but `changed_at` and `policy_version`.

    `by` is category or fingerprint. Only the `newest` judged decisions of a scope count, so that a long good past does
    not hide a bad week. A scope that acts and whose verdicts were withdrawn below the minimum is demoted too.
    """
    latest = Window.partitionBy(by).orderBy(F.desc("decided_at"), "decision_id")
    figures = (
        judged.where(F.col("action_right").isNotNull() & F.col(by).isNotNull())
        .withColumn("place", F.row_number().over(latest))
        .where(F.col("place") <= newest)
        .groupBy(F.col(by).alias("scope"))
        .agg(
            F.count(F.lit(1)).alias("judged"),
            F.sum(F.when(F.col("action_right"), 1).otherwise(0)).cast("bigint").alias("right_decisions"),
        )
    )
    state = (
        autonomy_state(autonomy).where(F.col("scope_type") == by).select("scope", F.col("mode").alias("mode_before"))
    )
    earned = (F.col("lower_bound") >= bar) & (F.col("judged") >= judged_at_least)
    return (
        figures.join(state, "scope", "full_outer")
        .withColumn("judged", F.coalesce("judged", F.lit(0)))
        .withColumn("right_decisions", F.coalesce("right_decisions", F.lit(0)))
        .withColumn("mode_before", F.coalesce("mode_before", F.lit(Mode.SHADOW.value)))
        .withColumn("lower_bound", wilson_lower(F.col("right_decisions"), F.col("judged")))
        .withColumn("mode", F.when(earned, Mode.ACT.value).otherwise(Mode.SHADOW.value))
        .where(F.col("mode") != F.col("mode_before"))
        .select(
            F.lit(by).alias("scope_type"),
            "scope",
            "mode",
            "judged",
            "right_decisions",
            "lower_bound",
            F.lit(float(bar)).alias("bar"),
            F.lit(judged_at_least).cast("bigint").alias("judged_at_least"),
            _words(by, bar, judged_at_least).alias("reason"),
        )
    )


def _words(by: str, bar: float, judged_at_least: int) -> Column:
    share = F.format_string(
        "%d of %d judged decisions were right, lower bound %.2f", "right_decisions", "judged", "lower_bound"
    )
    asked = f"; the policy asks for {bar:.2f} over {judged_at_least}"
    change = F.when(F.col("mode") == Mode.ACT.value, F.lit("acts from now on: ")).otherwise(F.lit("back to shadow: "))
    return F.concat(F.lit(f"{by} "), F.col("scope"), F.lit(" "), change, share, F.lit(asked))


def _wilson(successes: Column, trials: Column, z: float) -> Column:
    n = F.greatest(trials, F.lit(1)).cast("double")  # never 0: engines may divide before they look at the condition
    share = successes.cast("double") / n
    spread = F.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return F.when(trials > 0, (share + z * z / (2 * n) + z * spread) / (1 + z * z / n)).otherwise(F.lit(0.0))
