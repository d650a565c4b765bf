"""A wrapper is no evidence: sentences that mean nothing to a platform are retried in none of them, nor ignored."""

import random
from collections.abc import Iterator

from pyspark.sql import SparkSession

from jobmedic.knowledge.catalogue import Catalogue
from jobmedic.knowledge.masks import Masks
from jobmedic.knowledge.words import Action
from jobmedic.transforms.diagnose import diagnose
from jobmedic.transforms.fingerprint import fingerprint

SENTENCES = 600
SEED = 20
SCHEMA = "error string, error_trace string, termination_code string, result_state string"

LOST_TASK = (
    "org.apache.spark.SparkException: Job aborted due to stage failure: Task 3 in stage 7.0 failed 4 times, "
    "most recent failure: Lost task 3.3 in stage 7.0 (TID 99) (10.0.0.4 executor 2): "
)
WRAPPERS = (
    "{0}",
    "Exception: {0}",
    "ERROR: {0}",
    "RuntimeError: {0}",
    "com.acme.LedgerException: {0}",
    "java.io.IOException: {0}",
    "java.sql.SQLException: {0}",
    "java.util.concurrent.ExecutionException: com.acme.LedgerException: {0}",
    "java.lang.RuntimeException: {0}\n\tat org.apache.spark.network.client.TransportClient.send(TransportClient.java:1)",
    "org.apache.hadoop.ipc.RemoteException(java.io.IOException): {0}",
    "org.apache.spark.SparkException: {0}",
    LOST_TASK + "com.acme.LedgerException: {0}",
    "Py4JJavaError: An error occurred while calling o77.save.\n: com.acme.LedgerException: {0}",
    "[STREAM_FAILED] Query [id = 1, runId = 2] terminated with exception: {0} SQLSTATE: XXKST",
    "org.apache.spark.sql.streaming.StreamingQueryException: {0}\n=== Streaming Query ===\nIdentifier: [id = 1, runId = 2]",
    "com.databricks.WorkflowException: com.databricks.NotebookExecutionException: FAILED: {0}",
    "Run result unavailable: job failed with error message\n {0}",
    "run failed with error message\n {0}",
    "Task load failed with message: {0}. This caused all downstream tasks to get skipped.",
    "AirflowException: Databricks job failed with terminal state: {{'life_cycle_state': 'INTERNAL_ERROR', 'state_message': '{0}'}}",
    "Runtime Error in model orders (models/orders.sql)\n  {0}",
    "Database Error in model orders (models/orders.sql)\n  {0}",
    "Operation on target CopyOrders failed: {0}",
    "Error in SQL statement: SparkException: {0}",
    "databricks.sql.exc.ServerOperationError: {0}",
    'Traceback (most recent call last):\n  File "/x/etl.py", line 3, in <module>\n    main()\nacme.LedgerError: {0}',
    "io.grpc.StatusRuntimeException: UNKNOWN: {0}",
    "User class threw exception: com.acme.LedgerException: {0}",
    "botocore.exceptions.ClientError: An error occurred (LedgerException) when calling the PutLedger operation: {0}",
)
# Nouns, verbs, kinds, places: words of shops, wards and hotels that no platform uses of itself.
VOCABULARY = """
ledger invoice apple customer march sunday order shop booking basket refund voucher parcel tariff brand season campaign loyalty product
is are was were has holds shows lacks needs wants gives takes keeps moves grows falls stays meets beats wins buys pays owes
old new early small large red third final empty full odd even strange wrong right last next same other extra double half
of for in on at by with without after before under over between against
"""
NOUNS, VERBS, KINDS, PLACES = (line.split() for line in VOCABULARY.strip().splitlines())
NOUNS += [
    "shelf",
    "herd",
    "patient",
    "ward",
    "nurse",
    "trial",
    "dose",
    "rent",
    "bridge",
    "tram",
    "seat",
    "crew",
    "meal",
    "oven",
    "stamp",
]


def _sentences(dice: random.Random) -> Iterator[str]:
    def noun() -> str:
        return dice.choice(NOUNS)

    while True:
        yield f"the {dice.choice(KINDS)} {noun()} {dice.choice(VERBS)} {dice.choice(PLACES)} the {noun()}"
        yield f"{noun()} {dice.randint(1, 99)} {dice.choice(VERBS)} {dice.choice(KINDS)} {noun()}s"
        yield f"{noun()}s {dice.choice(PLACES)} {noun()} {dice.choice(VERBS)} not {dice.choice(KINDS)}"


def test_what_says_nothing_is_neither_retried_nor_ignored_in_any_wrapper(spark: SparkSession) -> None:
    dice = random.Random(SEED)
    said = zip(range(SENTENCES), _sentences(dice), strict=False)
    rows = [(WRAPPERS[number % len(WRAPPERS)].format(sentence), None, None, "FAILED") for number, sentence in said]
    judged = diagnose(fingerprint(spark.createDataFrame(rows, SCHEMA), Masks.load()), Catalogue.load())
    harmful = {Action.RETRY.value, Action.RETRY_WITH_NEW_PARAMS.value, Action.IGNORE.value}
    wrong = [row for row in judged.select("action", "rule", "error").collect() if row["action"] in harmful]
    assert not wrong, "\n".join(f"{row['rule']}: {row['error']}" for row in wrong)
