"""What Spark says when a table cannot be read or written, in words for whoever has to mend it."""

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.errors import PySparkException

from jobmedic.ports.ledger import LedgerError

# Sail; then the error conditions and exception names of Delta Lake 3 and 4.
_CONFLICT = (
    "failed to commit transaction",
    "version already exists",
    "delta_concurrent",
    "concurrentappendexception",
    "concurrentdeletereadexception",
    "concurrentdeletedeleteexception",
    "concurrentwriteexception",
    "concurrenttransactionexception",
    "metadatachangedexception",
    "delta_metadata_changed",
    "protocolchangedexception",
    "delta_protocol_changed",
)

_FULL_DISK = ("no space left on device", "disk quota exceeded", "storage full", "storagefull", "os error 28")
_UNWRITABLE = ("read-only file system", "os error 30")

# First match wins: (words of the far end, what it means, what to do).
_EXPLAINED: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (_FULL_DISK, "the disk is full", "free some space and run it again; nothing written before is lost"),
    (_UNWRITABLE, "the file system is read-only", "choose another place with JOBMEDIC_TABLES"),
    (
        ("permission_denied", "insufficient_permissions", "insufficient privileges", "permission denied", "os error 13"),
        "permission is missing",
        "grant this principal read and write there, or choose another place with JOBMEDIC_TABLES",
    ),
    (
        ("no_such_catalog", "catalog_not_found", "nosuchcatalog", "schema_not_found", "nosuchdatabase"),
        "the catalog or schema does not exist",
        "create it, or choose another place with JOBMEDIC_TABLES",
    ),
    (
        ("table_or_view_not_found", "nosuchtable", "table not found", "delta_path_does_not_exist"),
        "it does not exist",
        "run: jobmedic tables upgrade",
    ),
    (
        (
            "invalid parquet", "parquet magic", "not a parquet file", "parquet error", "corrupt", "expected value at line",
            "jsonparse", "failed to parse", "invalid json", "missing commit file", "delta_log", "delta_state_recover", "delta_truncated", "delta_versions_not_contiguous",
            "eof while parsing", "cannot_read_file", "failed_read_file", "file_not_exist", "no such file", "os error 2", "not found",
        ),
        "its files are damaged or gone",
        "restore the folder of the table from a copy, or move it away and run: jobmedic tables upgrade",
    ),
    (("statuscode.unavailable", "connection refused", "session_closed"), "Spark has gone", "run it again"),
)  # fmt: skip


def is_conflict(error: BaseException) -> bool:
    """True when another writer's commit came first; never true for a commit that failed for want of disk."""
    text = _words(error)
    return any(mark in text for mark in _CONFLICT) and not any(mark in text for mark in _FULL_DISK)


def explain(error: Exception, doing: str) -> LedgerError:
    """`doing` names the table and its place, such as `writing decisions in /data/tables`."""
    text = _words(error)
    words = said(error)
    if is_conflict(error):
        return LedgerError(f"{doing}: other writers kept coming first; run it again when they are done ({words})")
    for marks, meaning, remedy in _EXPLAINED:
        if any(mark in text for mark in marks):
            return LedgerError(f"{doing}: {meaning}; {remedy} ({words})")
    return LedgerError(f"{doing}: {words}")


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turns whatever Spark raises inside into a LedgerError."""
    try:
        yield
    except LedgerError:
        raise
    except Exception as error:
        raise explain(error, doing) from error


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".lower()


def of_spark(error: BaseException) -> bool:
    """A session in the Java machine hands some of its errors through as py4j has them."""
    return isinstance(error, PySparkException) or type(error).__module__.startswith("py4j.")


def said(error: BaseException) -> str:
    """What it says first, in 300 characters at most; py4j says first which call it was, and then what happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    happened = (line.removeprefix(": ") for line in lines if line.startswith(": "))
    return next(happened, lines[0] if lines else type(error).__name__)[:300]
