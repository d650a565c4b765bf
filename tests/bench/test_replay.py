"""The benchmark of replay measures what it says: each variant decides everything again, and differently."""

from pathlib import Path

import pytest

from bench.replay import measure
from jobmedic.edges.spark import SparkKind


def test_every_variant_decides_all_failures_and_changes_some(tmp_path: Path, spark_kind: SparkKind) -> None:
    if spark_kind is not SparkKind.SAIL:
        pytest.skip("the benchmark runs on the embedded engine")
    timed = measure(2_000, tmp_path)
    assert {one.report.decisions for one in timed} == {1_900}
    assert all(0 < one.report.changed < 1_900 for one in timed)
