"""Scenario files: YAML in, a checked scenario out; whatever is wrong is said with its line."""

from collections.abc import Hashable, Iterator, Sequence
from importlib import resources
from pathlib import Path

import yaml
from pydantic import ValidationError

from jobmedic.sandbox.scenario.checks import Location, problems_of
from jobmedic.sandbox.scenario.plan import Scenario


class ScenarioError(ValueError):
    """All that is wrong with a scenario file, a line each: `file:line: what`."""


def load_scenario(path: Path) -> Scenario:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: can't be read: {error}") from error
    return read_scenario(text, str(path))


def demo_scenario() -> Scenario:
    """The story that `jobmedic demo` tells."""
    text = resources.files("jobmedic.sandbox.scenario").joinpath("demo.yml").read_text(encoding="utf-8")
    return read_scenario(text, "demo.yml")


def demo_policy() -> Path:
    """The policy file of the demo's platform team."""
    return Path(str(resources.files("jobmedic.sandbox.scenario").joinpath("demo_policy.yml")))


def read_scenario(text: str, name: str) -> Scenario:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ScenarioError(f"{name}:{line}: not YAML: {error.problem}") from error
    if not isinstance(data, dict) or not isinstance(node, yaml.MappingNode):
        raise ScenarioError(f"{name}:1: a scenario is a mapping with `name`, `causes`, `jobs` and `failures`")
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as error:
        told = [(e["loc"], e["msg"]) for e in error.errors(include_url=False)]
        raise ScenarioError(_lines(node, name, told)) from error
    problems = [*_duplicate_keys(node), *problems_of(scenario)]
    if problems:
        raise ScenarioError(_lines(node, name, problems))
    return scenario


def _lines(root: yaml.Node, name: str, problems: Sequence[tuple[Location, str]]) -> str:
    placed = sorted((_line(root, place), place, what) for place, what in problems)
    return "\n".join(f"{name}:{line}: {'.'.join(map(str, place))}: {what}" for line, place, what in placed)


def _line(root: yaml.Node, place: Location) -> int:
    """The line of the innermost part of the place that stands in the file."""
    node = root
    for part in place:
        inner = _child(node, part)
        if inner is None:
            break
        node = inner
    return int(node.start_mark.line) + 1


def _child(node: yaml.Node, part: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child: yaml.Node = node.value[part]
        return child
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in reversed(node.value) if key.value == part), None)
    return None


def _duplicate_keys(node: yaml.Node, place: Location = ()) -> Iterator[tuple[Location, str]]:
    if isinstance(node, yaml.MappingNode):
        seen: set[Hashable] = set()
        for key, value in node.value:
            if key.value in seen:
                yield (*place, key.value), "stands here twice"
            seen.add(key.value)
            yield from _duplicate_keys(value, (*place, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _duplicate_keys(value, (*place, index))
