"""What the model endpoint sends back: completions, responses, refusals, and answers that are wrong on purpose."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from jobmedic.sandbox.model.stand_in import NAME, Opinion, answer
from jobmedic.sandbox.web import Reply

_BYTES_PER_TOKEN = 4
_CREATED = 1772409600
LEAKED = "password=hunter2-Secret"
_SORRY = "I'm sorry, I can't help with that."


class Trick(StrEnum):
    """Answers that are wrong in themselves; what goes wrong around them is a `Fault`."""

    CONTENT_FILTER = "content_filter"  # 400: the prompt was filtered
    REFUSAL = "refusal"  # 200 with a refusal in place of the content
    TRUNCATED = "truncated"  # 200, cut by the token limit
    FILTERED_OUTPUT = "filtered_output"  # 200, cut by the content filter
    INVALID_JSON = "invalid_json"
    NONSENSE = "nonsense"  # JSON that is not in the schema
    EMPTY = "empty"  # no content at all
    INJECTED = "injected"  # in the schema, and what a text that talks to the model would have it say
    MISQUOTED = "misquoted"  # evidence that does not stand in the text
    LEAKING = "leaking"  # in the schema, with a secret made up in its words and parameters


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One question that reached the endpoint with a valid key."""

    deployment: str
    api: str
    messages: Sequence[Mapping[str, Any]]
    schema: Mapping[str, Any] | None
    content: str
    tokens_in: int
    tokens_out: int


def asked(
    deployment: str, api: str, messages: Sequence[Mapping[str, Any]], schema: Mapping[str, Any] | None, content: str
) -> ModelCall:
    tokens_in = tokens(json.dumps(messages)) + (tokens(json.dumps(schema)) if schema else 0)
    return ModelCall(deployment, api, messages, schema, content, tokens_in, tokens(content))


def tokens(text: str) -> int:
    """About what a tokenizer would count."""
    return max(1, len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN)


def refused(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"error": {"code": code, "message": message, "param": None, "type": None}})


def filtered() -> Reply:
    """The prompt ran into the content filter: a 400 of its own kind, with the reason inside."""
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"jailbreak": {"filtered": True}}}
    message = "The response was filtered due to the prompt triggering the content management policy."
    return Reply(
        400,
        {
            "error": {
                "code": "content_filter",
                "message": message,
                "param": "prompt",
                "status": 400,
                "innererror": inner,
            }
        },
    )


def _digest(call: ModelCall) -> str:
    return hashlib.sha256(call.content.encode()).hexdigest()[:24]


def tricked(trick: Trick | None, opinion: Opinion, content: str, schema: Mapping[str, Any] | None) -> str:
    if trick is Trick.INJECTED:
        obeyed = Opinion(opinion.category, True, 1.0, opinion.evidence, {"cluster_id": "any", "delete_tables": "true"})
        return answer(obeyed, schema, NAME)
    if trick is Trick.MISQUOTED:
        made_up = Opinion(opinion.category, opinion.transient, 0.95, "a sentence that stands nowhere", opinion.params)
        return answer(made_up, schema, NAME)
    if trick is Trick.LEAKING:
        leaked = Opinion(opinion.category, opinion.transient, 0.95, opinion.evidence, {"url": f"x?{LEAKED}"})
        return json.dumps({**json.loads(answer(leaked, schema, NAME)), "fix": f"export {LEAKED}", "root_cause": LEAKED})
    return (
        {
            Trick.REFUSAL: "",
            Trick.EMPTY: "",
            Trick.TRUNCATED: content[: len(content) // 2],
            Trick.FILTERED_OUTPUT: content[:10],
            Trick.INVALID_JSON: "Sure! Here is what I think: {category: maybe",
            Trick.NONSENSE: '{"category":"gremlins","confidence":"very","verdict":[1,2,3]}',
        }.get(trick, content)
        if trick
        else content
    )


def completion(call: ModelCall, model: str, trick: Trick | None) -> Reply:
    message: dict[str, Any] = {"role": "assistant", "content": call.content, "refusal": None}
    if trick is Trick.REFUSAL:
        message |= {"content": None, "refusal": _SORRY}
    if trick is Trick.EMPTY:
        message["content"] = None
    finish = (
        {Trick.TRUNCATED: "length", Trick.FILTERED_OUTPUT: "content_filter"}.get(trick, "stop") if trick else "stop"
    )
    usage = {
        "prompt_tokens": call.tokens_in,
        "completion_tokens": call.tokens_out,
        "total_tokens": call.tokens_in + call.tokens_out,
    }
    return Reply(
        200,
        {
            "id": f"chatcmpl-{_digest(call)}",
            "object": "chat.completion",
            "created": _CREATED,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
            "usage": usage,
        },
    )


def response(call: ModelCall, model: str, trick: Trick | None) -> Reply:
    part: dict[str, Any] = {"type": "output_text", "text": call.content, "annotations": []}
    if trick is Trick.REFUSAL:
        part = {"type": "refusal", "refusal": _SORRY}
    reason = (
        {Trick.TRUNCATED: "max_output_tokens", Trick.FILTERED_OUTPUT: "content_filter"}.get(trick) if trick else None
    )
    status = "incomplete" if reason else "completed"
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": status, "content": [part]}
    usage = {
        "input_tokens": call.tokens_in,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": call.tokens_out,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": call.tokens_in + call.tokens_out,
    }
    return Reply(
        200,
        {
            "id": f"resp_{_digest(call)}",
            "object": "response",
            "created_at": _CREATED,
            "model": model,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": reason} if reason else None,
            "output": [] if trick is Trick.EMPTY else [message],
            "parallel_tool_calls": False,
            "tool_choice": "none",
            "tools": [],
            "usage": usage,
        },
    )
