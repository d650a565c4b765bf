"""Error texts as they may be kept: readable, free of secrets, and not too long."""

import re
from typing import Any

from jobmedic.edges.redact import redact

MESSAGE_BYTES = 4_000

# The share kept of the beginning: an error says first what failed, a trace says last why.
ERROR_HEAD = 0.6
TRACE_HEAD = 0.25

# Notebook traces come coloured: CSI sequences (ECMA-48, 5.4) and the OSC hyperlinks that terminals know.
_ANSI = re.compile(r"\x1b(?:\[[0-?]{0,32}[ -/]{0,4}[@-~]|\][^\x07\x1b]{0,2048}(?:\x07|\x1b\\))")
# What no Delta string, mail or JSON line should carry: control characters but tab and line ends, and lone surrogates.
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def readable(text: str) -> str:
    """Colours gone, line ends as in Unix, unsafe characters replaced by U+FFFD."""
    plain = _ANSI.sub("", text) if "\x1b" in text else text
    return _UNSAFE.sub("\ufffd", plain.replace("\r\n", "\n"))


def kept(value: Any, max_bytes: int, *, head: float) -> str | None:
    """`value` readable, redacted and cut to `max_bytes`; None for nothing. `head` is the share kept of its beginning."""
    if not isinstance(value, str) or not value.strip():
        return None
    return cut(redact(readable(value)), max_bytes, head=head)


def message(value: Any) -> str | None:
    return kept(value, MESSAGE_BYTES, head=0.5)


def size(value: Any) -> int:
    """UTF-8 bytes, a lone surrogate counted as three."""
    return len(value.encode("utf-8", "surrogatepass")) if isinstance(value, str) else 0


def cut(text: str, max_bytes: int, *, head: float) -> str:
    """Takes the middle out, at character borders; the first line tells what failed and the last ones why."""
    whole = text.encode()
    if len(whole) <= max_bytes:
        return text
    mark = f"\n[... {len(whole) - max_bytes} bytes cut out ...]\n"
    room = max(0, max_bytes - len(mark))
    front = int(room * head)
    first = whole[:front].decode("utf-8", "ignore")
    last = whole[len(whole) - (room - front) :].decode("utf-8", "ignore")
    return f"{first}{mark}{last}"
