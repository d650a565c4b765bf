"""Cloud storage, model endpoints, message brokers and stores: their real clients against a server on loopback."""

import asyncio
import os
import time

import boto3
import grpc
import openai
import pymongo
import redis
from azure.identity import ClientSecretCredential
from azure.storage.blob import BlobServiceClient
from botocore.config import Config
from confluent_kafka import Consumer, KafkaException, Producer
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from kafka import KafkaConsumer, KafkaProducer

from provocations import server
from provocations.registry import failure, several

MAIL, RETRY, CHANGED, CALL = "send_email", "retry", "retry_with_new_params", "escalate"
URL = server.start()
NOBODY = f"http://127.0.0.1:{server.dead_port()}"
for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "AWS_PROFILE"):
    os.environ.pop(name, None)
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


def aws(service: str, endpoint: str = URL, **options: object) -> object:
    config = Config(retries={"max_attempts": 0}, connect_timeout=1, read_timeout=1, s3={"addressing_style": "path"})
    keys = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "example"}
    return boto3.client(service, endpoint_url=endpoint, region_name="eu-west-1", config=config, **{**keys, **options})


def s3(code: str, status: int, message: str) -> object:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    server.answer("/lake", status, body.encode(), Content_Type="application/xml")
    return aws("s3").get_object(Bucket="lake", Key="raw/orders/part-0.parquet")


def dynamo(code: str, message: str) -> object:
    server.answer("/", 400, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message})
    try:
        return aws("dynamodb").get_item(TableName="state", Key={"id": {"S": "1"}})
    finally:
        del server.ANSWERS["/"]


def blob(code: str, status: int, message: str) -> object:
    body = f"<?xml version='1.0' encoding='utf-8'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    server.answer("/account/raw", status, body.encode(), Content_Type="application/xml", x_ms_error_code=code)
    return azure(URL).get_blob_client("raw", "orders/part-0.parquet").upload_blob(b"x")


def azure(url: str) -> BlobServiceClient:
    return BlobServiceClient(f"{url}/account", credential="ZXhhbXBsZQ==", retry_total=0)


def gcs(status: int, message: str, reason: str) -> object:
    errors = {"error": {"code": status, "message": message, "errors": [{"message": message, "reason": reason}]}}
    server.answer("/download/storage", status, errors)
    server.answer("/storage", status, errors)
    return google().bucket("lake").get_blob("orders/part-0.parquet", retry=None) or google().get_bucket("lake")


def google(url: str = URL) -> storage.Client:
    return storage.Client("project", credentials=AnonymousCredentials(), client_options={"api_endpoint": url})


def chat(status: int, code: str | None, message: str, kind: str = "invalid_request_error") -> object:
    server.answer("/openai/v1", status, {"error": {"message": message, "type": kind, "code": code, "param": None}})
    return ask(f"{URL}/openai/v1")


def ask(url: str, **options: object) -> object:
    client = openai.OpenAI(base_url=url, api_key="example", max_retries=0, **options)
    return client.chat.completions.create(model="gpt", messages=[{"role": "user", "content": "x"}])


DENIED = "User: arn:aws:sts::123456789012:assumed-role/etl/i-0a is not authorized to perform: s3:GetObject"

several(
    [
        ("S3 refuses a read", "permission", MAIL, (), lambda: s3("AccessDenied", 403, "Access Denied")),
        ("S3 names the missing right", "permission", MAIL, (), lambda: s3("AccessDenied", 403, DENIED)),
        (
            "S3 with an expired token",
            "permission",
            MAIL,
            (RETRY,),
            lambda: s3("ExpiredToken", 400, "The provided token has expired."),
        ),
        (
            "S3 with an unknown key",
            "permission",
            MAIL,
            ("configuration",),
            lambda: s3("InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."),
        ),
        (
            "S3 with a wrong signature",
            "permission",
            MAIL,
            ("configuration",),
            lambda: s3(
                "SignatureDoesNotMatch",
                403,
                "The request signature we calculated does not match the signature you provided.",
            ),
        ),
        (
            "S3 without the key",
            "data_not_found",
            MAIL,
            (),
            lambda: s3("NoSuchKey", 404, "The specified key does not exist."),
        ),
        (
            "S3 without the bucket",
            "data_not_found",
            MAIL,
            ("configuration",),
            lambda: s3("NoSuchBucket", 404, "The specified bucket does not exist"),
        ),
        (
            "S3 asks to slow down",
            "quota",
            RETRY,
            ("network",),
            lambda: s3("SlowDown", 503, "Please reduce your request rate."),
        ),
        (
            "S3 has an internal error",
            "network",
            RETRY,
            ("infrastructure",),
            lambda: s3("InternalError", 500, "We encountered an internal error. Please try again."),
        ),
        (
            "S3 is unavailable",
            "network",
            RETRY,
            ("infrastructure", "quota"),
            lambda: s3("ServiceUnavailable", 503, "Service is unable to handle request."),
        ),
        (
            "S3 has a conflicting operation",
            "concurrency",
            RETRY,
            (),
            lambda: s3(
                "OperationAborted",
                409,
                "A conflicting conditional operation is currently in progress against this resource.",
            ),
        ),
        (
            "S3 in another region",
            "configuration",
            MAIL,
            (),
            lambda: s3(
                "AuthorizationHeaderMalformed",
                400,
                "The authorization header is malformed; the region 'eu-west-1' is wrong; expecting 'eu-central-1'",
            ),
        ),
        (
            "DynamoDB throttles",
            "quota",
            RETRY,
            (CHANGED,),
            lambda: dynamo(
                "ProvisionedThroughputExceededException",
                "The level of configured provisioned throughput for the table was exceeded.",
            ),
        ),
        ("AWS throttles", "quota", RETRY, (), lambda: dynamo("ThrottlingException", "Rate exceeded")),
        (
            "a condition that another writer broke",
            "concurrency",
            RETRY,
            ("user_code", MAIL, "data_quality"),
            lambda: dynamo("ConditionalCheckFailedException", "The conditional request failed"),
        ),
        (
            "DynamoDB without the table",
            "data_not_found",
            MAIL,
            (),
            lambda: dynamo("ResourceNotFoundException", "Requested resource not found"),
        ),
        (
            "AWS without credentials",
            "permission",
            MAIL,
            ("configuration",),
            lambda: aws("s3", aws_access_key_id=None, aws_secret_access_key=None).get_object(Bucket="b", Key="k"),
        ),
        ("AWS without a region", "configuration", MAIL, (), lambda: boto3.client("sqs")),
        (
            "an AWS profile that does not exist",
            "configuration",
            MAIL,
            ("permission",),
            lambda: boto3.Session(profile_name="etl-prod"),
        ),
        ("S3 at a dead port", "network", RETRY, (), lambda: aws("s3", NOBODY).list_buckets()),
        ("S3 too slow", "timeout", RETRY, ("network", CHANGED), lambda: aws("s3", f"{URL}/slow").list_buckets()),
        (
            "a parameter that boto3 refuses",
            "user_code",
            MAIL,
            ("configuration", "syntax"),
            lambda: aws("s3").get_object(Bucket="b"),
        ),
        (
            "Azure storage with a wrong key",
            "permission",
            MAIL,
            (),
            lambda: blob("AuthenticationFailed", 403, "Server failed to authenticate the request."),
        ),
        (
            "Azure storage without the right",
            "permission",
            MAIL,
            (),
            lambda: blob(
                "AuthorizationPermissionMismatch",
                403,
                "This request is not authorized to perform this operation using this permission.",
            ),
        ),
        (
            "Azure storage behind its firewall",
            "permission",
            MAIL,
            ("network",),
            lambda: blob("AuthorizationFailure", 403, "This request is not authorized to perform this operation."),
        ),
        (
            "Azure storage without the container",
            "data_not_found",
            MAIL,
            ("configuration",),
            lambda: blob("ContainerNotFound", 404, "The specified container does not exist."),
        ),
        (
            "Azure storage without the blob",
            "data_not_found",
            MAIL,
            (),
            lambda: blob("BlobNotFound", 404, "The specified blob does not exist."),
        ),
        (
            "Azure storage is busy",
            "quota",
            RETRY,
            ("network", "infrastructure"),
            lambda: blob("ServerBusy", 503, "Ingress is over the account limit."),
        ),
        (
            "Azure storage has an internal error",
            "network",
            RETRY,
            ("infrastructure",),
            lambda: blob(
                "InternalError", 500, "Server encountered an internal error. Please try again after some time."
            ),
        ),
        (
            "Azure storage timed out an operation",
            "timeout",
            RETRY,
            ("network", "infrastructure"),
            lambda: blob("OperationTimedOut", 500, "Operation could not be completed within the permitted time."),
        ),
        (
            "a blob whose lease another holds",
            "concurrency",
            RETRY,
            (MAIL,),
            lambda: blob(
                "LeaseIdMissing",
                412,
                "There is currently a lease on the blob and no lease ID was specified in the request.",
            ),
        ),
        (
            "a blob that another writer made",
            "concurrency",
            MAIL,
            ("data_quality", "user_code", RETRY),
            lambda: blob("BlobAlreadyExists", 409, "The specified blob already exists."),
        ),
        ("Azure storage at a dead port", "network", RETRY, (), lambda: azure(NOBODY).get_service_properties()),
        (
            "an Azure connection string that is none",
            "configuration",
            MAIL,
            (),
            lambda: BlobServiceClient.from_connection_string("x"),
        ),
        (
            "Entra ID at a host without a name",
            "network",
            RETRY,
            ("permission", "configuration", MAIL),
            lambda: ClientSecretCredential(
                "11111111-1111-1111-1111-111111111111",
                "id",
                "secret",
                authority="login.invalid",
                disable_instance_discovery=True,
            ).get_token("x/.default"),
        ),
        (
            "GCS refuses",
            "permission",
            MAIL,
            (),
            lambda: gcs(
                403,
                "etl@project.iam.gserviceaccount.com does not have "
                "storage.objects.get access to the Google Cloud Storage object.",
                "forbidden",
            ),
        ),
        (
            "GCS does not know who asks",
            "permission",
            MAIL,
            (),
            lambda: gcs(401, "Anonymous caller does not have storage.objects.get access", "required"),
        ),
        (
            "GCS without the bucket",
            "data_not_found",
            MAIL,
            ("configuration",),
            lambda: gcs(404, "The specified bucket does not exist.", "notFound"),
        ),
        (
            "GCS asks to slow down",
            "quota",
            RETRY,
            (),
            lambda: gcs(429, "The rate of change requests to the object exceeds the rate limit.", "rateLimitExceeded"),
        ),
        ("GCS has a bad day", "network", RETRY, ("infrastructure",), lambda: gcs(503, "Backend Error", "backendError")),
        ("no Google credentials", "permission", MAIL, ("configuration",), lambda: storage.Client()),
        (
            "a model endpoint with a wrong key",
            "permission",
            MAIL,
            (),
            lambda: chat(401, "invalid_api_key", "Incorrect API key provided."),
        ),
        (
            "a model endpoint that forbids",
            "permission",
            MAIL,
            (),
            lambda: chat(403, None, "Your project has no access to this model."),
        ),
        (
            "a model that is not deployed",
            "configuration",
            MAIL,
            ("data_not_found",),
            lambda: chat(404, "DeploymentNotFound", "The API deployment for this resource does not exist."),
        ),
        (
            "a model endpoint that throttles",
            "quota",
            RETRY,
            (),
            lambda: chat(
                429,
                "rate_limit_exceeded",
                "Rate limit reached for gpt in organization org-1 on tokens per min.",
                "tokens",
            ),
        ),
        (
            "a model endpoint out of money",
            "quota",
            CALL,
            (MAIL,),
            lambda: chat(
                429,
                "insufficient_quota",
                "You exceeded your current quota, please check your plan and billing details.",
                "insufficient_quota",
            ),
        ),
        (
            "a model endpoint with an internal error",
            "network",
            RETRY,
            ("infrastructure",),
            lambda: chat(500, None, "The server had an error while processing your request.", "server_error"),
        ),
        (
            "a prompt that is too long",
            "user_code",
            MAIL,
            ("quota", "configuration", "data_quality", CHANGED),
            lambda: chat(
                400,
                "context_length_exceeded",
                "This model's maximum context length is 128000 tokens. However, your messages resulted in 203911 tokens.",
            ),
        ),
        ("a model endpoint at a dead port", "network", RETRY, (), lambda: ask(NOBODY)),
        (
            "a model endpoint that is too slow",
            "timeout",
            RETRY,
            ("network", CHANGED),
            lambda: ask(f"{URL}/slow", timeout=0.2),
        ),
        ("no key for the model endpoint", "configuration", MAIL, ("permission",), lambda: openai.OpenAI()),
        (
            "Kafka at a dead port",
            "network",
            RETRY,
            ("configuration", MAIL),
            lambda: KafkaConsumer("orders", bootstrap_servers=NOBODY[7:], bootstrap_timeout_ms=1500),
        ),
        (
            "Kafka at a host without a name",
            "network",
            RETRY,
            ("configuration", MAIL),
            lambda: KafkaProducer(bootstrap_servers="broker.invalid:9092", bootstrap_timeout_ms=1500),
        ),
        (
            "a Kafka setting that does not exist",
            "configuration",
            MAIL,
            ("user_code",),
            lambda: KafkaConsumer(bootstrap="x:1"),
        ),
        (
            "a librdkafka setting that does not exist",
            "configuration",
            MAIL,
            (),
            lambda: Producer({"bootstrap.server": "x:1"}),
        ),
        (
            "a librdkafka consumer without its group",
            "configuration",
            MAIL,
            (),
            lambda: Consumer({"bootstrap.servers": "x:1"}),
        ),
        ("librdkafka's metadata at a dead port", "network", RETRY, ("timeout",), lambda: rdkafka_metadata()),
        ("Redis at a dead port", "network", RETRY, (), lambda: redis.Redis(port=int(NOBODY[17:])).get("x")),
        (
            "MongoDB at a dead port",
            "network",
            RETRY,
            ("timeout",),
            lambda: pymongo.MongoClient(port=int(NOBODY[17:]), serverSelectionTimeoutMS=300).admin.command("ping"),
        ),
        ("gRPC at a dead port", "network", RETRY, (), lambda: rpc("dead")),
        ("gRPC too slow", "timeout", RETRY, (CHANGED,), lambda: rpc("DEADLINE_EXCEEDED")),
        ("gRPC says RESOURCE_EXHAUSTED", "quota", RETRY, ("resource", CHANGED), lambda: rpc("RESOURCE_EXHAUSTED")),
        ("gRPC says PERMISSION_DENIED", "permission", MAIL, (), lambda: rpc("PERMISSION_DENIED")),
        ("gRPC says UNAUTHENTICATED", "permission", MAIL, (), lambda: rpc("UNAUTHENTICATED")),
        ("gRPC says NOT_FOUND", "data_not_found", MAIL, ("configuration",), lambda: rpc("NOT_FOUND")),
        ("gRPC says ABORTED", "concurrency", RETRY, (), lambda: rpc("ABORTED")),
        ("gRPC says INTERNAL", "infrastructure", RETRY, ("network", CALL), lambda: rpc("INTERNAL")),
    ],
    platform="cloud",
    task_type="python_wheel",
)

WORDS = {
    "RESOURCE_EXHAUSTED": "Quota 'ReadRequestsPerMinute' exhausted.",
    "PERMISSION_DENIED": "Missing or insufficient permissions.",
    "UNAUTHENTICATED": "Request had invalid authentication credentials.",
    "NOT_FOUND": "Requested entity was not found.",
    "ABORTED": "Too much contention on these documents. Please try again.",
    "INTERNAL": "Internal error encountered.",
    "DEADLINE_EXCEEDED": "",
}


class _Rpc(grpc.GenericRpcHandler):
    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        name = details.method.rsplit("/", 1)[1]

        def call(_: bytes, answer: grpc.ServicerContext) -> bytes:
            if name == "DEADLINE_EXCEEDED":
                time.sleep(1)
            answer.abort(grpc.StatusCode[name], WORDS[name])
            return b""

        return grpc.unary_unary_rpc_method_handler(call)


def rpc(name: str) -> object:
    from concurrent.futures import ThreadPoolExecutor

    host = grpc.server(ThreadPoolExecutor(2), handlers=[_Rpc()])
    port = host.add_insecure_port("127.0.0.1:0")
    host.start()
    if name == "dead":
        host.stop(0).wait()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        return channel.unary_unary(f"/ingest.Loader/{name}")(b"", timeout=0.5)


def rdkafka_metadata() -> object:
    return Producer({"bootstrap.servers": NOBODY[7:], "log_level": 0}).list_topics(timeout=1)


@failure("librdkafka's poll when all brokers are down", "network", RETRY, platform="kafka")
def rdkafka_poll() -> None:
    seen: list[object] = []
    settings = {"bootstrap.servers": NOBODY[7:], "group.id": "g", "log_level": 0, "error_cb": seen.append}
    consumer = Consumer(settings)
    consumer.subscribe(["orders"])
    for _ in range(50):
        consumer.poll(0.1)
        down = [one for one in seen if "ALL_BROKERS_DOWN" in str(one)]
        if down:
            raise KafkaException(down[0])


@failure("redis, asked for a password", "permission", MAIL, platform="cloud")
def redis_password() -> object:
    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"-NOAUTH Authentication required.\r\n")
        await writer.drain()

    async def run() -> object:
        from redis.asyncio import Redis

        async with await asyncio.start_server(speak, "127.0.0.1", 0) as host:
            return await Redis(port=host.sockets[0].getsockname()[1]).get("x")

    return asyncio.run(run())
