"""What the Jobs API's states mean for jobmedic: which attempts failed, which failures are root causes, what came before user code.

Source: the Jobs API 2.2 reference for `RunResultState`, `RunLifeCycleState` and `TerminationCode`.
"""

SUCCESS = "SUCCESS"
TOLERATED = "SUCCESS_WITH_FAILURES"

# Ended without failing, or failed only because another task did: never a root cause.
NOT_ROOT_CAUSES = frozenset(
    {SUCCESS, TOLERATED, "UPSTREAM_FAILED", "UPSTREAM_CANCELED", "UPSTREAM_EVICTED", "EXCLUDED", "SKIPPED", "DISABLED"}
)
NOT_EXECUTED = frozenset(
    {"UPSTREAM_FAILED", "UPSTREAM_CANCELED", "UPSTREAM_EVICTED", "EXCLUDED", "SKIPPED", "DISABLED"}
)

ENDED = frozenset({"TERMINATED", "SKIPPED", "INTERNAL_ERROR"})

# Codes of a task whose cluster, libraries or source never came up; user code had not started if the task also shows
# no execution time.
BEFORE_CODE = frozenset(
    {
        "CLOUD_FAILURE",
        "CLUSTER_ERROR",
        "CLUSTER_REQUEST_LIMIT_EXCEEDED",
        "INVALID_CLUSTER_REQUEST",
        "LIBRARY_INSTALLATION_ERROR",
        "MAX_CONCURRENT_RUNS_EXCEEDED",
        "MAX_JOB_QUEUE_SIZE_EXCEEDED",
        "MAX_SPARK_CONTEXTS_EXCEEDED",
        "REPOSITORY_CHECKOUT_FAILED",
        "RESOURCE_NOT_FOUND",
        "STORAGE_ACCESS_ERROR",
        "UNAUTHORIZED_ERROR",
        "WORKSPACE_RUN_LIMIT_EXCEEDED",
    }
)

# Codes that only say that something failed: their message is a pointer, not a cause.
GENERIC_CODES = frozenset({"RUN_EXECUTION_ERROR", "SUCCESS", "SUCCESS_WITH_FAILURES", "SKIPPED"})
