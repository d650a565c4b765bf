"""The one place that knows which Spark runs: Sail in this process, Apache Spark with Delta Lake, or Databricks."""

import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TIME_ZONE = "spark.sql.session.timeZone"
# PySpark 4.1 and later look up who called, and whether IPython is there, at every function of every expression: a third
# of the driver's time where plans are large and data small (`_capture_call_site` in pyspark/errors/utils.py).
CALL_SITES = "spark.python.sql.dataFrameDebugging.enabled"


class SparkError(Exception):
    """No session can be had; the message says what is missing and what to do."""


class SparkKind(StrEnum):
    SAIL = "sail"
    CLASSIC = "classic"
    DATABRICKS = "databricks"


@dataclass(frozen=True, slots=True)
class Features:
    """What a kind of Spark can do beyond reading, appending and merging Delta tables."""

    catalogs: bool
    """Tables named `catalog.schema.table` outlive the process; otherwise they live in a folder."""
    add_columns: bool
    """ALTER TABLE ADD COLUMNS; otherwise an empty append that merges the schema."""
    cluster_by: bool
    optimize: bool
    """OPTIMIZE and VACUUM; otherwise small files are rewritten."""
    volumes: bool
    grants: bool
    table_properties: Mapping[str, str] = field(default_factory=dict)
    """Set on every table that is made."""


# Sail 0.7.2 has none of the statements. Delta Lake 4 knows CLUSTER BY, but asks for a newer table protocol for it,
# which other readers of a local folder need not know.
FEATURES: Mapping[SparkKind, Features] = {
    SparkKind.SAIL: Features(
        catalogs=False,
        add_columns=False,
        cluster_by=False,
        optimize=False,
        volumes=False,
        grants=False,
        # Its checksum files repeat the whole schema: 6 KB a commit, and no reader needs them.
        table_properties={"delta.writeChecksumFile.enabled": "false"},
    ),
    SparkKind.CLASSIC: Features(
        catalogs=False, add_columns=True, cluster_by=False, optimize=True, volumes=False, grants=False
    ),
    SparkKind.DATABRICKS: Features(
        catalogs=True, add_columns=True, cluster_by=True, optimize=True, volumes=True, grants=True
    ),
}


def chosen_kind(environ: Mapping[str, str] | None = None) -> SparkKind:
    """`JOBMEDIC_SPARK`, else what this installation has."""
    environ = os.environ if environ is None else environ
    asked = environ.get("JOBMEDIC_SPARK", "").strip().lower()
    if asked:
        if asked not in set(SparkKind):
            raise SparkError(f"JOBMEDIC_SPARK is {asked!r}; set it to {', '.join(SparkKind)}, or leave it out")
        return SparkKind(asked)
    if "DATABRICKS_RUNTIME_VERSION" in environ:
        return SparkKind.DATABRICKS
    return SparkKind.SAIL if find_spec("pysail") else SparkKind.CLASSIC


@contextmanager
def open_session(kind: SparkKind | None = None) -> Generator["SparkSession"]:
    """A session whose times are UTC. One that was there before, as Databricks lends it, is used and stays open."""
    opener = {SparkKind.SAIL: _sail, SparkKind.CLASSIC: _classic, SparkKind.DATABRICKS: _databricks}
    _tell_that_this_is_no_doctest()
    with opener[kind or chosen_kind()]() as session:
        yield session


def _tell_that_this_is_no_doctest() -> None:
    """Without it, a process started by `python -c` ends with "Could not find valid SPARK_HOME".

    PySpark's Connect client (`check_dependencies` in pyspark/sql/connect/utils.py) takes a main module that has neither a
    file nor a spec for its own doctests. Programs that start wheel tasks start them so.
    """
    main = sys.modules["__main__"]
    if main.__spec__ is None and not hasattr(main, "__file__"):
        main.__spec__ = ModuleSpec("__main__", None)


@contextmanager
def _sail() -> Generator["SparkSession"]:
    os.environ.setdefault("RUST_LOG", "off")  # else each failed query is logged beside the error that it raises
    try:
        from pysail.spark import SparkConnectServer
    except ImportError as error:
        raise SparkError("Sail is not installed; run: pip install 'jobmedic[local]'") from error
    from pyspark.sql import SparkSession

    from jobmedic.edges.unread_answers import ask_again_when_unread

    server = SparkConnectServer(ip="127.0.0.1", port=0)
    server.start(background=True)
    try:
        host, port = server.listening_address or ("127.0.0.1", 0)  # never None once it was started
        session = SparkSession.builder.remote(f"sc://{host}:{port}").create()
        ask_again_when_unread(session)
        session.conf.set(TIME_ZONE, "UTC")
        session.conf.set(CALL_SITES, "false")
        try:
            yield session
        finally:
            session.stop()
    finally:
        server.stop()  # a process that forked since may hang at its exit if the server still runs


@contextmanager
def _classic() -> Generator["SparkSession"]:
    if not (shutil.which("java") or "JAVA_HOME" in os.environ):
        raise SparkError("Apache Spark needs Java 17; install it, or set JOBMEDIC_SPARK=sail")
    if not find_spec("delta"):
        raise SparkError(
            "Delta Lake is not installed; run: pip install 'jobmedic[classic]' in an environment of its own"
        )
    from pyspark.sql import SparkSession

    from jobmedic.edges import delta_jars

    if before := _opened_by_others(
        SparkSession
    ):  # a Java machine holds one: another one would be the same, and stop it
        with _in_utc(before) as lent:
            yield lent
        return
    warehouse = tempfile.mkdtemp(prefix="jobmedic-warehouse-")
    try:
        session = delta_jars.build_session(Path(warehouse))
        try:
            yield session
        finally:
            session.stop()
    finally:
        shutil.rmtree(warehouse, ignore_errors=True)


@contextmanager
def _databricks() -> Generator["SparkSession"]:
    from pyspark.sql import SparkSession

    with _in_utc(SparkSession.getActiveSession() or _connected()) as session:
        yield session


@contextmanager
def _in_utc(lent: "SparkSession") -> Generator["SparkSession"]:
    before = lent.conf.get(TIME_ZONE)
    lent.conf.set(TIME_ZONE, "UTC")
    try:
        yield lent
    finally:
        if before:
            lent.conf.set(TIME_ZONE, before)  # a notebook goes on with its own


def _opened_by_others(sessions: type["SparkSession"]) -> "SparkSession | None":
    """In this process, whatever the thread."""
    from pyspark.errors import PySparkRuntimeError

    try:
        return sessions.active()
    except PySparkRuntimeError:
        return None


def _connected() -> "SparkSession":
    from pyspark.sql import SparkSession

    if "DATABRICKS_RUNTIME_VERSION" not in os.environ:
        try:
            from databricks.connect import DatabricksSession  # type: ignore[import-untyped,unused-ignore]
        except ImportError as error:
            raise SparkError(
                "no Databricks session here; run this on Databricks, install databricks-connect, or set JOBMEDIC_SPARK=sail"
            ) from error
        session: SparkSession = DatabricksSession.builder.getOrCreate()
    else:
        session = SparkSession.builder.getOrCreate()
    return session
