"""Failures that only Apache Spark has: Delta conflicts, streams, limits of the driver, workers that die."""

import os
import shutil
import threading
import time
from collections.abc import Callable

from pyspark.sql import functions as F

from provocations import server
from provocations.registry import REGISTRY, several
from provocations.sql import LAKE, lines, spark

REGISTRY.clear()  # those of `sql` are another module's
MAIL, RETRY, CHANGED, CALL = "send_email", "retry", "retry_with_new_params", "escalate"
DEAD = server.dead_port()


def delta(name: str) -> str:
    path = str(LAKE / name)
    shutil.rmtree(path, ignore_errors=True)
    spark.range(4).selectExpr("id", "cast(id as string) name").repartition(1).write.format("delta").save(path)
    return path


def meanwhile(path: str, slow: str, quick: str, property_: str = "") -> object:
    """A slow statement whose table another writer changes before it commits."""
    if property_:
        spark.sql(f"alter table delta.`{path}` set tblproperties ({property_})")
    spark.udf.register("slowly", slowly(), "long")
    timer = threading.Timer(2.5, lambda: spark.sql(quick.format(t=f"delta.`{path}`")))
    timer.start()
    try:
        return spark.sql(slow.format(t=f"delta.`{path}`")).collect()
    finally:
        timer.join()


def slowly() -> Callable[[int], int]:
    """A function that takes four seconds a row; nested, so that workers get it by value."""

    def run(value: int) -> int:
        import time as clock

        clock.sleep(4)
        return value

    return run


MERGE = (
    "merge into {t} t using (select slowly(2) id, 'm' name) s on t.id = s.id when matched then update set name = 'm'"
)


def stream(name: str, checkpoint: str) -> object:
    spark.conf.set("spark.sql.streaming.stopActiveRunOnRestart", "false")
    rows = spark.readStream.format("rate").load()
    return rows.writeStream.format("noop").queryName(name).option("checkpointLocation", str(LAKE / checkpoint)).start()


def twice_streamed(one: str, two: str, checkpoint_two: str) -> object:
    first = stream(one, "cp-1")
    try:
        time.sleep(1)
        return stream(two, checkpoint_two).awaitTermination(20)
    finally:
        for query in spark.streams.active:
            query.stop()
        del first


def vanished() -> object:
    path = LAKE / "vanishing"
    spark.range(4).repartition(1).write.mode("overwrite").parquet(str(path))
    rows = spark.read.parquet(str(path))
    for part in path.glob("*.parquet"):
        part.unlink()
    return rows.collect()


def cut_short() -> object:
    path = LAKE / "cut"
    spark.range(9999).repartition(1).write.mode("overwrite").parquet(str(path))
    rows = spark.read.parquet(str(path))
    part = next(path.glob("part*"))
    part.write_bytes(part.read_bytes()[:600])
    for checksum in path.glob(".*.crc"):
        checksum.unlink()
    return rows.collect()


def other_type() -> object:
    path = str(LAKE / "typed")
    spark.sql("select 'x' id").write.mode("overwrite").parquet(path)
    return spark.read.schema("id timestamp").parquet(path).collect()


def cancelled() -> object:
    context = spark.sparkContext
    threading.Timer(3, lambda: context.cancelJobGroup("nightly")).start()
    context.setJobGroup("nightly", "load", interruptOnCancel=True)
    return spark.range(1).select(F.udf(slowly(), "long")("id")).collect()


def with_conf(name: str, value: str, run: object) -> object:
    before = spark.conf.get(name, None)
    spark.conf.set(name, value)
    try:
        return run()  # type: ignore[operator]
    finally:
        spark.conf.unset(name) if before is None else spark.conf.set(name, before)


def broadcast() -> object:
    slow = spark.range(1).select(F.udf(slowly(), "long")("id").alias("id"))
    return with_conf(
        "spark.sql.adaptive.enabled", "false", lambda: spark.range(5).join(F.broadcast(slow), "id").collect()
    )


def jdbc(url: str, table: str = "orders", **options: str) -> object:
    return spark.read.format("jdbc").options(url=url, dbtable=table, **options).load().collect()


def checked() -> object:
    path = delta("checked")
    spark.sql(f"alter table delta.`{path}` add constraint small check (id < 100)")
    return spark.sql(f"insert into delta.`{path}` values (300, 'x')").collect()


several(
    [
        (
            "a merge whose table another writer deletes from",
            "concurrency",
            RETRY,
            (),
            lambda: meanwhile(delta("c1"), MERGE, "delete from {t} where id = 2"),
        ),
        (
            "a merge whose table another writer overwrites",
            "concurrency",
            RETRY,
            (),
            lambda: meanwhile(delta("c2"), MERGE, "insert overwrite {t} values (9, 'z')"),
        ),
        (
            "an update whose table another writer appends to, serializable",
            "concurrency",
            RETRY,
            (),
            lambda: meanwhile(
                delta("c3"), MERGE, "insert into {t} values (9, 'z')", "'delta.isolationLevel' = 'Serializable'"
            ),
        ),
        (
            "a merge whose table gets another column",
            "concurrency",
            RETRY,
            (),
            lambda: meanwhile(delta("c4"), MERGE, "alter table {t} add columns (x int)"),
        ),
        (
            "a merge whose table gets another protocol",
            "concurrency",
            RETRY,
            (),
            lambda: meanwhile(
                delta("c5"),
                MERGE,
                "alter table {t} set tblproperties ('delta.enableDeletionVectors' = 'true', 'delta.enableChangeDataFeed' = 'true')",
            ),
        ),
        (
            "two streams of one name",
            "concurrency",
            MAIL,
            ("user_code", "configuration", RETRY),
            lambda: twice_streamed("load", "load", "cp-2"),
        ),
        (
            "two streams with one checkpoint",
            "concurrency",
            RETRY,
            (MAIL, "configuration", "user_code"),
            lambda: twice_streamed("one", "two", "cp-1"),
        ),
        (
            "a stream that aggregates without a watermark",
            "syntax",
            MAIL,
            (),
            lambda: (
                spark.readStream.format("rate")
                .load()
                .groupBy("value")
                .count()
                .writeStream.outputMode("append")
                .format("noop")
                .option("checkpointLocation", str(LAKE / "cp-3"))
                .start()
            ),
        ),
        (
            "a batch action on a stream",
            "syntax",
            MAIL,
            ("user_code",),
            lambda: spark.readStream.format("rate").load().collect(),
        ),
        ("a file that vanishes while it is read", "data_not_found", MAIL, (RETRY,), vanished),
        ("a parquet file cut short", "data_quality", MAIL, (), cut_short),
        ("a parquet column of another type", "data_quality", MAIL, (), other_type),
        ("a check that a row breaks", "data_quality", MAIL, (), checked),
        ("a job that a person cancels", "cancelled", "ignore", (), cancelled),
        (
            "a broadcast that takes too long",
            "timeout",
            CHANGED,
            (RETRY,),
            lambda: with_conf("spark.sql.broadcastTimeout", "1", broadcast),
        ),
        (
            "a result larger than the driver takes",
            "resource",
            CHANGED,
            (MAIL,),
            lambda: spark.range(400000).selectExpr("repeat(uuid(), 9) x").collect(),
        ),
        (
            "a Python worker that is killed",
            "resource",
            CHANGED,
            (RETRY, "infrastructure"),
            lambda: spark.range(1).select(F.udf(lambda _: os.kill(os.getpid(), 9), "string")("id")).collect(),
        ),
        (
            "a setting with a wrong value",
            "configuration",
            MAIL,
            (),
            lambda: spark.conf.set("spark.sql.shuffle.partitions", "many"),
        ),
        (
            "a setting that cannot change at run time",
            "configuration",
            MAIL,
            (),
            lambda: spark.conf.set("spark.sql.warehouse.dir", "/srv"),
        ),
        (
            "a setting of the context that cannot change",
            "configuration",
            MAIL,
            (),
            lambda: spark.conf.set("spark.executor.memory", "9g"),
        ),
        ("a setting that was never made", "configuration", MAIL, (), lambda: spark.conf.get("spark.etl.target")),
        (
            "a time zone that does not exist",
            "configuration",
            MAIL,
            (),
            lambda: spark.conf.set("spark.sql.session.timeZone", "Europe/Atlantis"),
        ),
        (
            "Azure storage without an account key",
            "configuration",
            MAIL,
            ("permission",),
            lambda: spark.read.parquet("abfss://raw@lakeaccount.dfs.core.windows.net/orders").collect(),
        ),
        (
            "Google storage without its library",
            "configuration",
            MAIL,
            ("dependency",),
            lambda: spark.read.parquet("gs://lake/orders").collect(),
        ),
        (
            "a database at a dead port, by Spark",
            "network",
            RETRY,
            (),
            lambda: jdbc(f"jdbc:postgresql://127.0.0.1:{DEAD}/x", driver="org.postgresql.Driver"),
        ),
        (
            "a database without a driver, by Spark",
            "dependency",
            MAIL,
            ("configuration",),
            lambda: jdbc("jdbc:oracle:thin:@db:1521/x"),
        ),
        (
            "a table that the database lacks, by Spark",
            "data_not_found",
            MAIL,
            (),
            lambda: jdbc("jdbc:h2:mem:z", driver="org.h2.Driver"),
        ),
        (
            "a driver class that is missing, by Spark",
            "dependency",
            MAIL,
            (),
            lambda: jdbc("jdbc:mysql://db/x", driver="com.mysql.cj.jdbc.Driver"),
        ),
        (
            "Kafka at a dead port, by Spark",
            "timeout",
            RETRY,
            ("network", "configuration", MAIL),
            lambda: (
                spark.read.format("kafka")
                .options(
                    **{
                        "kafka.bootstrap.servers": f"127.0.0.1:{DEAD}",
                        "subscribe": "orders",
                        "kafka.request.timeout.ms": "1000",
                        "kafka.default.api.timeout.ms": "1000",
                        "fetchOffset.numRetries": "0",
                    }
                )
                .load()
                .collect()
            ),
        ),
        (
            "Kafka without its brokers, by Spark",
            "configuration",
            MAIL,
            ("user_code", "syntax"),
            lambda: spark.read.format("kafka").option("subscribe", "x").load(),
        ),
        (
            "a Java function of a missing class",
            "dependency",
            MAIL,
            (),
            lambda: spark.udf.registerJavaFunction("f", "com.acme.Roman"),
        ),
        (
            "a method that the JVM object lacks",
            "dependency",
            MAIL,
            ("user_code",),
            lambda: spark._jsparkSession.optimizeAll(),
        ),
        (
            "a null in the JVM, by Py4J",
            "user_code",
            MAIL,
            (),
            lambda: spark._jvm.java.util.Objects.requireNonNull(None),
        ),
        ("a corrupt Delta log", "data_quality", CALL, (MAIL, "infrastructure"), lambda: corrupt_log()),
        ("a Delta log that starts too late", "data_not_found", CALL, (MAIL, "data_quality"), lambda: late_log()),
        (
            "rows too long for the CSV parser",
            "data_quality",
            MAIL,
            ("resource", "configuration", CHANGED),
            lambda: (
                spark.read.option("maxCharsPerColumn", 50)
                .option("mode", "FAILFAST")
                .csv(lines("long.csv", "x" * 500))
                .collect()
            ),
        ),
        (
            "a session that was stopped",
            "user_code",
            MAIL,
            ("infrastructure", "cancelled", RETRY, CALL),
            lambda: stopped(),
        ),
        (
            "a driver JVM that is killed",
            "infrastructure",
            RETRY,
            ("network", "resource", CHANGED),
            lambda: killed_driver(),
        ),
    ],
    platform="spark",
    engine="classic",
)


def corrupt_log() -> object:
    path = delta("corrupt")
    (LAKE / "corrupt" / "_delta_log" / f"{1:020d}.json").write_text("{not json")
    return spark.read.format("delta").load(path).collect()


def late_log() -> object:
    path = delta("late")
    spark.sql(f"insert into delta.`{path}` values (7, 'g')")
    (LAKE / "late" / "_delta_log" / f"{0:020d}.json").unlink()
    return spark.read.format("delta").load(path).collect()


def stopped() -> object:
    from pyspark.sql import SparkSession

    context = spark.sparkContext
    jvm_stop = context._jsc.stop
    jvm_stop()
    assert isinstance(spark, SparkSession)
    return spark.range(1).collect()


def killed_driver() -> object:
    gateway = spark.sparkContext._gateway
    os.kill(gateway.proc.pid, 9)
    gateway.proc.wait()
    return spark.range(1).collect()
