"""Python's own failures: programs, imports, settings, data in files."""

import asyncio
import concurrent.futures
import configparser
import decimal
import gzip
import importlib
import importlib.metadata
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
import zipfile
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pydantic
import yaml

from provocations.registry import WORK, Shown, failure, several, shell

MAIL = "send_email"


class MissingRatesError(Exception):
    """An application's own exception."""


class Order(pydantic.BaseModel):
    id: int
    amount: float


def raises(error: BaseException) -> object:
    raise error


def total(rows: list[dict[str, object]]) -> object:
    return sum(row["amount"] for row in rows)  # type: ignore[misc]


several(
    [
        ("a key that is not in the dict", "user_code", MAIL, (), lambda: {"eur": 1.1}["gbp"]),
        ("adds a number to None", "user_code", MAIL, (), lambda: total([{"amount": 1}, {"amount": None}])),
        ("calls a method of None", "user_code", MAIL, (), lambda: re.match("x", "y").group(0)),  # type: ignore[union-attr]
        ("divides by zero", "user_code", MAIL, (), lambda: 10 / len([])),
        ("an index past the end", "user_code", MAIL, (), lambda: ["a", "b"][2]),
        ("an assertion without words", "user_code", MAIL, ("data_quality",), lambda: assert_positive([-1])),
        (
            "an application's own exception",
            "user_code",
            MAIL,
            ("data_quality", "configuration", "data_not_found"),
            lambda: raises(MissingRatesError("no rates for 2024-03-01, stopping before anything is written")),
        ),
        (
            "raises RuntimeError on purpose",
            "user_code",
            MAIL,
            (),
            lambda: raises(RuntimeError("reconciliation step 3 must run after step 2")),
        ),
        ("recursion without an end", "user_code", MAIL, ("resource",), lambda: deeper(1)),
        ("a wrong keyword argument", "user_code", MAIL, ("syntax",), lambda: total(rowz=[])),  # type: ignore[call-arg]
        ("too few arguments", "user_code", MAIL, ("syntax",), lambda: total()),  # type: ignore[call-arg]
        ("unpacks the wrong number of values", "user_code", MAIL, (), lambda: unpack("a-b-c")),
        ("a local variable before it is set", "user_code", MAIL, ("syntax",), lambda: unbound(flag=False)),
        ("a name that nobody defined", "user_code", MAIL, ("syntax",), lambda: undefined_frame.head()),  # type: ignore[name-defined] # noqa: F821
        ("not implemented", "user_code", MAIL, (), lambda: raises(NotImplementedError("currency conversion"))),
        ("a list that changes size under its loop", "user_code", MAIL, (), lambda: mutate({"a": 1})),
        ("a method that a frame does not have", "user_code", MAIL, ("dependency",), lambda: pd.DataFrame().append([])),
        ("a column that the frame lacks", "user_code", MAIL, ("data_quality",), lambda: pd.DataFrame({"a": [1]})["b"]),
        ("compares a frame as if it were true", "user_code", MAIL, (), lambda: bool(pd.DataFrame({"a": [1]}))),
        (
            "arrays whose shapes do not fit",
            "user_code",
            MAIL,
            ("data_quality",),
            lambda: np.ones((2, 3)) @ np.ones((2, 3)),
        ),
        (
            "merges frames whose keys differ in type",
            "user_code",
            MAIL,
            ("data_quality",),
            lambda: pd.DataFrame({"k": [1]}).merge(pd.DataFrame({"k": ["x"]}), on="k"),
        ),
        ("a chain of exceptions, the first a KeyError", "user_code", MAIL, (), lambda: chained()),
        (
            "serialises what JSON has no form for",
            "user_code",
            MAIL,
            (),
            lambda: json.dumps({"at": datetime(2024, 3, 1)}),
        ),
        ("a regular expression that does not compile", "user_code", MAIL, ("syntax",), lambda: re.compile("(a")),
        ("an operation on a closed file", "user_code", MAIL, (), lambda: closed_file()),
        ("an event loop inside an event loop", "user_code", MAIL, (), lambda: asyncio.run(nested())),
        # code that never ran
        (
            "a file with a syntax error",
            "syntax",
            MAIL,
            (),
            lambda: compile("for row in rows\n    pass\n", "load.py", "exec"),
        ),
        (
            "a file with a wrong indentation",
            "syntax",
            MAIL,
            (),
            lambda: compile("def f():\nreturn 1\n", "load.py", "exec"),
        ),
        (
            "a file that mixes tabs and blanks",
            "syntax",
            MAIL,
            (),
            lambda: compile("if 1:\n\tx = 1\n        y = 2\n", "load.py", "exec"),
        ),
        ("a string that is never closed", "syntax", MAIL, (), lambda: compile("q = 'select 1\n", "load.py", "exec")),
        ("imports a module with a syntax error", "syntax", MAIL, (), lambda: import_file("broken_mod", "x ==== 1\n")),
        # imports
        ("a module that is not installed", "dependency", MAIL, (), lambda: importlib.import_module("geotrellis_io")),
        ("a submodule that is not there", "dependency", MAIL, (), lambda: importlib.import_module("pandas.io.excel2")),
        (
            "a name that this version of a library lacks",
            "dependency",
            MAIL,
            (),
            lambda: exec("from numpy import float_"),
        ),
        (
            "a module that imports what it lacks",
            "dependency",
            MAIL,
            (),
            lambda: import_file("etl_steps", "from pandas.core.indexes.numeric import Int64Index\n"),
        ),
        ("a distribution without metadata", "dependency", MAIL, (), lambda: importlib.metadata.version("acme-ingest")),
        ("a shared library that is missing", "dependency", MAIL, (), lambda: load_library()),
        ("an attribute that another numpy version had", "dependency", MAIL, ("user_code",), lambda: np.bool8),
        ("a native extension that is not for this machine", "dependency", MAIL, (), lambda: broken_extension()),
        # settings
        (
            "an environment variable that is not set",
            "configuration",
            MAIL,
            ("user_code",),
            lambda: os.environ["INGEST_TARGET"],
        ),
        (
            "a required setting, by name",
            "configuration",
            MAIL,
            (),
            lambda: raises(ValueError("Required environment variable DB_HOST is not set")),
        ),
        (
            "a section that the ini file lacks",
            "configuration",
            MAIL,
            (),
            lambda: configparser.ConfigParser().get("kafka", "url"),
        ),
        (
            "a settings file that is not YAML",
            "configuration",
            MAIL,
            ("syntax", "data_quality"),
            lambda: yaml.safe_load("a: [1,\nb: }"),
        ),
        (
            "a settings file that is not JSON",
            "configuration",
            MAIL,
            ("data_quality", "user_code", "syntax"),
            lambda: read_config(),
        ),
        (
            "a time zone that does not exist",
            "configuration",
            MAIL,
            ("user_code", "dependency"),
            lambda: zone("Europe/Atlantis"),
        ),
        ("a log level that does not exist", "configuration", MAIL, ("user_code",), lambda: log_level("VERBOSE2")),
        ("a missing command line parameter", "configuration", MAIL, ("user_code",), lambda: missing_argument()),
        # data in files
        ("a file that is not there", "data_not_found", MAIL, (), lambda: Path("/srv/data/in/2024-03-01.csv").open()),
        ("reads a CSV that is not there", "data_not_found", MAIL, (), lambda: pd.read_csv("/srv/data/in/orders.csv")),
        ("lists a folder that is not there", "data_not_found", MAIL, (), lambda: os.listdir("/srv/data/landing")),
        (
            "reads a parquet that is not there",
            "data_not_found",
            MAIL,
            (),
            lambda: pq.read_table("/srv/data/in/orders.parquet"),
        ),
        ("text that is not UTF-8", "data_quality", MAIL, ("user_code",), lambda: b"caf\xe9;1".decode("utf-8")),
        (
            "a record that is not JSON",
            "data_quality",
            MAIL,
            ("user_code",),
            lambda: json.loads('{"id": 1, "amount": }'),
        ),
        ("a number that is a word", "data_quality", MAIL, ("user_code",), lambda: int("n/a")),
        ("a decimal that is none", "data_quality", MAIL, ("user_code",), lambda: decimal.Decimal("12,50")),
        (
            "a date of another form",
            "data_quality",
            MAIL,
            ("user_code",),
            lambda: datetime.strptime("01.03.2024", "%Y-%m-%d"),
        ),
        (
            "a CSV with too many fields in a line",
            "data_quality",
            MAIL,
            (),
            lambda: pd.read_csv(text_file("a,b\n1,2\n1,2,3\n")),
        ),
        ("an empty CSV", "data_quality", MAIL, ("data_not_found",), lambda: pd.read_csv(text_file(""))),
        ("a zip that is none", "data_quality", MAIL, (), lambda: zipfile.ZipFile(text_file("hello"))),
        ("a gzip that is none", "data_quality", MAIL, (), lambda: gzip.open(text_file("hello")).read()),
        ("a gzip cut short", "data_quality", MAIL, (), lambda: truncated_gzip()),
        ("a parquet that is none", "data_quality", MAIL, (), lambda: pq.read_table(text_file("hello" * 9))),
        (
            "records that break their model",
            "data_quality",
            MAIL,
            ("user_code",),
            lambda: Order.model_validate({"id": "x"}),
        ),
        (
            "a column whose values have two types",
            "data_quality",
            MAIL,
            ("user_code",),
            lambda: pa.Table.from_pandas(pd.DataFrame({"a": [1, "two"]})),
        ),
        (
            "a table cast to a schema that it does not have",
            "data_quality",
            MAIL,
            ("user_code",),
            lambda: pa.table({"a": [1]}).cast(pa.schema([("b", pa.int64())])),
        ),
        (
            "a timestamp out of bounds",
            "data_quality",
            MAIL,
            ("user_code",),
            lambda: pd.to_datetime("9999-12-31 00:00:00").as_unit("ns"),
        ),
        (
            "an expectation on the data",
            "data_quality",
            MAIL,
            ("user_code",),
            lambda: raises(ValueError("Data quality check failed: 14 rows of orders have null customer_id")),
        ),
        (
            "a merge that must be one to one",
            "data_quality",
            MAIL,
            ("user_code",),
            lambda: pd.DataFrame({"k": [1]}).merge(pd.DataFrame({"k": [1, 1]}), on="k", validate="one_to_one"),
        ),
        # time
        (
            "a future that is waited for too briefly",
            "timeout",
            "retry",
            ("retry_with_new_params",),
            lambda: slow_future(),
        ),
        (
            "an awaitable that takes too long",
            "timeout",
            "retry",
            ("retry_with_new_params",),
            lambda: asyncio.run(asyncio.wait_for(asyncio.sleep(5), 0.01)),
        ),
        (
            "a program that runs past its limit",
            "timeout",
            "retry",
            ("retry_with_new_params",),
            lambda: subprocess.run(["sleep", "5"], timeout=0.05, check=True),
        ),
        (
            "a step that checks its own deadline",
            "timeout",
            "retry",
            ("retry_with_new_params",),
            lambda: raises(TimeoutError("export did not finish within 1800 seconds")),
        ),
        # others at work
        ("a SQLite file that another writer holds", "concurrency", "retry", ("timeout",), lambda: locked_sqlite()),
        ("a lock file that is held", "concurrency", "retry", (), lambda: held_lock()),
        # stopped
        ("Ctrl-C", "cancelled", "ignore", (), lambda: raises(KeyboardInterrupt())),
        ("a future that was cancelled", "cancelled", "ignore", (), lambda: cancelled_future()),
        ("a coroutine that was cancelled", "cancelled", "ignore", (), lambda: asyncio.run(cancelled_task())),
        # not to be told from the text
        (
            "a program that ends with 1 and says nothing",
            "unknown",
            "escalate",
            (),
            lambda: subprocess.run(["bash", "-c", "exit 1"], check=True),
        ),
        ("a program that exits with 1", "unknown", "escalate", (), lambda: sys.exit(1)),
        ("an exception without words", "unknown", "escalate", ("user_code", MAIL), lambda: raises(Exception())),
        (
            "a wrapper that hides its cause",
            "unknown",
            "escalate",
            ("user_code", MAIL),
            lambda: raises(RuntimeError("Pipeline failed. See log for details.")),
        ),
        (
            "a notebook runner that hides its cause",
            "unknown",
            "escalate",
            (),
            lambda: raises(Exception("Workload failed, see run output for details")),
        ),
    ],
    task_type="spark_python",
)


def assert_positive(values: list[int]) -> None:
    assert all(value > 0 for value in values)


def deeper(level: int) -> int:
    return deeper(level + 1)


def unpack(text: str) -> None:
    _first, _second = text.split("-")


def unbound(*, flag: bool) -> int:
    if flag:
        rate = 1
    return rate


def mutate(rates: dict[str, int]) -> None:
    for name in rates:
        rates[name + "x"] = 1


def chained() -> None:
    try:
        _ = {"a": 1}["b"]
    except KeyError as error:
        raise RuntimeError("enrichment failed") from error


def closed_file() -> str:
    with text_file("x").open() as file:
        pass
    return file.read()


async def nested() -> None:
    asyncio.run(asyncio.sleep(0))


def text_file(text: str) -> Path:
    path = WORK / "part-0001.dat"
    path.write_text(text)
    return path


def import_file(name: str, code: str) -> None:
    (WORK / f"{name}.py").write_text(code)
    sys.path.insert(0, str(WORK))
    importlib.invalidate_caches()
    importlib.import_module(name)


def load_library() -> None:
    import ctypes

    ctypes.CDLL("libgdal.so.32")


def broken_extension() -> None:
    (WORK / "fastio.cpython-311-x86_64-linux-gnu.so").write_bytes(b"MZ\x90\x00")
    sys.path.insert(0, str(WORK))
    importlib.invalidate_caches()
    importlib.import_module("fastio")


def read_config() -> object:
    path = WORK / "pipeline_config.json"
    path.write_text('{"target": "gold",\n "retries": 3,,}')
    return json.loads(path.read_text())


def zone(name: str) -> object:
    import zoneinfo

    return zoneinfo.ZoneInfo(name)


def log_level(name: str) -> None:
    import logging

    logging.getLogger().setLevel(name)


def missing_argument() -> Shown:
    code = (
        "import argparse; p = argparse.ArgumentParser('load'); p.add_argument('--date', required=True); p.parse_args()"
    )
    return shell([sys.executable, "-c", code])


def truncated_gzip() -> bytes:
    path = WORK / "cut.gz"
    path.write_bytes(gzip.compress(os.urandom(5000))[:2000])
    return gzip.open(path).read()


def slow_future() -> None:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        pool.submit(time.sleep, 0.3).result(timeout=0.05)


def cancelled_future() -> None:
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(time.sleep, 0.2)
        waiting = pool.submit(time.sleep, 0.2)
        waiting.cancel()
        waiting.result()


async def cancelled_task() -> None:
    task = asyncio.create_task(asyncio.sleep(5))
    await asyncio.sleep(0)
    task.cancel()
    await task


def locked_sqlite() -> None:
    one = sqlite3.connect(WORK / "state.db", timeout=0.1)
    two = sqlite3.connect(WORK / "state.db", timeout=0.1)
    one.execute("create table if not exists t (a int)")
    one.commit()
    one.execute("begin exclusive")
    two.execute("insert into t values (1)")


def held_lock() -> None:
    import fcntl

    with (WORK / "run.lock").open("w") as one, (WORK / "run.lock").open("w") as two:
        fcntl.flock(one, fcntl.LOCK_EX)
        fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)


@failure(
    "a program that is killed for its memory", "resource", "retry_with_new_params", also=("infrastructure", "retry")
)
def killed_child() -> object:
    return subprocess.run(["bash", "-c", "kill -9 $$"], check=True)


@failure(
    "a program that is asked to stop", "cancelled", "ignore", also=("infrastructure", "unknown", "retry", "escalate")
)
def terminated_child() -> object:
    return subprocess.run(["bash", "-c", "kill -15 $$"], check=True)
