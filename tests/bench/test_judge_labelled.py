import json
from pathlib import Path

import pytest

from bench.judge.labelled import LabelError, read_labelled
from jobmedic.knowledge.words import Action, Category

ROW = {"id": "a", "error": "e", "category": "network", "action": "retry"}


def write(folder: Path, *rows: object) -> Path:
    path = folder / "labels.jsonl"
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


def test_a_failure_without_second_labels_accepts_its_own(tmp_path: Path) -> None:
    (failure,) = read_labelled(write(tmp_path, ROW))
    assert failure.accept_category == {Category.NETWORK}
    assert failure.accept_action == {Action.RETRY}


def test_a_provoked_failure_has_what_provoked_it_for_a_source(tmp_path: Path) -> None:
    (failure,) = read_labelled(write(tmp_path, ROW | {"how": "a port nobody listens on"}))
    assert failure.source == "a port nobody listens on"


@pytest.mark.parametrize("line", ["{", '{"id": "b"}', "[]", '{"id": "b", "category": "bad luck", "action": "retry"}'])
def test_a_bad_line_is_named_by_file_and_number(tmp_path: Path, line: str) -> None:
    with pytest.raises(LabelError, match=r"labels\.jsonl:2: not a labelled failure"):
        read_labelled(write(tmp_path, ROW, line))


def test_an_id_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="stands there twice"):
        read_labelled(write(tmp_path, ROW, ROW))


def test_a_missing_file_and_an_empty_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="cannot be read"):
        read_labelled(tmp_path / "none.jsonl")
    with pytest.raises(LabelError, match="no labelled failure"):
        read_labelled(write(tmp_path))
