from bench.__main__ import BENCHMARKS, HEAD, _sections, present


def test_a_page_is_taken_apart_into_the_sections_that_it_was_made_of() -> None:
    parts = {"Transforms": "## Transforms\n\n```\na ## b\n```\n", "Replay": "## Replay\n\nx\n"}
    page = "\n".join([HEAD, "2 cores\n", *parts.values()])
    assert _sections(page) == parts


def test_there_is_something_to_measure() -> None:
    assert {"bench.transforms", "bench.fingerprints", "bench.passes"} <= {one.module for one in present()}
    assert len({one.title for one in BENCHMARKS}) == len(BENCHMARKS)
