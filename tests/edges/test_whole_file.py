from pathlib import Path

import pytest

from jobmedic.edges.whole_file import made_whole


def test_a_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    made_whole(tmp_path / "new" / "store.db", lambda path: path.write_text("whole"))
    assert (tmp_path / "new" / "store.db").read_text() == "whole"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["store.db"]


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("old")
    made_whole(tmp_path / "store.db", lambda path: path.write_text("new"))
    assert (tmp_path / "store.db").read_text() == "old"


def test_of_two_that_make_it_at_once_the_first_to_finish_wins(tmp_path: Path) -> None:
    store = tmp_path / "store.db"

    def slow(path: Path) -> None:
        path.write_text("slow")
        made_whole(store, lambda other: other.write_text("quick"))

    made_whole(store, slow)
    assert store.read_text() == "quick"


def test_nothing_is_left_of_a_file_that_could_not_be_made(tmp_path: Path) -> None:
    def half(path: Path) -> None:
        path.write_text("half")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        made_whole(tmp_path / "store.db", half)
    assert list(tmp_path.iterdir()) == []
