from pathlib import Path

import pytest

from jobmedic.knowledge.catalogue import Catalogue, CatalogueError, Kind
from jobmedic.knowledge.masks import Masks
from jobmedic.knowledge.words import Action, Category

RULE = """
- id: disk-gone
  category: infrastructure
  match: ['disk (is )?gone']
  root_cause: "A disk went away."
  fix: "Run again."
  examples:
    match: ["the disk is gone"]
"""


def _file(folder: Path, text: str) -> Path:
    path = folder / "rules.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_catalogue_covers_every_category_and_most_kinds_of_evidence() -> None:
    catalogue = Catalogue.load()
    assert len(catalogue.rules) >= 150
    assert {rule.category for rule in catalogue.rules} == set(Category)
    assert {rule.kind for rule in catalogue.rules} == set(Kind)
    assert {rule.action for rule in catalogue.rules} == set(Action)
    assert len(catalogue.conditions) > 1200


def test_every_condition_of_the_table_belongs_to_a_rule() -> None:
    catalogue = Catalogue.load()
    assert set(catalogue.conditions.values()) <= {rule.id for rule in catalogue.rules}
    assert catalogue.conditions["TABLE_OR_VIEW_NOT_FOUND"] == "condition-not-found"


def test_what_a_rule_leaves_out_is_usual_for_its_category(tmp_path: Path) -> None:
    (rule,) = Catalogue.load(_file(tmp_path, RULE)).rules
    assert (rule.action, rule.transient, rule.kind) == (Action.RETRY, True, Kind.MESSAGE)


def test_rules_stand_in_order_of_weakness_then_kind_then_priority() -> None:
    rules = Catalogue.load().rules
    assert [rule.precedence for rule in rules] == sorted(rule.precedence for rule in rules)
    assert rules[0].kind is Kind.TERMINATION_CODE
    assert rules[-1].weak


def test_the_version_changes_with_the_text(tmp_path: Path) -> None:
    before = Catalogue.load(_file(tmp_path, RULE)).version
    assert Catalogue.load(_file(tmp_path, RULE.replace("gone", "lost"))).version != before
    assert len(before) == 12


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("infrastructure", "weather"), "category"),
        (("disk (is )?gone'", "(?=disk)'"), "which Rust's and Java's regexes do not share"),
        (("disk (is )?gone'", "disk[0-9'"), "is no regex"),
        (("disk (is )?gone'", "Disk'"), "capitals"),
        (("fix:", "remedy:"), "fix"),
        (("infrastructure", "unknown"), "needs"),
        (("id: disk-gone", "id: Disk Gone"), "id"),
    ],
)
def test_a_bad_rule_is_refused_with_file_line_rule_and_reason(
    tmp_path: Path, change: tuple[str, str], reason: str
) -> None:
    path = _file(tmp_path, RULE.replace(*change))
    with pytest.raises(CatalogueError) as refusal:
        Catalogue.load(path)
    assert f"{path}:2" in str(refusal.value)
    assert reason in str(refusal.value)


@pytest.mark.parametrize("text", ["just words", "- 1", "a: [", RULE + RULE])
def test_a_file_that_is_no_list_of_rules_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(CatalogueError, match=r"rules\.yml"):
        Catalogue.load(_file(tmp_path, text))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no rule files"):
        Catalogue.load(tmp_path)


def test_masks_that_two_engines_read_differently_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "masks.yml"
    path.write_text("- {name: digits, match: '\\d+'}", encoding="utf-8")
    with pytest.raises(CatalogueError, match="mask digits"):
        Masks.load(path)
