"""Made-up secrets of every shape, put together at run time so that no scanner takes this file for a leak.

Each sample: kind, a text around the secret, and the secret; `{}` in the text is where it stands.
"""

from dataclasses import dataclass

HEX = "0123456789abcdef"
ALNUM = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA"
B64 = "Ab1+/Cd2"


@dataclass(frozen=True)
class Sample:
    kind: str
    text: str
    secret: str

    @property
    def leak(self) -> str:
        return self.text.replace("{}", self.secret)

    @property
    def clean(self) -> str:
        return self.text.replace("{}", f"[redacted:{self.kind}]")


PEM = f"-----BEGIN RSA PRIVATE {'KEY'}-----\nMIIE{B64 * 7}\n{B64 * 8}\n{B64}==\n-----END RSA PRIVATE {'KEY'}-----"
PEM_CUT = f"-----BEGIN {'PRIVATE'} KEY-----\nMIIE{B64 * 7}\n{B64 * 8}"
PEM_JSON = PEM.replace("\n", "\\n")
JWT = f"{'eyJ'}hbGciOiJIUzI1NiJ9.{'eyJ'}zdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmN_HlOw"
STORAGE = (B64 * 11)[:86] + "=="

SAMPLES = [
    Sample("databricks_token", "Invalid access token {} for host", "dapi" + HEX * 2),
    Sample("databricks_token", "token={}&x=1", "dapi" + HEX * 2 + "-3"),
    Sample("databricks_token", "glued to itxxx{}", "dapi" + HEX * 2),
    Sample("databricks_oauth_secret", "client_secret: {}\nnext", "dose" + HEX * 2),
    Sample("jwt", "headers {'X': '{}'} sent", JWT),
    Sample("jwt", "callback?state=1%20{} failed", JWT),
    Sample("aws_access_key", "The AWS Access Key Id {} does not exist", "AKIA" + "IOSFODNN7EXAMPLQ"),
    Sample("aws_access_key", "(key {})", "ASIA" + "IOSFODNN7EXAMPLQ"),
    Sample("aws_secret_key", "aws_secret_access_key = {}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY"),
    Sample("aws_secret_key", 'fs.s3a.secret.key": "{}"', "wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY"),
    Sample("aws_session_token", "session {} expired", "IQoJb3JpZ2luX2Vj" + B64 * 10),
    Sample("azure_storage_key", "AccountName=foo;AccountKey={};EndpointSuffix=core.windows.net", STORAGE),
    Sample("azure_storage_key", "spark.hadoop.fs.azure.account.key.a.dfs.core.windows.net = {}", STORAGE),
    Sample("conf_secret", "fs.azure.account.key.a.dfs.core.windows.net {} not valid", "c2hvcnQga2V5IG9mIDIw1=="),
    Sample("conf_secret", 'spark.conf.set("fs.azure.account.key.a.dfs.core.windows.net", "{}")', "mykey1234"),
    Sample("conf_secret", "('spark.hadoop.javax.jdo.option.ConnectionPassword', '{}')", "hive-pw"),
    Sample("sas_signature", "https://a.blob.core.windows.net/c?sv=2020&sig={}&sp=r", "abcDEF123%2Bxyz%3D"),
    Sample("azure_client_secret", "AADSTS7000215 secret {} wrong", "abc8Q~" + "d" * 34),
    Sample("azure_service_key", "Access denied due to invalid key {}.", ALNUM + ALNUM[:20] + "JQQJ99" + "A" * 26),
    Sample("password", "jdbc:sqlserver://h:1433;user=sa;password={};encrypt=true", "S3cr3t!"),
    Sample("password", "jdbc:sqlserver://h;password={{}};encrypt=true", "a;b c"),
    Sample("password", "jdbc:postgresql://h/db?user=u&password={}&ssl=true", "p(ss)w/rd"),
    Sample("password", "Driver={ODBC Driver 18};UID=sa;PWD={};Server=x", "abc"),
    Sample("password", "snowflake options sfUser -> u, sfPassword -> {}, sfRole -> r", "Winter24"),
    Sample("password", '{"user": "me", "password": "{}", "x": 1}', "hun ter2"),
    Sample("password", 'nested {\\"password\\": \\"{}\\"}', "hunter2"),
    Sample("password", "{'db_password': '{}', 'x': 1}", "it is a secret"),
    Sample("password", "db:\n  password: {}\n  host: x", "Sommer"),
    Sample("password", "jdbc:sqlserver://h;user=sa;password={};encrypt=true", "Tr0ub4dor&3x"),
    Sample("password", "x?user=u&password={}&ssl=true", "Tr0ub4dor&3x"),
    Sample("password", "run.sh --password {} --verbose", "hunter2"),
    Sample("password", "export DB_PASS={}\nnext", "hunter2"),
    Sample("password", "MYSQL_PWD={} mysql", "hunter2"),
    Sample("password", "connect(user='u', passwd='{}')", "hunter2"),
    Sample("password", 'PlainLoginModule required username="u" password="{}";', "kafka-pw"),
    Sample("xml_password", "<user>u</user><password>{}</password>", "abc"),
    Sample("xml_password", "<name>fs.s3a.secret.key</name><value>{}</value>", "abcdef"),
    Sample("sql_password", "CREATE USER x IDENTIFIED BY '{}'", "pw"),
    Sample("sql_password", "ALTER ROLE x WITH PASSWORD '{}'", "pw"),
    Sample("url_password", "mongodb+srv://bob:{}@cluster0.mongodb.net/db", "p%40ss"),
    Sample("url_password", "redis://:{}@redis:6379/0", "topsecret"),
    Sample("url_password", "postgresql://u:{}@h:5432/db", "p@ss:w"),
    Sample("url_password", "snowflake://u:{}@acct/db", "pw"),
    Sample("oracle_password", "jdbc:oracle:thin:scott/{}@//h:1521/x", "tiger"),
    Sample("curl_user", "curl -s -u bob:{} https://x", "pw"),
    Sample("token", "Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey={}", "abcDEF123456+/abcDEF="),
    Sample("token", "api-key: {}", HEX * 2),
    Sample("token", "AZURE_OPENAI_API_KEY={}", HEX * 2),
    Sample("token", "Ocp-Apim-Subscription-Key: {}", HEX * 2),
    Sample("token", '{"access_token":"{}","expires_in":1}', "abcDEF12345"),
    Sample("token", "deploy --token {} --x", "abcd1234efgh"),
    Sample("token", "//npm.example.com/:_authToken={}", "0a1b2c3d-4e5f"),
    Sample("secret", "client_secret={}&grant_type=x", "abc~def.ghi"),
    Sample("secret", '"clientSecret": "{}"', "abcdef"),
    Sample("url_token", "GET /hook?code={}&x=1", "abcdef123456=="),
    Sample("url_token", "https://b.s3.amazonaws.com/k?X-Amz-Signature={}&y", HEX * 4),
    Sample("google_api_key", "maps key {} refused", "AIza" + "Sy" + ALNUM + "x"),
    Sample("google_oauth_token", "got {} back", "ya29." + ALNUM),
    Sample("gcp_private_key_id", '"private_key_id": "{}",', HEX + HEX + "01234567"),
    Sample("private_key", "loading {} failed", PEM),
    Sample("private_key", '"private_key": "{}\\n", "client_email": "x"', PEM_JSON),
    Sample("private_key", "cut off: {} and these words stay", PEM_CUT),
    Sample("github_token", "clone with {} failed", "ghp_" + ALNUM + "1234"),
    Sample("github_token", "clone with {} failed", "github_pat_" + ALNUM),
    Sample("gitlab_token", "remote: {} denied", "glpat-" + ALNUM[:20]),
    Sample("slack_token", "invalid_auth {} x", "xoxb-" + "123456789012-" + ALNUM),
    Sample("slack_webhook", "POST https://hooks.slack.com/services/{} 404", "T00000000/B00000000/" + ALNUM[:24]),
    Sample("teams_webhook", "https://x.webhook.office.com/webhookb2/{} failed", f"{HEX}@{HEX}/IncomingWebhook/{HEX}"),
    Sample("discord_webhook", "https://discord.com/api/webhooks/{} gone", f"123456789012345678/{ALNUM}"),
    Sample("pagerduty_key", "https://events.pagerduty.com/integration/{}/enqueue", HEX * 2),
    Sample("pagerduty_key", '{"routing_key": "{}"}', HEX * 2),
    Sample("opsgenie_key", "header GenieKey {} sent", "01234567-89ab-cdef-0123-456789abcdef"),
    Sample("openai_key", "Incorrect API key provided: {}.", "sk-" + "proj-" + ALNUM),
    Sample("openai_key", "x {} y", "sk-" + "ant-api03-" + ALNUM),
    Sample("authorization", "Authorization: Bearer {}\nAccept: */*", "abcdefghijk"),
    Sample("authorization", "{'authorization': 'Basic {}'}", "dXNlcjpwYXNz"),
    Sample("bearer_token", "sent Bearer {} to it", "abcDEF123.xyz-456"),
    Sample("cookie", "Set-Cookie: JSESSIONID={}; Path=/; HttpOnly", HEX),
    Sample("huggingface_token", "hub says {} x", "hf_" + ALNUM + "xyz"),
    Sample("pypi_token", "twine {} x", "pypi-" + ALNUM * 2),
    Sample("npm_token", "npm {} x", "npm_" + ALNUM + "1234"),
    Sample("stripe_key", "No such key: {}!", "sk_" + "live_" + ALNUM[:24]),
    Sample("twilio_key", "twilio {} x", "SK" + HEX * 2),
    Sample("sendgrid_key", "mail {} x", "SG." + ALNUM[:22] + "." + ALNUM + "12345678901"),
    Sample("mailgun_key", "mail {} x", "key-" + HEX * 2),
    Sample("mailchimp_key", "mail {} x", HEX * 2 + "-us12"),
    Sample("telegram_token", "bot {} x", "123456789:AA" + ALNUM + "x"),
    Sample("vendor_token", "vault {} x", "hvs." + ALNUM),
    Sample("vendor_token", "dbt cloud {} x", "dbtc_" + ALNUM),
]

# What stands in errors every day and is no secret.
ORDINARY = """\
Syntax error at or near 'password': extra input 'password'. SQLSTATE: 42601 (line 1, pos 7)
[PARSE_SYNTAX_ERROR] Syntax error at or near 'token': missing ')'.
unexpected token ')'
SyntaxError: Unexpected token < in JSON at position 0
Unexpected token: order_date_2024 (line 3)
mismatched input 'token' expecting {<EOF>, ';'}(line 1, pos 8)
[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column with name `password` cannot be resolved. Did you mean [`passwd_hash`, `email`]?
 |-- password: string (nullable = true)
StructField('password', StringType(), True), StructField('token', StringType(), True)
struct<id:bigint,password:string,token:string>
Columns: ['password', 'email', 'secret']
AttributeReference password#123, token#124: string
Access denied for user 'etl'@'10.0.0.1' (using password: YES)
FATAL: password authentication failed for user "etl"
ORA-01017: invalid username/password; logon denied
Login failed for user 'etl'. Reason: password did not match
Secret does not exist with scope: prod-kv and key: db-password
password = dbutils.secrets.get(scope="prod", key="db-password")
conn = connect(host=host, user=user, password=password)
    token = response.json()["token"]
    token = self._client.get_token(scope)
    secret = os.environ["MY_SECRET"]
KeyError: 'password'
url=jdbc:x://h;password=${DB_PASSWORD}
spark.password={{secrets/prod/db-password}}
password=*********(redacted)
spark.authenticate.secret is not set
max_tokens: 4096, prompt tokens=128000
TokenExpiredException: the token expired at 2024-01-01T00:00:00Z
Basic authentication is required; Bearer authentication scheme expected
WWW-Authenticate: Bearer authorization_uri="https://login.example.com/tenant", error="invalid_token"
PWD=/databricks/driver
run 123e4567-e89b-12d3-a456-426614174000 failed
sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
commit da39a3ee5e6b4b0d3255bfef95601890afd80709
integrity sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==
main.sales.customer_secret_flags_2024 not found
abfss://container@account.dfs.core.windows.net/path/part-00000-8f3a.snappy.parquet
s3a://bucket/prefix/year=2024/month=01/_delta_log/00000000000000000010.json
at org.apache.spark.sql.catalyst.parser.ParseDriver.parse(ParseDriver.scala:45)
primary key = id123456789, partition key: order_date
disk-usage-report-2024-01-01-something-long and task-1234567890-abcdefghij
ModuleNotFoundError: No module named 'sk-learn-extra'
Job aborted due to stage failure: Task 3 in stage 12.0 failed 4 times (TID 45) (10.1.2.3 executor 1)
https://adb-1234567890123456.7.azuredatabricks.net/?o=1234567890123456#job/123/run/456
http://host:8080/path and git@github.com:org/repo.git
""".splitlines()
