"""One Spark for the whole run, of the kind that JOBMEDIC_SPARK names; sockets reach loopback alone (see pyproject.toml)."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

# Before anything imports a library that reads them.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ["TZ"] = "America/New_York"  # whoever forgets that times are UTC shall notice

import pytest
from pyspark.sql import SparkSession

from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.spark import FEATURES, Features, SparkKind, chosen_kind, open_session


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that ask for more time than others go first: begun last, one of them would keep a single worker busy at the end."""
    items.sort(key=lambda item: -max((mark.args[0] for mark in item.iter_markers("timeout")), default=0))


@pytest.fixture(autouse=True)
def log_as_found() -> Iterator[None]:
    """A command sets up the log of its whole process; within one test process the next test finds it as it was."""
    root, ours = logging.getLogger(), logging.getLogger("jobmedic")
    handlers, levels = list(root.handlers), (root.level, ours.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


@pytest.fixture(scope="session")
def spark_kind() -> SparkKind:
    return chosen_kind()


@pytest.fixture(scope="session")
def features(spark_kind: SparkKind) -> Features:
    return FEATURES[spark_kind]


@pytest.fixture(scope="session")
def spark(spark_kind: SparkKind) -> Iterator[SparkSession]:
    with open_session(spark_kind) as session:
        yield session


@pytest.fixture
def ledger(spark: SparkSession, features: Features, tmp_path: Path) -> DeltaLedger:
    """An empty ledger in a folder of the test's own."""
    return DeltaLedger(spark, tmp_path / "tables", features)
