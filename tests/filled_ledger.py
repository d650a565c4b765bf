"""A schema that holds a month of jobmedic, made current, so that queries can name its tables without a schema."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.spark import Features
from jobmedic.knowledge.tables import tables, views
from tests.filled_tables import fill


@contextmanager
def filled(spark: SparkSession, features: Features, folder: Path) -> Generator[DeltaLedger]:
    ledger = DeltaLedger(spark, folder, features)
    fill(ledger)
    for name in [*tables(), *views()]:
        ledger.read(name)  # also makes views, and tables that nothing was written to, known to the session
    before = spark.catalog.currentDatabase()
    spark.sql(f"USE SCHEMA {ledger.home.place.schema}").collect()
    try:
        yield ledger
    finally:
        spark.sql(f"USE SCHEMA {before}").collect()
