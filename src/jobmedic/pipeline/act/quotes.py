"""What a letter quotes: words of the very failure that it tells of, never of a like one that hit somebody else."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobmedic.ports.ledger import Ledger
from jobmedic.transforms import evidence

LONGEST = 300


def with_diagnosis(decisions: DataFrame, ledger: Ledger) -> DataFrame:
    """Decisions with root cause, evidence, fix and needs of their diagnosis, the evidence from their own error text.

    Where the diagnosis' quote does not stand in it, since it was taken from the first failure of its kind, the line that
    names the deepest cause stands in; null where the failure left no text.
    """
    told = ledger.read("diagnoses").select("fingerprint", "root_cause", "evidence", "fix", "needs")
    texts = ledger.read("failures").select("workspace_id", "task_run_id", "error", "error_trace")
    error, trace = evidence.text("error"), evidence.text("error_trace")
    stands = F.contains(error, F.col("evidence")) | F.contains(trace, F.col("evidence"))
    line = F.regexp_extract(evidence.deepest(error, trace), "[^ \n\t][^\n]*", 0)
    own = F.nullif(F.substring(F.trim(line), 1, LONGEST), F.lit(""))
    return (
        decisions.join(texts, ["workspace_id", "task_run_id"], "left")
        .join(told, "fingerprint", "left")
        .withColumn("evidence", F.when(F.coalesce(stands, F.lit(False)), F.col("evidence")).otherwise(own))
        .drop("error", "error_trace")
    )
