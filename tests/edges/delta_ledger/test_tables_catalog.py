"""A catalog's schema, as Databricks has them, on the Spark at hand: what only Databricks understands is noted and left out."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from pyspark.sql import SparkSession

from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.delta_ledger.upgrade import upgrade
from jobmedic.edges.delta_ledger.upkeep import maintain
from jobmedic.edges.frames import rows_of
from jobmedic.edges.spark import FEATURES, SparkKind
from jobmedic.knowledge.tables import tables, views

NOW = datetime(2026, 3, 1, tzinfo=UTC)
_TABLE = re.compile(r"(CREATE TABLE .*?`(\w+)` \(.*\) USING delta)( CLUSTER BY \([^)]*\))?", re.DOTALL)
_DATABRICKS_ALONE = ("CREATE VOLUME", "GRANT", "OPTIMIZE", "VACUUM")


class UnityLike:
    """A session that takes Databricks' statements."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self._spark = spark
        self._folder = folder
        self.statements: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._spark, name)

    def sql(self, statement: str, **frames: Any) -> Any:
        self.statements.append(statement)
        if statement.startswith(_DATABRICKS_ALONE):
            return self._spark.range(0)
        return self._spark.sql(_TABLE.sub(rf"\1 LOCATION '{self._folder}/\2'", statement), **frames)

    def said(self, start: str) -> list[str]:
        return [statement for statement in self.statements if statement.startswith(start)]


@pytest.fixture
def catalog(spark: SparkSession) -> str:
    return str(spark.catalog.currentCatalog())


@pytest.fixture
def unity(spark: SparkSession, tmp_path: Path, catalog: str) -> Iterator[UnityLike]:
    yield UnityLike(spark, tmp_path)
    spark.sql(f"DROP SCHEMA IF EXISTS {catalog}.care CASCADE").collect()


def new_ledger(unity: UnityLike, catalog: str) -> DeltaLedger:
    return DeltaLedger(cast("SparkSession", unity), f"{catalog}.care", FEATURES[SparkKind.DATABRICKS])


def test_everything_is_made_shared_and_clustered(unity: UnityLike, catalog: str) -> None:
    upgrade(new_ledger(unity, catalog), now=NOW, analysts="data analysts")
    schema = f"`{catalog}`.`care`"
    assert len(unity.said("CREATE TABLE")) == len(tables())
    assert [s for s in unity.said("CREATE TABLE") if "`decisions`" in s and "CLUSTER BY (job_id)" in s]
    assert all("'delta.logRetentionDuration' = 'interval 30 days'" in s for s in unity.said("CREATE TABLE"))
    assert len(unity.said("CREATE OR REPLACE VIEW")) == len(views())
    assert unity.said("CREATE VOLUME")[0].startswith(f"CREATE VOLUME IF NOT EXISTS {schema}.`files` COMMENT")
    assert unity.said("GRANT") == [
        f"GRANT USE SCHEMA, SELECT, READ VOLUME ON SCHEMA {schema} TO `data analysts`",
        f"GRANT MODIFY ON TABLE {schema}.`feedback` TO `data analysts`",
    ]


def test_a_second_deployment_says_nothing_but_what_is_there(unity: UnityLike, catalog: str) -> None:
    upgrade(new_ledger(unity, catalog), now=NOW)
    unity.statements.clear()
    assert upgrade(new_ledger(unity, catalog), now=NOW).changes == ()
    assert unity.statements == []


def test_naming_the_analysts_later_grants_to_them(unity: UnityLike, catalog: str) -> None:
    upgrade(new_ledger(unity, catalog), now=NOW)
    assert unity.said("GRANT") == []
    report = upgrade(new_ledger(unity, catalog), now=datetime(2026, 3, 2, tzinfo=UTC), analysts="a`b")
    assert report.changes[-1] == "granted a`b reading, and writing of feedback"
    assert unity.said("GRANT")[0].endswith("TO `a``b`")


def test_who_names_no_analysts_leaves_the_tables_and_the_grants_alone(unity: UnityLike, catalog: str) -> None:
    upgrade(new_ledger(unity, catalog), now=NOW, analysts="data analysts")
    unity.statements.clear()
    notebook = upgrade(new_ledger(unity, catalog), now=datetime(2026, 3, 2, tzinfo=UTC))
    assert (notebook.changes, unity.statements) == ((), [])
    assert (
        upgrade(new_ledger(unity, catalog), now=datetime(2026, 3, 3, tzinfo=UTC), analysts="data analysts").changes
        == ()
    )


def test_views_are_read_as_they_stand_in_the_catalog(unity: UnityLike, catalog: str) -> None:
    first = new_ledger(unity, catalog)
    upgrade(first, now=NOW)
    first.merge("incidents", first.frame("incidents", [{"incident_id": "i", "status": "open", "opened_at": NOW}]))
    unity.statements.clear()
    assert len(rows_of(new_ledger(unity, catalog).read("v_open_incidents"))) == 1
    assert unity.statements == []


def test_upkeep_is_the_platforms_own(unity: UnityLike, catalog: str) -> None:
    ledger = new_ledger(unity, catalog)
    upgrade(ledger, now=NOW)
    maintain(ledger)
    assert len(unity.said("OPTIMIZE")) == len(unity.said("VACUUM")) == len(tables())
