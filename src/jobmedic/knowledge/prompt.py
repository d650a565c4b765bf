"""The prompt that asks for a diagnosis: `prompt/diagnose.md`, its front matter, and what it renders to."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

import yaml
from jinja2 import Environment, StrictUndefined, Template, TemplateError


class PromptError(Exception):
    """A prompt file that cannot be used; the message names the file and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Prompt:
    name: str
    version: str
    """The number that the file states and a digest of its words, so that an edit never passes under an old version."""
    system: str
    user: Template = field(repr=False)

    def ask(self, fields: Mapping[str, object]) -> str:
        """The user message. Values are placed as they are: what is untrusted must come fenced."""
        return self.user.render(fields).strip()


def parse_prompt(text: str, where: str) -> Prompt:
    """Three parts between lines of `---`: front matter with name and version, the system text, the user template."""
    parts = text.split("\n---\n", 2)
    if not text.startswith("---\n") or len(parts) != 3:  # noqa: PLR2004 - the three parts that the docstring names
        raise PromptError(f"{where}: expected front matter, system text and user template between lines of ---")
    try:
        head = yaml.safe_load(parts[0].removeprefix("---\n"))
        template = Environment(undefined=StrictUndefined, trim_blocks=True, autoescape=False).from_string(parts[2])  # noqa: S701 - a chat message is no HTML
    except (yaml.YAMLError, TemplateError) as problem:
        raise PromptError(f"{where}: {problem}") from problem
    if not isinstance(head, dict) or not {"name", "version"} <= set(head):
        raise PromptError(f"{where}: the front matter needs `name` and `version`")
    digest = hashlib.sha256((parts[1] + parts[2]).encode()).hexdigest()[:8]
    return Prompt(str(head["name"]), f"{head['version']}+{digest}", parts[1].strip(), template)


@cache
def diagnosis_prompt() -> Prompt:
    source = files("jobmedic.knowledge") / "prompt" / "diagnose.md"
    return parse_prompt(source.read_text(encoding="utf-8"), "prompt/diagnose.md")
