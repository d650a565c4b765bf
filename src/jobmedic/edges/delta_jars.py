"""Apache Spark with Delta Lake in this machine's Java, its jars kept in a folder of jobmedic's own.

Spark's resolver looks into `~/.m2` first and fails where that holds the description of a module without its jar,
so it gets settings that know Maven Central alone, and a cache of its own. The second start takes the jars from there
and needs no network.
"""

import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# The resolver knows Maven Central by itself when it is given no address.
_IVY_SETTINGS = """<ivysettings>
  <settings defaultResolver="central"/>
  <resolvers><ibiblio name="central" m2compatible="true"/></resolvers>
</ivysettings>
"""

_OPTIONS: dict[str, bool | float | int | str | None] = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    "spark.python.sql.dataFrameDebugging.enabled": "false",  # see CALL_SITES in edges/spark.py
    # The defaults, 200 and 50, make a merge of ten rows take minutes; a laptop's tables are small enough for one.
    "spark.sql.shuffle.partitions": "1",
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.log.level": "OFF",
    # Two commits a VACUUM that say it took place.
    "spark.databricks.delta.vacuum.logging.enabled": "false",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


def build_session(warehouse: Path) -> "SparkSession":
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[*]").appName("jobmedic").config(map=_OPTIONS)
    builder = builder.config("spark.sql.warehouse.dir", str(warehouse))
    folder = _folder()
    complete = folder / "complete"
    if complete.exists():
        jars = ",".join(str(jar) for jar in sorted((folder / "jars").glob("*.jar")))
        return builder.config("spark.jars", jars).getOrCreate()
    settings = folder / "ivysettings.xml"
    settings.write_text(_IVY_SETTINGS, encoding="utf-8")
    builder = builder.config("spark.jars.ivy", str(folder)).config("spark.jars.ivySettings", str(settings))
    session = builder.config("spark.jars.packages", _artifact()).getOrCreate()
    complete.touch()
    return session


def _folder() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "jobmedic" / _artifact().replace(":", "_")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _artifact() -> str:
    spark = ".".join(version("pyspark").split(".")[:2])
    return f"io.delta:delta-spark_{spark}_2.13:{version('delta-spark')}"
