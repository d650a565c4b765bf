"""Which part of an error text speaks: the deepest cause, without the wrappers around it.

Columns in, columns out. Everything here is cut before it is searched, so that 5 MB cost no more than 60 KB.
"""

from pyspark.sql import Column
from pyspark.sql import functions as F

_CUT = 60_000
_HALF = 30_000
_CAUSE = 3_000
_SPOKEN = 600
_INNER = " ---> "  # .NET: what was thrown, and what threw it
_RAISED_FROM = "The above exception was the direct cause of the following exception"

# A class name that announces a message. `Error` alone is no class name.
_CLASS = (
    r"(?:(?:[A-Za-z_][A-Za-z0-9_]*[.$])*[A-Z][A-Za-z0-9_]*(?:Exception|Error|Failure|Fault|Exit|Interrupt|Warning)"
    r"|(?:[A-Za-z_][A-Za-z0-9_]*[.$])+(?:Error|Exception|Warning))"
)
_CONDITION = r"\[([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?:\.[A-Z0-9_]+)*)\]"

# Names, values, addresses and paths, in lower-cased text: whose words say what it was done to, not what happened.
_NAMED = (
    r"(^|[^a-z0-9])'[^'\n ]{1,60}'|(^|[^a-z0-9])\"[^\"\n ]{1,60}\"|`[^`\n]{1,60}`"
    r"|[a-z0-9+]+://[^ \n'\"]+|(^|[ =(:,'])(/[a-z0-9_.*@-]+){2,}"
)

# Codes that a service gives in JSON or its like: quoted, and no names.
_CODED = r"[\"']?([a-z_]{0,20}(?:code|error|reason|status|type|state))[\"']?( ?[:=] ?)[\"']([a-z0-9_. -]{1,60})[\"']"

# Packages of a class that announces a message, in lower-cased text.
_PACKAGE = r"(^|[^a-z0-9_.$])(?:[a-z_][a-z0-9_]*\.)+([a-z0-9_$]*(?:exception|error|failure|fault|warning))"

# A line of a stack: of the JVM, with or without its indent, of Python with the source that it echoes, of C++.
_FRAME = (
    r"\n(?:[ \t]+at |at [A-Za-z_$][A-Za-z0-9_.$<>/]*\(|[ \t]*File \"|[ \t]*\.\.\. [0-9]+ more|[^\n]{0,40}frame #[0-9]+: )"
    r"[^\n]*(?:\n    [^\n]*)?"
)

# Where Spark ran a task: numbers and hosts that are no words about what happened.
_TASK = r"\(TID [0-9]+[^)\n]*\)(?: \([^)\n]*\))?"

# Conditions that only say that something inside went wrong; what went wrong stands behind them.
_WRAPPERS = (
    r"\[(?:STREAM_FAILED|FAILED_EXECUTE_UDF|FAILED_FUNCTION_CALL|FAILED_JDBC"
    r"|FOREACH_BATCH_USER_FUNCTION_ERROR|FOREACH_USER_FUNCTION_ERROR|PYTHON_EXCEPTION|TASK_WRITE_FAILED"
    r"|FLATMAPGROUPSWITHSTATE_USER_FUNCTION_ERROR|TRANSFORM_WITH_STATE_USER_FUNCTION_ERROR|PIPELINE_RUN_FAILED"
    r"|STAGE_MATERIALIZATION_MULTIPLE_FAILURES|DATA_SOURCE_EXTERNAL_ERROR|PYTHON_DATA_SOURCE_ERROR|INTERNAL_ERROR"
    r"|PYTHON_STREAMING_DATA_SOURCE_RUNTIME_ERROR|DELTA_POST_COMMIT_HOOK_FAILED|JOB_RUN_FAILED|RUN_EXECUTION_ERROR"
    r")(?:\.[A-Z0-9_]+)*\]|\[FAILED_READ_FILE(?:\.NO_HINT)?\]"
)


def text(name: str) -> Column:
    """The column, blank for null, the middle of what is too long left out."""
    whole = F.coalesce(F.col(name), F.lit(""))
    return F.when(F.length(whole) <= _CUT, whole).otherwise(
        F.concat_ws("\n", F.expr(f"left({name}, {_HALF})"), F.expr(f"right({name}, {_HALF})"))
    )


def _last_line(text: Column) -> Column:
    return F.substring_index(F.rtrim(F.regexp_replace(text, "[ \n]+\\z", "")), "\n", -1)


def deepest(error: Column, trace: Column) -> Column:
    """What went wrong first, without frames.

    The last `Caused by` (not one inside `Suppressed`), what Python's `raise … from` names first, .NET's innermost
    exception, the error, else the last line of the trace.
    """
    whole = F.concat_ws("\n", error, trace)
    plain = F.when(F.trim(error) != "", error).otherwise(_last_line(trace))
    cause = (
        F.when(F.contains(whole, F.lit("\nCaused by: ")), F.substring_index(whole, "\nCaused by: ", -1))
        .when(
            F.contains(whole, F.lit("Caused by: ")) & ~F.contains(whole, F.lit("Suppressed: ")),
            F.substring_index(whole, "Caused by: ", -1),
        )
        .when(F.contains(whole, F.lit(_RAISED_FROM)), _last_line(F.substring_index(whole, _RAISED_FROM, 1)))
        .when(
            F.contains(whole, F.lit("xception: ")) & F.contains(whole, F.lit(_INNER)),
            F.substring_index(whole, _INNER, -1),
        )
        .otherwise(plain)
    )
    return F.substring(F.substring_index(cause, "\n\tat ", 1), 1, _CAUSE)


def spoken(cause: Column) -> Column:
    """The part of the cause that names it: its start, or the end of a Python traceback, whose last line speaks."""
    traced = F.contains(cause, F.lit("Traceback (most recent"))
    end = F.substring(cause, -_SPOKEN, _SPOKEN)
    return F.when(traced & (F.length(cause) > _SPOKEN), end).otherwise(F.substring(cause, 1, _SPOKEN))


def exception_class(words: Column) -> Column:
    """Class name of the exception that the words end on, with its packages; blank when they name none."""
    return F.regexp_extract(words, rf"(?s)^(?:.*[^A-Za-z0-9_.$])?({_CLASS})(?::|[ \n]|\z)", 1)


def condition(words: Column) -> Column:
    """First error condition in brackets that is no wrapper; blank when there is none."""
    first = F.when(F.contains(words, F.lit("[")), F.regexp_extract(words, _CONDITION, 1)).otherwise(F.lit(""))
    inner = F.regexp_extract(F.regexp_replace(words, _WRAPPERS, ""), _CONDITION, 1)
    return F.when(F.contains(words, F.lit("[")) & words.rlike(_WRAPPERS), inner).otherwise(first)


def sqlstate(whole: Column) -> Column:
    """As Spark, JDBC and ODBC write it; blank when there is none."""
    named = F.regexp_extract(whole, r"(?i)sql ?state[^A-Za-z0-9]{1,4}([0-9A-Z]{5})(?:[^A-Za-z0-9]|$)", 1)
    odbc = F.regexp_extract(whole, r"\[([0-9A-Z]{5})\] ?\[", 1)
    return (
        F.when(F.lower(whole).rlike("sql ?state"), F.upper(named))
        .when(F.contains(whole, F.lit("] [")) | F.contains(whole, F.lit("][")), odbc)
        .otherwise(F.lit(""))
    )


def without_frames(whole: Column) -> Column:
    """Stack frames and echoed source lines, which are indented, say where and not what."""
    return F.regexp_replace(whole, _FRAME, "")


def without_task_places(whole: Column) -> Column:
    """`(TID 429, host, executor 2)` is no HTTP status, and no executor that was lost."""
    return F.regexp_replace(whole, _TASK, "(TID …)")


def without_names(lowered: Column) -> Column:
    """A table called `permission_denied` is no refusal: what is quoted, addresses and paths give way to two quotes."""
    unquoted = F.regexp_replace(lowered, _CODED, "$1$2$3")
    return F.regexp_replace(unquoted, _NAMED, "$1$2$3''")


def without_packages(lowered: Column) -> Column:
    """`org.apache.spark.memory.SomeException` speaks by its own name: where a class lies is no word about what happened."""
    return F.regexp_replace(lowered, _PACKAGE, "$1$2")
