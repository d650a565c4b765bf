from concurrent.futures import ThreadPoolExecutor

import pytest
from pyspark.sql import SparkSession

from jobmedic.edges.spark import FEATURES, SparkError, SparkKind, chosen_kind, open_session


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({"JOBMEDIC_SPARK": "classic"}, SparkKind.CLASSIC),
        ({"JOBMEDIC_SPARK": " Sail "}, SparkKind.SAIL),
        ({"JOBMEDIC_SPARK": "sail", "DATABRICKS_RUNTIME_VERSION": "client.4.2"}, SparkKind.SAIL),
        ({"DATABRICKS_RUNTIME_VERSION": "client.4.2"}, SparkKind.DATABRICKS),
    ],
)
def test_the_setting_beats_what_is_there(environ: dict[str, str], kind: SparkKind) -> None:
    assert chosen_kind(environ) is kind


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        SparkError, match="JOBMEDIC_SPARK is 'spark'; set it to sail, classic, databricks, or leave it out"
    ):
        chosen_kind({"JOBMEDIC_SPARK": "spark"})


def test_every_kind_has_its_features() -> None:
    assert set(FEATURES) == set(SparkKind)


def test_the_session_keeps_its_times_in_utc(spark: SparkSession) -> None:
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"


def test_classic_without_java_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(SparkError, match="Apache Spark needs Java 17"), open_session(SparkKind.CLASSIC):
        pass


def test_sail_sessions_stand_beside_each_other(spark: SparkSession, spark_kind: SparkKind) -> None:
    if spark_kind is not SparkKind.SAIL:
        pytest.skip("one Java machine holds one session")
    with open_session(SparkKind.SAIL) as other:
        assert other.sql("SELECT 1 AS one").collect()[0]["one"] == 1
    assert spark.sql("SELECT 2 AS two").collect()[0]["two"] == 2


def test_a_session_that_others_opened_is_lent_and_stays_open(spark: SparkSession, spark_kind: SparkKind) -> None:
    """Of a session in the Java machine there is one; in a thread of its own nobody has made it active yet."""
    if spark_kind is SparkKind.SAIL:
        pytest.skip("Sail opens a session for each")

    def ask() -> int:
        with open_session(spark_kind) as lent:
            return int(lent.sql("SELECT 1 AS one").collect()[0]["one"])

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(ask).result() == 1
    assert spark.sql("SELECT 2 AS two").collect()[0]["two"] == 2
