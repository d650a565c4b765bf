"""Databases: a PostgreSQL server on loopback, H2, SQLite and DuckDB, by their own clients and by JDBC through Spark."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import duckdb
import psycopg

from provocations import server
from provocations.registry import WORK, DidNotFailError, Shown, failure, several

MAIL, RETRY, CHANGED, CALL = "send_email", "retry", "retry_with_new_params", "escalate"
PORT = server.dead_port()
HOME = WORK / "pg"
DEAD = server.dead_port()


def pg_program(name: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not found:
        raise DidNotFailError("no PostgreSQL server here: apt-get install postgresql")
    return str(found[-1])


def as_postgres(*command: str) -> None:
    subprocess.run(
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command],
        check=True,
        capture_output=True,
        cwd="/tmp",
    )


def start() -> None:
    """A server of our own on a free port; passwords for all but the owner."""
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    shutil.chown(HOME, "postgres", "postgres")
    as_postgres(pg_program("initdb"), "-D", str(HOME / "data"), "--auth=trust", "-U", "postgres")
    (HOME / "data" / "pg_hba.conf").write_text(
        "host postgres postgres 127.0.0.1/32 trust\nhost etl all 127.0.0.1/32 scram-sha-256\nhost all etl 127.0.0.1/32 trust\n"
    )
    options = f"-p {PORT} -h 127.0.0.1 -k /tmp -c max_connections=12 -c superuser_reserved_connections=3 -c fsync=off"
    as_postgres(pg_program("pg_ctl"), "-D", str(HOME / "data"), "-o", options, "-l", str(HOME / "log"), "-w", "start")
    with connect() as admin:
        admin.execute("create role etl login password 'x'")
        admin.execute(
            "create table orders (id int primary key, name varchar(5) not null, parent int references orders, check (id < 100))"
        )
        admin.execute("insert into orders values (1, 'a', null), (2, 'b', null)")


def connect(user: str = "postgres", database: str = "postgres", **options: object) -> psycopg.Connection:
    return psycopg.connect(host="127.0.0.1", port=PORT, user=user, dbname=database, autocommit=True, **options)


def sql(*statements: str) -> object:
    with connect() as connection:
        for statement in statements:
            connection.execute(statement)
    raise DidNotFailError("nothing failed")


def both(held: list[str], met: list[str], waiting: str = "") -> None:
    """Two sessions: the first holds what it did, waits on `waiting` in a thread, and the second meets it."""
    one, two = connect(), connect()
    one.autocommit = two.autocommit = False
    waiter = threading.Thread(target=_quietly, args=(one, waiting), daemon=True)
    try:
        for statement in held:
            one.execute(statement)
        for statement in met[:-1]:
            two.execute(statement)
        if waiting:
            waiter.start()
            time.sleep(1)
        two.execute(met[-1])
    finally:
        two.close()
        if waiting:
            waiter.join(10)
        one.close()


def _quietly(connection: psycopg.Connection, statement: str) -> None:
    with contextlib.suppress(psycopg.Error):
        connection.execute(statement)


def deadlock() -> None:
    both(
        ["update orders set name = 'x' where id = 1", "set deadlock_timeout = '9s'"],
        [
            "update orders set name = 'y' where id = 2",
            "set deadlock_timeout = '100ms'",
            "update orders set name = 'y' where id = 1",
        ],
        waiting="update orders set name = 'x' where id = 2",
    )


def serialization() -> None:
    level = "set transaction isolation level serializable"
    one, two = connect(), connect()
    one.autocommit = two.autocommit = False
    for connection in (one, two):
        connection.execute(level)
        connection.execute("select count(*) from orders").fetchall()
    one.execute("update orders set name = 'p' where id = 1")
    one.commit()
    try:
        two.execute("update orders set name = 'q' where id = 1")
    finally:
        one.close()
        two.close()


def crowd() -> None:
    kept = []
    try:
        for _ in range(20):
            kept.append(connect("etl"))
    finally:
        for one in kept:
            one.close()


def stopped(function: str) -> None:
    """A person or the system ends the session or its statement."""
    with connect() as victim, connect() as admin:
        pid = victim.info.backend_pid
        threading.Timer(0.5, lambda: admin.execute(f"select {function}({pid})")).start()
        victim.execute("select pg_sleep(5)")


def h2(url: str, statement: str, user: str = "sa", password: str = "") -> Shown:
    from provocations.jvm import main

    jar = next(Path(os.environ["PROVOKE_JARS"]).glob("h2-*.jar"))
    code = f'try (Connection c = DriverManager.getConnection("{url}", "{user}", "{password}")) {{ {statement} }}'
    return main(code, classpath=str(jar))


def execute(*statements: str) -> str:
    return " ".join(f'c.createStatement().execute("{one}");' for one in statements)


def pg_jdbc(
    statement: str,
    user: str = "postgres",
    password: str = "",
    options: str = "",
    port: int = PORT,
    database: str = "postgres",
) -> Shown:
    from provocations.jvm import main

    jar = next(Path(os.environ["PROVOKE_JARS"]).glob("postgresql-*.jar"))
    url = f"jdbc:postgresql://127.0.0.1:{port}/{database}{options}"
    code = f'try (Connection c = DriverManager.getConnection("{url}", "{user}", "{password}")) {{ {statement} }}'
    return main(code, classpath=f"{jar}:{_checker()}")


def _checker() -> str:
    return ":".join(str(one) for one in Path(os.environ["PROVOKE_JARS"]).glob("checker-qual-*.jar"))


start()
several(
    [
        ("a wrong password", "permission", MAIL, (), lambda: connect("etl", "etl", password="y")),
        ("a user without its right", "permission", MAIL, (), lambda: connect("etl").execute("select * from orders")),
        (
            "a host that the server does not let in",
            "permission",
            MAIL,
            ("configuration",),
            lambda: connect("nobody", "template1"),
        ),
        ("a table that does not exist", "data_not_found", MAIL, (), lambda: sql("select * from sales_2023")),
        (
            "a schema that does not exist",
            "data_not_found",
            MAIL,
            ("configuration",),
            lambda: sql("select * from gold.sales"),
        ),
        ("a column that does not exist", "syntax", MAIL, (), lambda: sql("select customer from orders")),
        ("a statement that does not parse", "syntax", MAIL, (), lambda: sql("selct 1")),
        ("a function that does not exist", "syntax", MAIL, (), lambda: sql("select to_roman(1)")),
        (
            "types that do not fit an operator",
            "syntax",
            MAIL,
            ("data_quality",),
            lambda: sql("select name + 1 from orders"),
        ),
        ("a key twice", "data_quality", MAIL, (), lambda: sql("insert into orders values (1, 'c', null)")),
        (
            "a null where none may be",
            "data_quality",
            MAIL,
            (),
            lambda: sql("insert into orders values (3, null, null)"),
        ),
        (
            "a reference to what is not there",
            "data_quality",
            MAIL,
            (),
            lambda: sql("insert into orders values (3, 'c', 77)"),
        ),
        (
            "a value that a check refuses",
            "data_quality",
            MAIL,
            (),
            lambda: sql("insert into orders values (300, 'c', null)"),
        ),
        ("a text too long", "data_quality", MAIL, (), lambda: sql("insert into orders values (4, 'abcdefgh', null)")),
        ("a number out of range", "data_quality", MAIL, (), lambda: sql("select 2147483647 + id from orders")),
        ("a word for a number", "data_quality", MAIL, (), lambda: sql("select 'n/a'::int")),
        ("a division by zero", "data_quality", MAIL, ("user_code",), lambda: sql("select 1 / (id - 1) from orders")),
        (
            "a statement past its time limit",
            "timeout",
            CHANGED,
            (RETRY, MAIL),
            lambda: sql("set statement_timeout = 50", "select pg_sleep(2)"),
        ),
        (
            "a lock that is waited for too long",
            "timeout",
            RETRY,
            ("concurrency", CHANGED),
            lambda: both(["lock table orders"], ["set lock_timeout = 50", "select * from orders"]),
        ),
        (
            "a lock that is not waited for",
            "concurrency",
            RETRY,
            (),
            lambda: both(["lock table orders"], ["lock table orders nowait"]),
        ),
        ("two that wait for one another", "concurrency", RETRY, (), deadlock),
        ("two that change one row, serializable", "concurrency", RETRY, (), serialization),
        ("too many sessions", "quota", RETRY, (CHANGED, "resource", CALL), crowd),
        ("a statement that a person cancels", "cancelled", "ignore", (), lambda: stopped("pg_cancel_backend")),
        (
            "a session that the administrator ends",
            "infrastructure",
            RETRY,
            ("network", "cancelled"),
            lambda: stopped("pg_terminate_backend"),
        ),
        ("a port that nobody listens on", "network", RETRY, (), lambda: psycopg.connect(host="127.0.0.1", port=DEAD)),
        (
            "a host without a name",
            "network",
            RETRY,
            ("configuration", MAIL),
            lambda: psycopg.connect(host="db.invalid"),
        ),
        (
            "memory for locks that is used up",
            "resource",
            CHANGED,
            ("quota", CALL, RETRY),
            lambda: sql(
                "do $$ begin for i in 1..20000 loop execute 'create table t' || i || ' (a int)'; end loop; end $$"
            ),
        ),
        (
            "a database that does not exist",
            "data_not_found",
            MAIL,
            ("configuration",),
            lambda: connect(user="etl", database="wharehouse"),
        ),
        ("an option that does not exist", "configuration", MAIL, ("syntax",), lambda: sql("set statement_timout = 5")),
    ],
    platform="jdbc",
    task_type="spark_python",
    engine="postgresql",
)
several(
    [
        ("JDBC: a wrong password", "permission", MAIL, (), lambda: pg_jdbc("", "etl", "y", database="etl")),
        (
            "JDBC: a user without its right",
            "permission",
            MAIL,
            (),
            lambda: pg_jdbc(execute("select * from orders"), "etl"),
        ),
        (
            "JDBC: a table that does not exist",
            "data_not_found",
            MAIL,
            (),
            lambda: pg_jdbc(execute("select * from sales_2023")),
        ),
        (
            "JDBC: a key twice, in a batch",
            "data_quality",
            MAIL,
            (),
            lambda: pg_jdbc(
                "var s = c.createStatement(); s.addBatch(\"insert into orders values (1, 'z', null)\"); s.executeBatch();"
            ),
        ),
        (
            "JDBC: a statement past its time limit",
            "timeout",
            CHANGED,
            (RETRY, MAIL, "cancelled", "ignore"),
            lambda: pg_jdbc('var s = c.createStatement(); s.setQueryTimeout(1); s.execute("select pg_sleep(5)");'),
        ),
        (
            "JDBC: an answer that comes too late",
            "timeout",
            RETRY,
            ("network", CHANGED),
            lambda: pg_jdbc(execute("select pg_sleep(5)"), options="?socketTimeout=1"),
        ),
        ("JDBC: a port that nobody listens on", "network", RETRY, (), lambda: pg_jdbc("", port=DEAD)),
        (
            "JDBC: TLS where the server has none",
            "network",
            MAIL,
            ("configuration",),
            lambda: pg_jdbc("", options="?sslmode=require"),
        ),
        ("JDBC: a statement that does not parse", "syntax", MAIL, (), lambda: pg_jdbc(execute("selct 1"))),
        (
            "H2: a table that does not exist",
            "data_not_found",
            MAIL,
            (),
            lambda: h2("jdbc:h2:mem:a", execute("select * from sales")),
        ),
        (
            "H2: a wrong password",
            "permission",
            MAIL,
            (),
            lambda: (
                h2_ok("jdbc:h2:/tmp/provoke-h2"),
                h2("jdbc:h2:/tmp/provoke-h2", execute("select 1"), password="y"),
            )[1],
        ),
        (
            "H2: a word for a number",
            "data_quality",
            MAIL,
            (),
            lambda: h2("jdbc:h2:mem:a", execute("select cast('n/a' as int)")),
        ),
        (
            "H2: a lock that is waited for too long",
            "timeout",
            RETRY,
            ("concurrency", CHANGED),
            lambda: h2(
                "jdbc:h2:mem:b;LOCK_TIMEOUT=100",
                (
                    execute("create table t (a int primary key)", "insert into t values (1)")
                    + "c.setAutoCommit(false);"
                    + execute("update t set a = 2")
                    + 'DriverManager.getConnection("jdbc:h2:mem:b;LOCK_TIMEOUT=100", "sa", "").createStatement().execute("update t set a = 3");'
                ),
            ),
        ),
    ],
    platform="jdbc",
    task_type="jar",
    engine="jvm",
)


def h2_ok(url: str) -> None:
    try:
        h2(url, execute("select 1"))
    except DidNotFailError:
        return


several(
    [
        ("DuckDB: a table that does not exist", "data_not_found", MAIL, (), lambda: duckdb.sql("select * from sales")),
        ("DuckDB: a column that does not exist", "syntax", MAIL, (), lambda: duckdb.sql("select b from (select 1 a)")),
        ("DuckDB: a statement that does not parse", "syntax", MAIL, (), lambda: duckdb.sql("selct 1")),
        ("DuckDB: a word for a number", "data_quality", MAIL, (), lambda: duckdb.sql("select 'n/a'::int").fetchall()),
        ("DuckDB: memory that is used up", "resource", CHANGED, (), lambda: out_of_memory()),
        (
            "SQLite: a table that does not exist",
            "data_not_found",
            MAIL,
            (),
            lambda: sqlite3.connect(":memory:").execute("select * from sales"),
        ),
        ("SQLite: a file that is no database", "data_quality", MAIL, (), lambda: not_a_database()),
        (
            "SQLite: a key twice",
            "data_quality",
            MAIL,
            (),
            lambda: sqlite3.connect(":memory:").executescript(
                "create table t (a int primary key); insert into t values (1); insert into t values (1);"
            ),
        ),
        ("SQLite: a database that may not be written", "permission", MAIL, ("configuration",), lambda: read_only()),
    ],
    platform="jdbc",
    task_type="spark_python",
    engine="python",
)


def out_of_memory() -> None:
    session = duckdb.connect()
    session.execute("set memory_limit = '20MB'; set temp_directory = ''")
    session.execute("select list(i::varchar) from range(50000000) t(i)").fetchall()


def not_a_database() -> None:
    (WORK / "none.db").write_text("hello" * 999)
    sqlite3.connect(WORK / "none.db").execute("select * from t")


def read_only() -> None:
    sqlite3.connect(WORK / "ro.db").executescript("create table if not exists t (a int)")
    sqlite3.connect(f"file:{WORK / 'ro.db'}?mode=ro", uri=True).execute("insert into t values (1)")


@failure("a server that shuts down", "infrastructure", RETRY, also=("network",), platform="jdbc", engine="postgresql")
def shutdown() -> None:
    victim = connect()
    as_postgres(pg_program("pg_ctl"), "-D", str(HOME / "data"), "-m", "fast", "stop")
    victim.execute("select 1")
