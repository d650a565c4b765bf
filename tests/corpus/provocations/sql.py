"""SQL and DataFrames that fail: the same failures on Sail and on Apache Spark, as `PROVOKE_ENGINE` says."""

import logging
import os
import shutil
import sys
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from provocations.registry import WORK, failure, several

MAIL, RETRY, CHANGED, CALL = "send_email", "retry", "retry_with_new_params", "escalate"
ENGINE = os.environ.get("PROVOKE_ENGINE", "sail")
LAKE = WORK / f"lake-{ENGINE}"
shutil.rmtree(LAKE, ignore_errors=True)
LAKE.mkdir(parents=True)


KEPT: list[object] = []  # the embedded server stops when nobody holds it
os.environ["PYSPARK_PYTHON"] = sys.executable
logging.disable(logging.CRITICAL)


def sail() -> SparkSession:
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer(ip="127.0.0.1", port=0)
    KEPT.append(server)
    server.start(background=True)
    host, port = server.listening_address
    return SparkSession.builder.remote(f"sc://{host}:{port}").getOrCreate()


def classic() -> SparkSession:
    jars = ",".join(str(jar) for jar in Path(os.environ["PROVOKE_JARS"]).glob("*.jar"))
    settings = {
        "spark.jars": jars,
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(WORK / "warehouse"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.driver.memory": "1g",
        "spark.driver.maxResultSize": "8m",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": f"-Dderby.system.home={WORK / 'derby'}",
    }
    builder = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


spark = sail() if ENGINE == "sail" else classic()
spark.conf.set("spark.sql.ansi.enabled", "true")
if ENGINE != "sail":
    spark.sparkContext.setLogLevel("OFF")


def run(text: str) -> object:
    return spark.sql(text).collect()


def table(name: str, text: str) -> Path:
    path = LAKE / name
    if not path.exists():
        spark.sql(text).write.format("delta").save(str(path))
    return path


def lines(name: str, *texts: str) -> str:
    path = LAKE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(texts))
    return str(path)


ORDERS = table("orders", "select 1 id, 'a' name, 9.5D amount union all select 2, 'b', 1D")
spark.read.format("delta").load(str(ORDERS)).createOrReplaceTempView("orders")


def append(text: str) -> object:
    return spark.sql(text).write.format("delta").mode("append").save(str(ORDERS))


def merge() -> object:
    run(f"create table if not exists target using delta location '{ORDERS}'")
    return run(
        "merge into target t using (select 1 id, 'x' name union all select 1, 'y') s on t.id = s.id "
        "when matched then update set name = s.name"
    )


def constrained(*statements: str) -> object:
    for statement in statements:
        run(statement.replace("LAKE", str(LAKE)))
    return None


NOT_NULL = (
    "create table strict (id int not null, name string) using delta location 'LAKE/strict'",
    "insert into strict values (null, 'x')",
)
ROUTE = "select cast(value as int) from values ('12'), ('n/a') as t(value)"

several(
    [
        ("a misspelt keyword", "syntax", MAIL, (), lambda: run("selct * from orders")),
        ("a missing parenthesis", "syntax", MAIL, (), lambda: run("select count( from orders")),
        ("a comma too many", "syntax", MAIL, (), lambda: run("select id,, name from orders")),
        ("an unfinished statement", "syntax", MAIL, (), lambda: run("select * from orders where")),
        ("a column that does not exist", "syntax", MAIL, (), lambda: run("select customer from orders")),
        (
            "a column that does not exist, by DataFrame",
            "syntax",
            MAIL,
            ("user_code",),
            lambda: spark.table("orders").select("custmer").collect(),
        ),
        (
            "a field of a struct that does not exist",
            "syntax",
            MAIL,
            (),
            lambda: run("select s.c from (select named_struct('a', 1) s)"),
        ),
        (
            "a function that does not exist",
            "syntax",
            MAIL,
            ("dependency",),
            lambda: run("select to_roman(id) from orders"),
        ),
        (
            "a function with too few arguments",
            "syntax",
            MAIL,
            (),
            lambda: run("select substring_index(name) from orders"),
        ),
        ("a sum of names", "syntax", MAIL, ("data_quality",), lambda: run("select array(1) + map(1, 2)")),
        (
            "a column neither grouped nor aggregated",
            "syntax",
            MAIL,
            (),
            lambda: run("select id, name, sum(amount) from orders group by id"),
        ),
        ("an aggregate in a filter", "syntax", MAIL, (), lambda: run("select id from orders where sum(amount) > 1")),
        (
            "an ambiguous column",
            "syntax",
            MAIL,
            (),
            lambda: run("select id from orders a join orders b on a.id = b.id"),
        ),
        ("a union of unequal width", "syntax", MAIL, ("data_quality",), lambda: run("select 1, 2 union all select 1")),
        (
            "a window function without its order",
            "syntax",
            MAIL,
            (),
            lambda: run("select lag(id) over (partition by name) from orders"),
        ),
        ("a column of an alias that is not there", "syntax", MAIL, (), lambda: run("select x.id from orders o")),
        (
            "an insert of too many values",
            "syntax",
            MAIL,
            ("data_quality",),
            lambda: constrained(
                "create table narrow (id int) using delta location 'LAKE/narrow'", "insert into narrow values (1, 2)"
            ),
        ),
        (
            "a subquery of many rows for one value",
            "data_quality",
            MAIL,
            ("user_code", "syntax"),
            lambda: run("select (select id from orders)"),
        ),
        ("a table that does not exist", "data_not_found", MAIL, (), lambda: run("select * from sales_2023")),
        (
            "a table of a schema that does not exist",
            "data_not_found",
            MAIL,
            (),
            lambda: run("select * from gold.sales"),
        ),
        (
            "a schema that does not exist",
            "data_not_found",
            MAIL,
            ("configuration",),
            lambda: run("use schema gold_layer" if ENGINE == "sail" else "use gold_layer"),
        ),
        (
            "a view that does not exist is dropped",
            "data_not_found",
            MAIL,
            ("syntax",),
            lambda: run("drop view v_sales"),
        ),
        (
            "a path that does not exist",
            "data_not_found",
            MAIL,
            (),
            lambda: spark.read.parquet(f"{LAKE}/landing/2024").collect(),
        ),
        (
            "a JSON path that does not exist",
            "data_not_found",
            MAIL,
            (),
            lambda: spark.read.json(f"{LAKE}/landing/j").collect(),
        ),
        (
            "a Delta table that is none",
            "data_not_found",
            MAIL,
            ("configuration", "data_quality"),
            lambda: spark.read.format("delta").load(lines("plain/a.txt", "x").rsplit("/", 1)[0]).collect(),
        ),
        (
            "a Delta version that does not exist",
            "data_not_found",
            MAIL,
            (),
            lambda: spark.read.format("delta").option("versionAsOf", 99).load(str(ORDERS)).collect(),
        ),
        ("a word cast to a number", "data_quality", MAIL, (), lambda: run(ROUTE)),
        ("a word cast to a date", "data_quality", MAIL, (), lambda: run("select cast('2024-13-45' as date)")),
        (
            "an addition that overflows",
            "data_quality",
            MAIL,
            (),
            lambda: run("select id + 2147483647 from (select cast(id as int) id from orders)"),
        ),
        (
            "a cast that overflows",
            "data_quality",
            MAIL,
            (),
            lambda: run("select cast(300 + id as tinyint) from orders"),
        ),
        ("a division by zero", "data_quality", MAIL, ("user_code",), lambda: run("select 1 / (id - 1) from orders")),
        (
            "an array index out of bounds",
            "data_quality",
            MAIL,
            ("user_code",),
            lambda: run("select array(1, 2)[id + 5] from orders"),
        ),
        (
            "an element of an array out of bounds",
            "data_quality",
            MAIL,
            ("user_code",),
            lambda: run("select element_at(array(1), cast(id as int) + 5) from orders"),
        ),
        (
            "a date that does not parse",
            "data_quality",
            MAIL,
            (),
            lambda: run("select to_date('31/12/2024', 'yyyy-MM-dd')"),
        ),
        (
            "a timestamp that does not parse",
            "data_quality",
            MAIL,
            (),
            lambda: run("select to_timestamp(name, 'yyyy-MM-dd') from orders"),
        ),
        (
            "a check in SQL",
            "data_quality",
            MAIL,
            ("user_code",),
            lambda: run("select raise_error('12 orders without customer')"),
        ),
        (
            "an assertion in SQL",
            "data_quality",
            MAIL,
            ("user_code",),
            lambda: run("select assert_true(amount > 5) from orders"),
        ),
        (
            "a map with a key twice",
            "data_quality",
            MAIL,
            ("user_code",),
            lambda: run("select map(id, 1, id, 2) from orders"),
        ),
        (
            "an append of other columns",
            "data_quality",
            MAIL,
            (),
            lambda: append("select 3 id, 'c' name, 1D amount, 'x' region"),
        ),
        (
            "an append of another type",
            "data_quality",
            MAIL,
            (),
            lambda: append("select array(1) id, 'c' name, 1D amount"),
        ),
        ("a merge with two sources for one row", "data_quality", MAIL, (), merge),
        ("a null where none may be", "data_quality", MAIL, (), lambda: constrained(*NOT_NULL)),
        (
            "a parquet that is none",
            "data_quality",
            MAIL,
            (),
            lambda: spark.read.parquet(lines("bad.parquet", "hello" * 9)).collect(),
        ),
        (
            "JSON that is none, failing fast",
            "data_quality",
            MAIL,
            (),
            lambda: (
                spark.read.schema("id int")
                .option("mode", "FAILFAST")
                .json(lines("bad.json", '{"id": 1', "x"))
                .collect()
            ),
        ),
        (
            "CSV with a word for a number, failing fast",
            "data_quality",
            MAIL,
            (),
            lambda: spark.read.schema("id int").option("mode", "FAILFAST").csv(lines("bad.csv", "1", "n/a")).collect(),
        ),
        (
            "an unknown data source",
            "configuration",
            MAIL,
            ("dependency", "syntax", "user_code"),
            lambda: spark.read.format("exceel").load("x").collect(),
        ),
        (
            "a storage scheme that nobody serves",
            "configuration",
            MAIL,
            ("dependency", "user_code"),
            lambda: spark.read.parquet("lake://raw/orders").collect(),
        ),
        (
            "a save to a path that is taken",
            "user_code",
            MAIL,
            ("configuration", "data_quality", "concurrency"),
            lambda: spark.table("orders").write.format("parquet").mode("error").save(str(ORDERS)),
        ),
        (
            "a table that is there already",
            "user_code",
            MAIL,
            ("configuration", "concurrency", "syntax"),
            lambda: constrained(
                "create table twice (id int) using delta location 'LAKE/twice'",
                "create table twice (id int) using delta location 'LAKE/twice2'",
            ),
        ),
        (
            "a column name that Delta refuses",
            "data_quality",
            MAIL,
            ("syntax", "user_code", "configuration"),
            lambda: spark.sql("select 1 `a b`").write.format("delta").save(f"{LAKE}/odd"),
        ),
        (
            "rows that do not fit their schema",
            "user_code",
            MAIL,
            ("data_quality",),
            lambda: spark.createDataFrame([("x",)], "id int").collect(),
        ),
        ("a list where a column is wanted", "user_code", MAIL, ("syntax",), lambda: F.col(["a"])),  # type: ignore[arg-type]
        ("a condition that is no column", "user_code", MAIL, ("syntax",), lambda: spark.table("orders").filter(3)),  # type: ignore[arg-type]
        ("a column used as if it were true", "user_code", MAIL, ("syntax",), lambda: bool(F.col("id") > 1)),
        (
            "a save mode that does not exist",
            "configuration",
            MAIL,
            ("user_code", "syntax"),
            lambda: spark.table("orders").write.mode("upsert").save(f"{LAKE}/m"),
        ),
        (
            "an invalid regular expression",
            "user_code",
            MAIL,
            ("syntax", "data_quality"),
            lambda: run("select regexp_extract(name, '(', 1) from orders"),
        ),
    ],
    platform="spark",
    engine=ENGINE,
)


@failure(
    "a Python function that fails on a row", "user_code", MAIL, also=("data_quality",), platform="spark", engine=ENGINE
)
def udf_key_error() -> object:
    rates = {"a": 1.0}
    return spark.sql("select 'b' name, 2L id").select(F.udf(lambda name: rates[name], "double")("name")).collect()


@failure(
    "a Python function that gets a null", "user_code", MAIL, also=("data_quality",), platform="spark", engine=ENGINE
)
def udf_null() -> object:
    return spark.sql("select cast(null as string) x").select(F.udf(lambda x: x.upper(), "string")("x")).collect()


@failure("a Python function that needs a missing module", "dependency", MAIL, also=(), platform="spark", engine=ENGINE)
def udf_import() -> object:
    def score(x: object) -> float:
        import acme_scoring

        return float(acme_scoring.score(x))

    return spark.sql("select 'b' name, 2L id").select(F.udf(score, "double")("id")).collect()
