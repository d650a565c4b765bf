"""A question as chat messages: cut to the token budget, untrusted text fenced.

Tokens are estimated as UTF-8 bytes over three: prose takes about four bytes a token, stack traces and other scripts
than Latin about three, so the estimate errs on the safe side without a tokenizer of megabytes.
"""

import hashlib
import re

from jobmedic.knowledge.prompt import Prompt
from jobmedic.ports.model import Precedent, Question

_BYTES_PER_TOKEN = 3
_CAUSE = re.compile(r"^[ \t]*Caused by: ", re.MULTILINE)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_GAP = "\n[... left out ...]\n"
_PRECEDENT_TOKENS = 150
_PARAMETER_BYTES = 300


def chat(
    prompt: Prompt, question: Question, *, token_budget: int, json_shape: str | None = None
) -> list[dict[str, str]]:
    """System and user message; `json_shape` describes the answer for deployments that take no schema."""
    error, trace = _clean(question.error), _clean(question.error_trace or "")
    room = token_budget * _BYTES_PER_TOKEN
    precedents = [_precedent(p) for p in question.precedents]
    room = max(room - sum(_size(str(p["error"])) for p in precedents), room // 2)
    error = shorten(error, room - min(_size(trace), room // 2))
    trace = shorten(trace, room - _size(error))
    fields = {
        "fence": _fence(error + trace),
        "error": error,
        "error_trace": trace if trace.strip() not in error else "",
        "task_type": _line(question.task_type or ""),
        "termination_code": _line(question.termination_code or ""),
        "parameters": [(_line(name), _line(value)) for name, value in sorted(question.parameters.items())],
        "precedents": precedents,
    }
    system = (
        prompt.system
        if json_shape is None
        else f"{prompt.system}\n\nAnswer with one JSON object and nothing else: {json_shape}"
    )
    return [{"role": "system", "content": system}, {"role": "user", "content": prompt.ask(fields)}]


def shorten(text: str, limit: int) -> str:
    """At most `limit` UTF-8 bytes: the head, the deepest cause and the tail, since the middle of a trace tells least."""
    if _size(text) <= limit:
        return text
    room = max(limit - 2 * len(_GAP), 0)
    causes = list(_CAUSE.finditer(text))
    share = room // 3 if causes else room // 2
    head, tail = _first(text, share), _last(text, share)
    if not causes:
        return head + _GAP + tail
    deepest = causes[-1].start()
    if deepest < len(head):
        return head + _GAP + _last(text, room - _size(head))
    if deepest >= len(text) - len(tail):
        return _first(text, room - _size(tail)) + _GAP + tail
    return head + _GAP + _first(text[deepest : len(text) - len(tail)], share) + _GAP + tail


def _precedent(precedent: Precedent) -> dict[str, object]:
    error = shorten(_clean(precedent.error), _PRECEDENT_TOKENS * _BYTES_PER_TOKEN)
    return {"error": error, "fence": _fence(error), "category": precedent.category, "transient": precedent.transient}


def _fence(text: str) -> str:
    """A marker that the text cannot close, since it is the text's own digest."""
    return "=== " + hashlib.sha256(text.encode()).hexdigest()[:12]


def _clean(text: str) -> str:
    """Encodable and legible: lone surrogates break the request body, controls and direction overrides mislead."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text.encode("utf-8", "replace").decode())


def _line(text: str) -> str:
    return _first(" ".join(_clean(text).split()), _PARAMETER_BYTES)


def _size(text: str) -> int:
    return len(text.encode())


def _first(text: str, limit: int) -> str:
    return text.encode()[: max(limit, 0)].decode(errors="ignore")


def _last(text: str, limit: int) -> str:
    return text.encode()[-limit:].decode(errors="ignore") if limit > 0 else ""
