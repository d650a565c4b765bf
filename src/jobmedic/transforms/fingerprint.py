"""One digest a cause: whatever differs between two runs of one failure is masked, whatever names the cause stays."""

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobmedic.knowledge.masks import Masks
from jobmedic.transforms import evidence

VERSION = "v1"
_IDENTITY = 320
_BEFORE_CONDITION = r"^[^\[\n]{1,200}(\[[A-Z]+_[A-Z0-9_.]+\])"
# 401 is another cause than 503, exit code 1 another than 137, SQLSTATE 40001 another than 53100: such a number names the cause,
# and a letter before it keeps the masks off. A longer error code is as often an id; the words beside it tell.
_CODE = (
    r"(?:((?:exit(?:ed)?|return|status|response|http|error)[ _]?(?:error |status )?(?:code|status)[ :=(]{1,3}"
    r"|exit status[ :=(]{1,3}|http (?:error )?|errno )(-?[0-9]{1,4})|(sqlstate[ :=]{1,3})([0-9]{5}))"
    r"([^0-9.,:_]|[.,:][^0-9])"
)
_KEPT = "$1$3-n$2$4$5"
# Query plans, SQL echoes and second stack traces come after what names the cause.
_TAILS = ("\n    at ", ";\n'", "\n== SQL", "\n+- ", "JVM stacktrace:", "\n\nDriver stacktrace", "Driver stacktrace:")


def fingerprint(failures: DataFrame, masks: Masks) -> DataFrame:
    """Adds `error_class`, `sqlstate` and `fingerprint` to whatever has `error`, `error_trace` and `termination_code`.

    A failure without a text is identified by its termination code and result state.
    """
    kept = [name for name in failures.columns if name not in {"error_class", "sqlstate", "fingerprint"}]
    cut = failures.select(*kept, evidence.text("error").alias("_error"), evidence.text("error_trace").alias("_trace"))
    deep = cut.select("*", evidence.spoken(evidence.deepest(F.col("_error"), F.col("_trace"))).alias("_cause"))
    named = deep.select("*", evidence.exception_class(F.col("_cause")).alias("_class"))
    told = named.select("*", _condition().alias("_condition"), _identity(masks).alias("_identity"))
    return told.select(
        *kept,
        F.nullif(F.when(F.col("_condition") != "", F.col("_condition")).otherwise(F.col("_class")), F.lit("")).alias(
            "error_class"
        ),
        F.nullif(evidence.sqlstate(F.col("_error")), F.lit("")).alias("sqlstate"),
        F.concat(F.lit(f"{VERSION}:"), F.substring(F.sha2(F.col("_identity"), 256), 1, 32)).alias("fingerprint"),
    )


def _condition() -> Column:
    in_cause = evidence.condition(F.col("_cause"))
    return F.when(in_cause != "", in_cause).otherwise(evidence.condition(F.substring(F.col("_error"), 1, 1000)))


def _identity(masks: Masks) -> Column:
    """What the digest is taken of: the deepest exception with its words, masked and lower-cased."""
    cause = F.col("_cause")
    # What stands before the exception's class, or before a condition without one, is somebody's wrapper.
    named = F.when(
        F.col("_class") != "", F.concat(F.col("_class"), F.expr("substring_index(_cause, _class, -1)"))
    ).otherwise(F.regexp_replace(cause, _BEFORE_CONDITION, "$1"))
    short = F.substring(reduce(lambda text, tail: F.substring_index(text, tail, 1), _TAILS, named), 1, 2 * _IDENTITY)
    spaced = F.concat(F.lit(" "), F.lower(F.trim(short)), F.lit(" "))
    whole = F.regexp_replace(F.regexp_replace(spaced, _CODE, _KEPT), masks.pattern, "*")
    # Cut after masking: half an id would pass for a word.
    masked = F.substring(whole, 1, _IDENTITY)
    silent = F.trim(short) == F.col("_class")
    frame = F.regexp_extract(
        F.concat_ws("\n", "_error", "_trace"), r"(?s)^.*Caused by: [^\n]*\n\tat ([A-Za-z0-9_.$<>]+)", 1
    )
    nothing = F.concat_ws(":", F.lit("none"), F.col("termination_code"), F.col("result_state"))
    # The masks stand in no branch: an engine runs what stands in two of them twice.
    return F.concat(masked, F.when(F.trim(short) == "", nothing).when(silent, frame).otherwise(""))
