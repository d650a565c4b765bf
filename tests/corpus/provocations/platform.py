"""The Databricks platform as its real SDK shows it: a server on loopback answers with the documented bodies.

Error codes: https://docs.databricks.com/api/azure/workspace/introduction; termination codes of clusters and runs: the
SDK's own enumerations TerminationReasonCode and TerminationCodeCode.
"""

import os
from datetime import timedelta

from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config

from provocations import server
from provocations.registry import failure, several

MAIL, RETRY, CHANGED, CALL, IGNORE = "send_email", "retry", "retry_with_new_params", "escalate", "ignore"
URL = server.start()
server.answer("/.well-known", 200, {})


def client(**options: object) -> WorkspaceClient:
    settings = {"host": URL, "token": "example", "retry_timeout_seconds": 1, **options}
    return WorkspaceClient(config=Config(**settings))


def api(path: str, status: int, code: str, message: str) -> None:
    server.answer(f"/api/{path}", status, {"error_code": code, "message": message})


def warehouse(status: int, code: str, message: str) -> object:
    api("2.0/sql/statements", status, code, message)
    return client().statement_execution.execute_statement("select 1", warehouse_id="0123456789abcdef")


def job(status: int, code: str, message: str) -> object:
    api("2.2/jobs/run-now", status, code, message)
    return client().jobs.run_now(job_id=7)


def secret(status: int, code: str, message: str) -> object:
    api("2.0/secrets/get", status, code, message)
    return client().secrets.get_secret("etl", "jdbc-password")


def workspace_file(status: int, code: str, message: str) -> object:
    api("2.0/workspace/get-status", status, code, message)
    return client().workspace.get_status("/Workspace/etl/load")


def catalog(status: int, code: str, message: str) -> object:
    api("2.1/unity-catalog/tables", status, code, message)
    return client().tables.get("main.sales.orders")


def cluster(code: str, kind: str, message: str) -> object:
    """A cluster that terminates while the SDK waits for it: the SDK shows the state's message."""
    state = {"cluster_id": "0301-1", "state": "TERMINATED", "state_message": message}
    state["termination_reason"] = {"code": code, "type": kind}  # type: ignore[assignment]
    server.answer("/api/2.1/clusters/start", 200, {})
    server.answer("/api/2.1/clusters/get", 200, state)
    return client().clusters.start("0301-1").result(timeout=timedelta(seconds=3))


def run(state: str, result: str | None, message: str) -> object:
    """A run that ends badly while the SDK waits for it."""
    body = {"run_id": 5, "state": {"life_cycle_state": state, "result_state": result, "state_message": message}}
    server.answer("/api/2.2/jobs/run-now", 200, {"run_id": 5})
    server.answer("/api/2.2/jobs/runs/get", 200, body)
    return client().jobs.run_now(job_id=7).result(timeout=timedelta(seconds=2))


several(
    [
        (
            "a token that has expired",
            "permission",
            MAIL,
            (),
            lambda: job(403, "PERMISSION_DENIED", "Invalid access token. [ReqId: 1]"),
        ),
        (
            "no token at all",
            "permission",
            MAIL,
            (),
            lambda: job(401, "UNAUTHENTICATED", "Request is missing required authentication credential"),
        ),
        (
            "a job without the right to run it",
            "permission",
            MAIL,
            (),
            lambda: job(
                403,
                "PERMISSION_DENIED",
                "User etl@example.com does not have Manage Run or Owner or Admin permissions on job 7",
            ),
        ),
        (
            "an address that the access list blocks",
            "permission",
            MAIL,
            (CALL, "network"),
            lambda: job(
                403,
                "PERMISSION_DENIED",
                "Source IP address: 10.0.0.7 is blocked by Databricks IP ACL for workspace: 17",
            ),
        ),
        (
            "a secret without the right to read it",
            "permission",
            MAIL,
            (),
            lambda: secret(403, "PERMISSION_DENIED", "User etl@example.com does not have READ permission on scope etl"),
        ),
        (
            "a table without the right to read it",
            "permission",
            MAIL,
            (),
            lambda: catalog(403, "PERMISSION_DENIED", "User does not have USE SCHEMA on Schema 'main.sales'."),
        ),
        (
            "a secret scope that does not exist",
            "configuration",
            MAIL,
            ("data_not_found",),
            lambda: secret(404, "RESOURCE_DOES_NOT_EXIST", "Scope etl does not exist!"),
        ),
        (
            "a secret that does not exist",
            "configuration",
            MAIL,
            ("data_not_found",),
            lambda: secret(
                404, "RESOURCE_DOES_NOT_EXIST", "Secret does not exist with scope: etl and key: jdbc-password"
            ),
        ),
        (
            "a table that does not exist",
            "data_not_found",
            MAIL,
            (),
            lambda: catalog(404, "TABLE_DOES_NOT_EXIST", "Table 'main.sales.orders' does not exist."),
        ),
        (
            "a catalog that does not exist",
            "data_not_found",
            MAIL,
            ("configuration",),
            lambda: catalog(404, "CATALOG_DOES_NOT_EXIST", "Catalog 'main' does not exist."),
        ),
        (
            "a notebook that does not exist",
            "data_not_found",
            MAIL,
            ("configuration",),
            lambda: workspace_file(404, "RESOURCE_DOES_NOT_EXIST", "Path (/Workspace/etl/load) doesn't exist."),
        ),
        (
            "a warehouse that does not exist",
            "configuration",
            MAIL,
            ("data_not_found",),
            lambda: warehouse(404, "NOT_FOUND", "The specified warehouse 0123456789abcdef was not found."),
        ),
        (
            "too many requests",
            "quota",
            RETRY,
            (),
            lambda: job(429, "REQUEST_LIMIT_EXCEEDED", "Current request rate exceeded the limit: 20 per second"),
        ),
        (
            "too many requests, in other words",
            "quota",
            RETRY,
            (),
            lambda: job(429, "RESOURCE_EXHAUSTED", "Too many requests. Please try again later."),
        ),
        (
            "a workspace with too many runs",
            "quota",
            RETRY,
            (CALL,),
            lambda: job(
                429, "QUOTA_EXCEEDED", "The quota of 1000 concurrent task runs per workspace has been reached."
            ),
        ),
        (
            "two writers of one object",
            "concurrency",
            RETRY,
            (),
            lambda: job(409, "RESOURCE_CONFLICT", "The job was changed by another request."),
        ),
        (
            "aborted for another operation",
            "concurrency",
            RETRY,
            (),
            lambda: job(409, "ABORTED", "The operation was aborted due to a concurrent update."),
        ),
        (
            "a parameter with a wrong value",
            "configuration",
            MAIL,
            ("user_code",),
            lambda: job(400, "INVALID_PARAMETER_VALUE", "Node type Standard_Q4 is not supported."),
        ),
        (
            "a parameter that the job does not have",
            "configuration",
            MAIL,
            ("user_code",),
            lambda: job(400, "INVALID_PARAMETER_VALUE", "Job parameter 'dat' is not defined for job 7."),
        ),
        (
            "a job that is gone",
            "configuration",
            MAIL,
            ("data_not_found", CALL),
            lambda: job(404, "RESOURCE_DOES_NOT_EXIST", "Job 7 does not exist."),
        ),
        (
            "an internal error",
            "infrastructure",
            RETRY,
            ("network", CALL),
            lambda: job(500, "INTERNAL_ERROR", "An internal error occurred. Please try again."),
        ),
        (
            "a service that is unavailable for a while",
            "infrastructure",
            RETRY,
            ("network",),
            lambda: job(
                503,
                "TEMPORARILY_UNAVAILABLE",
                "The service at /api/2.2/jobs/run-now is temporarily unavailable. Please try again later.",
            ),
        ),
        (
            "a deadline that the platform missed",
            "timeout",
            RETRY,
            ("infrastructure", "network"),
            lambda: job(504, "DEADLINE_EXCEEDED", "The operation did not finish before its deadline."),
        ),
        (
            "a feature that is switched off",
            "configuration",
            MAIL,
            (CALL, "permission"),
            lambda: warehouse(400, "FEATURE_DISABLED", "Serverless compute is not enabled for this workspace."),
        ),
        ("no way to log in", "configuration", MAIL, ("permission",), lambda: nothing_set()),
        (
            "a workspace at a dead port",
            "network",
            RETRY,
            (),
            lambda: client(host=f"http://127.0.0.1:{server.dead_port()}").current_user.me(),
        ),
        (
            "a cluster for which the cloud has no machines",
            "infrastructure",
            CHANGED,
            (RETRY,),
            lambda: cluster(
                "CLOUD_PROVIDER_RESOURCE_STOCKOUT",
                "CLIENT_ERROR",
                "The cloud provider does not have enough capacity for the requested VM size Standard_NC6 in this location.",
            ),
        ),
        (
            "a cluster for which AWS has no machines",
            "infrastructure",
            CHANGED,
            (RETRY,),
            lambda: cluster(
                "AWS_INSUFFICIENT_INSTANCE_CAPACITY_FAILURE",
                "CLIENT_ERROR",
                "We currently do not have sufficient i3.xlarge capacity in the Availability Zone you requested.",
            ),
        ),
        (
            "a cluster whose spot machines were taken",
            "infrastructure",
            RETRY,
            (CHANGED,),
            lambda: cluster(
                "SPOT_INSTANCE_TERMINATION",
                "CLOUD_FAILURE",
                "The driver's spot instance was terminated by the cloud provider.",
            ),
        ),
        (
            "a cluster that never bootstrapped",
            "infrastructure",
            RETRY,
            ("timeout", CALL),
            lambda: cluster(
                "BOOTSTRAP_TIMEOUT", "SERVICE_FAULT", "Instance i-0a failed to bootstrap within 700 seconds."
            ),
        ),
        (
            "a cluster whose cloud shut it down",
            "infrastructure",
            RETRY,
            (CALL,),
            lambda: cluster(
                "CLOUD_PROVIDER_SHUTDOWN", "CLOUD_FAILURE", "Instances were shut down by the cloud provider."
            ),
        ),
        (
            "a cluster that could not be launched",
            "infrastructure",
            RETRY,
            (CALL,),
            lambda: cluster(
                "CLOUD_PROVIDER_LAUNCH_FAILURE",
                "CLOUD_FAILURE",
                "The cloud provider failed to launch the virtual machines.",
            ),
        ),
        (
            "a cluster over its vCPU quota",
            "quota",
            CALL,
            (CHANGED, RETRY),
            lambda: cluster(
                "AZURE_QUOTA_EXCEEDED_EXCEPTION",
                "CLIENT_ERROR",
                "Operation could not be completed as it results in exceeding approved Total Regional Cores quota. Current limit: 100, usage: 96, required: 8.",
            ),
        ),
        (
            "a cluster over AWS's vCPU limit",
            "quota",
            CALL,
            (CHANGED, RETRY),
            lambda: cluster(
                "AWS_VCPU_LIMIT_EXCEEDED_FAILURE",
                "CLIENT_ERROR",
                "You have requested more vCPU capacity than your current vCPU limit of 256 allows.",
            ),
        ),
        (
            "a subnet without free addresses",
            "infrastructure",
            CALL,
            ("quota", "configuration", "resource", RETRY, CHANGED),
            lambda: cluster(
                "SUBNET_EXHAUSTED_FAILURE",
                "CLOUD_FAILURE",
                "The subnet does not have enough free IP addresses to launch 8 instances.",
            ),
        ),
        (
            "an init script that fails",
            "dependency",
            MAIL,
            ("configuration",),
            lambda: cluster(
                "INIT_SCRIPT_FAILURE",
                "CLIENT_ERROR",
                "Cluster scoped init script /Volumes/main/etl/init.sh failed: Script exit status is non-zero",
            ),
        ),
        (
            "an instance profile that AWS refuses",
            "permission",
            MAIL,
            ("configuration",),
            lambda: cluster(
                "AWS_AUTHORIZATION_FAILURE",
                "CLIENT_ERROR",
                "You are not authorized to perform iam:PassRole on the instance profile of the cluster.",
            ),
        ),
        (
            "a cluster whose settings cannot be right",
            "configuration",
            MAIL,
            (),
            lambda: cluster("INVALID_SPARK_IMAGE", "CLIENT_ERROR", "The Spark image 3.9.x-scala2.11 is invalid."),
        ),
        (
            "a driver that does not answer",
            "infrastructure",
            RETRY,
            ("resource", CHANGED),
            lambda: cluster("DRIVER_UNREACHABLE", "CLOUD_FAILURE", "The driver of the cluster could not be reached."),
        ),
        (
            "a cluster that a person stopped",
            "cancelled",
            IGNORE,
            (),
            lambda: cluster("USER_REQUEST", "SUCCESS", "Cluster was terminated by user etl@example.com."),
        ),
        (
            "a cluster that ran out of work",
            "cancelled",
            IGNORE,
            ("infrastructure", "configuration", RETRY, MAIL),
            lambda: cluster("INACTIVITY", "SUCCESS", "Cluster was terminated after 20 minutes of inactivity."),
        ),
        (
            "a run that a person cancelled",
            "cancelled",
            IGNORE,
            (),
            lambda: run("INTERNAL_ERROR", "CANCELED", "Run cancelled."),
        ),
        (
            "a run that waited in vain for its upstream",
            "cancelled",
            IGNORE,
            (),
            lambda: run("INTERNAL_ERROR", "UPSTREAM_FAILED", "An upstream task failed."),
        ),
        (
            "a run beyond the number of runs at once",
            "concurrency",
            IGNORE,
            ("cancelled", RETRY, "quota", "configuration", MAIL),
            lambda: run(
                "INTERNAL_ERROR",
                "MAXIMUM_CONCURRENT_RUNS_REACHED",
                "The run was skipped because the limit of maximum concurrent runs (1) has been reached.",
            ),
        ),
        (
            "a run past its time limit",
            "timeout",
            CHANGED,
            (RETRY, MAIL),
            lambda: run("INTERNAL_ERROR", "TIMEDOUT", "Run timed out after 3600 seconds."),
        ),
        (
            "a run that failed for a reason told elsewhere",
            "unknown",
            CALL,
            (),
            lambda: run(
                "INTERNAL_ERROR",
                "FAILED",
                "Task load failed with message: Workload failed, see run output for details.",
            ),
        ),
        (
            "a run that the SDK did not wait for long enough",
            "timeout",
            RETRY,
            (CHANGED,),
            lambda: run("RUNNING", None, "In run"),
        ),
    ],
    platform="databricks",
)


def nothing_set() -> object:
    for name in [one for one in os.environ if one.startswith("DATABRICKS_")]:
        del os.environ[name]
    os.environ["DATABRICKS_CONFIG_FILE"] = "/srv/none"
    return WorkspaceClient(host=URL)


@failure("a workspace at a host without a name", "network", RETRY, also=("configuration", MAIL), platform="databricks")
def bad_host() -> object:
    return client(host="https://adb-1.invalid").current_user.me()
