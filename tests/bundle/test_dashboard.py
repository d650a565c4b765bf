"""The dashboard and the alerts, tried on the tables of a month."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.spark import Features
from jobmedic.knowledge.tables import tables, views
from tests.bundle.bundle_files import ROOT, defined
from tests.filled_ledger import filled

DASHBOARD = json.loads((ROOT / "resources" / "decisions.lvdash.json").read_text(encoding="utf-8"))
DATASETS = {dataset["name"]: "".join(dataset["queryLines"]) for dataset in DASHBOARD["datasets"]}
PLACED = [item for page in DASHBOARD["pages"] for item in page["layout"]]
WIDGETS = {item["widget"]["name"]: item["widget"] for item in PLACED}
DRAWN = {name: widget for name, widget in WIDGETS.items() if "queries" in widget}
FILTERS = {name: widget for name, widget in DRAWN.items() if widget["spec"]["widgetType"].startswith("filter-")}
COLUMN = re.compile(r"`([^`]+)`")
# Incidents are those open now, whenever they began; the model's bill is no single job's or category's.
UNFILTERED = {"when": {"incidents"}, "job": {"model"}, "category": {"model"}}
# What AI/BI itself adds to the query of a filter; no column of ours.
OWN_COLUMN = "associative_filter_predicate_group"


@pytest.fixture(scope="module")
def month(spark: SparkSession, features: Features, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeltaLedger]:
    with filled(spark, features, tmp_path_factory.mktemp("month") / "tables") as ledger:
        yield ledger


def fields(widget: dict[str, Any]) -> list[dict[str, str]]:
    return [field for query in widget["queries"] for field in query["query"]["fields"]]


def encoded(value: Any) -> Iterator[str]:
    """Every field name that the widget's encodings speak of."""
    if isinstance(value, dict):
        for key, entry in value.items():
            if key == "fieldName":
                yield entry
            else:
                yield from encoded(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from encoded(entry)


@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_finds_something(spark: SparkSession, month: DeltaLedger, name: str) -> None:
    assert spark.sql(DATASETS[name]).count() > 0


@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_reads_jobmedic_s_tables_and_names_no_schema(name: str) -> None:
    named = set(re.findall(r"(?:FROM|JOIN) ([a-z_.]+)", DATASETS[name]))
    inner = set(re.findall(r"([a-z_]+) AS \(", DATASETS[name]))
    assert named - inner
    assert named - inner <= {*tables(), *views()}


@pytest.mark.parametrize("name", [name for name in DRAWN if name not in FILTERS])
def test_a_widget_asks_for_what_its_dataset_has(spark: SparkSession, month: DeltaLedger, name: str) -> None:
    [query] = [query["query"] for query in DRAWN[name]["queries"]]
    asked = ", ".join(f"{field['expression']} AS `{field['name']}`" for field in query["fields"])
    plain = [field["expression"] for field in query["fields"] if COLUMN.fullmatch(field["expression"])]
    grouped = f" GROUP BY {', '.join(plain)}" if plain and not query["disaggregated"] else ""
    rows = spark.sql(f"SELECT {asked} FROM ({DATASETS[query['datasetName']]}) AS dataset{grouped}").collect()
    assert rows
    assert any(value is not None for value in rows[0])


@pytest.mark.parametrize("name", DRAWN)
def test_a_widget_shows_only_fields_that_it_asks_for(name: str) -> None:
    shown = set(encoded(DRAWN[name]["spec"]["encodings"]))
    assert shown
    assert shown <= {field["name"] for field in fields(DRAWN[name])}


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_reaches_datasets_that_have_its_column(spark: SparkSession, month: DeltaLedger, name: str) -> None:
    for query in FILTERS[name]["queries"]:
        columns = spark.sql(DATASETS[query["query"]["datasetName"]]).columns
        asked = {column for field in query["query"]["fields"] for column in COLUMN.findall(field["expression"])}
        assert asked - {OWN_COLUMN} <= set(columns)


def test_job_category_and_time_can_be_filtered() -> None:
    assert {field["name"] for widget in FILTERS.values() for field in fields(widget)} >= {"job_name", "category", "day"}


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_leaves_out_no_dataset_that_it_could_narrow(
    spark: SparkSession, month: DeltaLedger, name: str
) -> None:
    [column] = {field["name"] for field in fields(FILTERS[name])} & {"job_name", "category", "day"}
    reached = [query["query"]["datasetName"] for query in FILTERS[name]["queries"]]
    assert sorted(reached) == sorted(dataset for dataset in DATASETS if column in spark.sql(DATASETS[dataset]).columns)
    assert set(DATASETS) - set(reached) <= UNFILTERED[name]
    for dataset in reached:
        values = [row[column] for row in spark.sql(DATASETS[dataset]).select(column).distinct().collect()]
        assert None not in values
        assert len(values) > 1, f"{column} has one value alone in {dataset}"


def test_seven_days_of_accuracy_are_the_average_of_the_decisions_of_those_days(
    spark: SparkSession, month: DeltaLedger
) -> None:
    by_hand = spark.sql(
        "SELECT avg(CASE WHEN judged_right THEN 1.0D ELSE 0.0D END) AS accuracy FROM v_decisions "
        "WHERE judged_right IS NOT NULL AND decided_on > date_sub(current_date(), 7)"
    ).collect()[0]["accuracy"]
    line = spark.sql(DATASETS["accuracy"]).where("line = 'seven days' AND day = current_date()")
    assert [row["a"] for row in line.selectExpr("avg(accuracy) AS a").collect()] == [pytest.approx(by_hand)]


def test_what_is_sorted_is_shown() -> None:
    sorted_by = [
        (order["expression"], [field["expression"] for field in query["query"]["fields"]])
        for widget in DRAWN.values()
        for query in widget["queries"]
        for order in query["query"].get("orders", [])
    ]
    assert len(sorted_by) == len([widget for widget in DRAWN.values() if widget["spec"]["widgetType"] == "table"])
    assert all(expression in shown for expression, shown in sorted_by)


def test_what_an_engineer_asks_first_is_shown() -> None:
    titles = {widget["spec"]["frame"]["title"] for widget in DRAWN.values()}
    assert titles >= {
        "Failures by category",
        "Decisions by action",
        "Recovery rate",
        "Accuracy and its trend",
        "Money saved and wasted",
        "Model spend",
        "Top causes",
        "Open incidents",
    }


def test_widgets_fit_the_grid_of_six_columns_and_do_not_overlap() -> None:
    places = [item["position"] for item in PLACED]
    assert all(place["x"] + place["width"] <= 6 for place in places)
    for one, other in combinations(places, 2):
        apart_x = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
        apart_y = one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
        assert apart_x or apart_y


def test_the_grid_has_no_holes() -> None:
    area = sum(item["position"]["width"] * item["position"]["height"] for item in PLACED)
    assert area == 6 * max(item["position"]["y"] + item["position"]["height"] for item in PLACED)


@pytest.mark.parametrize("name", defined("alerts"))
def test_an_alert_gives_one_row_with_the_column_that_it_watches(
    spark: SparkSession, month: DeltaLedger, name: str
) -> None:
    alert = defined("alerts")[name]
    query = alert["query_text"].replace("${var.catalog}.${var.schema}.", "")
    [row] = spark.sql(query).collect()
    assert row[alert["evaluation"]["source"]["name"]] is not None
