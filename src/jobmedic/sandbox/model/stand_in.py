"""The plain stand-in behind the sandbox's model endpoint. It judges nothing.

It looks for a few words in the error text and fills in whatever JSON schema it was asked for; every answer says that it
is a stand-in. With an oracle and a quality a deployment can be made as good or as bad as a test needs.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobmedic.knowledge.words import Category

NAME = "sandbox-stand-in"
SAYS_SO = "Sandbox stand-in, not a model's judgement"

WORDS: tuple[tuple[str, Category, bool], ...] = (
    ("out of memory", Category.RESOURCE, False),
    ("outofmemory", Category.RESOURCE, False),
    ("no space left", Category.RESOURCE, False),
    ("permission", Category.PERMISSION, False),
    ("denied", Category.PERMISSION, False),
    ("forbidden", Category.PERMISSION, False),
    ("throttl", Category.QUOTA, True),
    ("too many requests", Category.QUOTA, True),
    ("quota", Category.QUOTA, True),
    ("timed out", Category.TIMEOUT, True),
    ("timeout", Category.TIMEOUT, True),
    ("connection", Category.NETWORK, True),
    ("unreachable", Category.NETWORK, True),
    ("does not exist", Category.DATA_NOT_FOUND, False),
    ("not found", Category.DATA_NOT_FOUND, False),
    ("no module named", Category.DEPENDENCY, False),
    ("version", Category.DEPENDENCY, False),
    ("concurrent", Category.CONCURRENCY, True),
    ("lock", Category.CONCURRENCY, True),
    ("maintenance", Category.INFRASTRUCTURE, True),
    ("unavailable", Category.INFRASTRUCTURE, True),
    ("reclaimed", Category.INFRASTRUCTURE, True),
    ("expected", Category.DATA_QUALITY, False),
    ("duplicate", Category.DATA_QUALITY, False),
    ("setting", Category.CONFIGURATION, False),
    ("config", Category.CONFIGURATION, False),
)
_TEXT = re.compile(r"begin error[^\n]*\n(.*?)\n[^\n]*end error", re.DOTALL)
_SIZED = re.compile(r"\b((?:batch|chunk|fetch|page|block)_?(?:size|rows)|max_files)\b[^0-9\n]{1,20}([0-9]+)")
Oracle = Callable[[str], tuple[Category, bool] | None]


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployed model. Without `quality` it goes by the words above."""

    name: str
    model: str = NAME
    quality: float | None = None
    """Share of texts that it gets right, by the oracle; the same ones each time."""


@dataclass(frozen=True, slots=True)
class Opinion:
    category: Category
    transient: bool
    confidence: float
    evidence: str
    params: Mapping[str, str]


def error_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """What is to be judged: the fenced error text of the last message, else that whole message."""
    asked = _content(messages[-1].get("content")) if messages else ""
    fenced = _TEXT.search(asked)
    return fenced[1] if fenced else asked


def opinion_on(messages: Sequence[Mapping[str, Any]], deployment: Deployment, oracle: Oracle) -> Opinion:
    text = error_text(messages)
    params = {m[1]: str(max(1, int(m[2]) // 4)) for m in _SIZED.finditer(_content(messages[-1].get("content", "")))}
    truth = oracle(text) if deployment.quality is not None else None
    if truth is None or deployment.quality is None:
        return _by_words(text, params)
    category, transient = truth
    right = _share(f"{deployment.name}:{text}") < deployment.quality
    if not right:
        others = [c for c in Category if c is not category]
        category = others[int(_share(text) * len(others))]
        transient = not transient
    return Opinion(category, transient, 0.9, _quote(text, ""), params)


def _by_words(text: str, params: Mapping[str, str]) -> Opinion:
    low = text.lower()
    for word, category, transient in WORDS:
        if word in low:
            useful = params if category in {Category.RESOURCE, Category.TIMEOUT} else {}
            return Opinion(category, transient, 0.8, _quote(text, word), useful)
    return Opinion(Category.UNKNOWN, transient=False, confidence=0.2, evidence=_quote(text, ""), params={})


def _quote(text: str, word: str) -> str:
    """A line that stands in the text, cut so that it stays one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in lines if word in line.lower()), "")[:200].strip()


def _share(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:6]) / 2**48


def _content(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def answer(opinion: Opinion, schema: Mapping[str, Any] | None, model: str) -> str:
    """The opinion as JSON of the schema; without one, of a plain object with all that there is to say."""
    said: dict[str, Any] = {
        "category": opinion.category.value,
        "transient": opinion.transient,
        "confidence": opinion.confidence,
        "root_cause": f"{SAYS_SO} ({model}): its words look like '{opinion.category.value}'.",
        "evidence": opinion.evidence,
        "fix": f"{SAYS_SO}. Read the error and its trace.",
        "suggested_params": dict(opinion.params),
    }
    if schema is None:
        pairs = [{"name": k, "value": v} for k, v in opinion.params.items()]
        return json.dumps({**said, "suggested_params": pairs})
    return json.dumps(_shaped(said, schema, schema))


def _shaped(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """The value in the form that the schema asks for; what is not known becomes the schema's plainest value."""
    schema = _resolved(schema, value, root)
    if "enum" in schema:
        return value if value in schema["enum"] else schema["enum"][-1]
    kind = schema.get("type")
    if kind == "object":
        return _object(value, schema, root)
    if kind == "array":
        pairs = [{"name": k, "value": v} for k, v in value.items()] if isinstance(value, Mapping) else value
        return [_shaped(item, schema.get("items", {}), root) for item in pairs or []]
    return _plain(value, str(kind))


def _plain(value: Any, kind: str) -> Any:
    if kind in {"number", "integer"}:
        number = value if isinstance(value, int | float) else 0
        return int(number) if kind == "integer" else number
    if kind == "boolean":
        return bool(value)
    return None if kind == "null" else str(value if value is not None else "")


def _object(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    known = value if isinstance(value, Mapping) else {}
    fields = schema.get("properties")
    if not fields:
        return dict(known)
    return {name: _shaped(known.get(name), sub, root) for name, sub in fields.items()}


def _resolved(schema: Mapping[str, Any], value: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follows `$ref`, and takes the first alternative that is not null unless there is nothing to say."""
    while True:
        if "$ref" in schema:
            target: Any = root
            for part in str(schema["$ref"]).removeprefix("#/").split("/"):
                target = target[part]
            schema = target
        elif "anyOf" in schema or "allOf" in schema:
            options = schema.get("anyOf") or schema["allOf"]
            wanted = [o for o in options if (o.get("type") == "null") == (value is None)]
            schema = (wanted or options)[0]
        else:
            return schema
