"""How well a grouping of messages fits the true one.

Grouping accuracy: the share of messages whose group holds exactly the messages of their true group (Zhu et al., "Tools
and Benchmarks for Automated Log Parsing", ICSE-SEIP 2019). F-measure of group accuracy: the same over groups instead of
messages, so that a few large groups cannot hide many small ones (Jiang et al., "A Large-Scale Evaluation for Log
Parsing Techniques: How Far Are We?", ISSTA 2024).
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grouping:
    accuracy: float
    """Grouping accuracy, GA."""
    f_measure: float
    """F-measure of group accuracy, FGA."""
    true_groups: int
    found_groups: int
    split: int
    """True groups that were torn apart."""
    merged: int
    """Found groups that hold more than one true group."""


def grouping(truth: Sequence[Hashable], found: Sequence[Hashable]) -> Grouping:
    true_members, found_members = _members(truth), _members(found)
    right = [members for members in found_members if members in true_members]
    total = len(truth)
    precision = len(right) / len(found_members) if found_members else 0.0
    recall = len(right) / len(true_members) if true_members else 0.0
    return Grouping(
        accuracy=sum(len(members) for members in right) / total if total else 0.0,
        f_measure=2 * precision * recall / (precision + recall) if right else 0.0,
        true_groups=len(true_members),
        found_groups=len(found_members),
        split=sum(len({found[i] for i in members}) > 1 for members in true_members),
        merged=sum(len({truth[i] for i in members}) > 1 for members in found_members),
    )


def _members(labels: Sequence[Hashable]) -> set[frozenset[int]]:
    groups: defaultdict[Hashable, list[int]] = defaultdict(list)
    for position, label in enumerate(labels):
        groups[label].append(position)
    return {frozenset(members) for members in groups.values()}
