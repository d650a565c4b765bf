"""The same failure on another day: a seeded generator of variations of corpus texts.

A slot is a part that says where, when or who: addresses, hosts, ids, paths, times, durations, sizes, users, line numbers.
What stays when the slots are taken out names the cause, so texts with one skeleton are one true group; names of columns,
tables and keys are no slots.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.judge.labelled import Labelled

_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"


def _digits(rng: random.Random, text: str) -> str:
    """As many digits, others; the first is no zero."""
    return re.sub("[0-9]", lambda _: str(rng.randint(0, 9)), text).replace("0", "1", 1) if text else text


def _hex(rng: random.Random, text: str) -> str:
    return re.sub("[0-9a-fA-F]", lambda _: rng.choice("0123456789abcdef"), text)


def _host(rng: random.Random, _: str) -> str:
    return f"{rng.choice(('db', 'lake', 'rates', 'broker', 'vault', 'ip-10-0-3'))}-{rng.randint(1, 99)}.{rng.choice(('corp', 'internal', 'prod'))}.example.com"


def _path(rng: random.Random, text: str) -> str:
    """Another folder of another depth; the file's ending stays."""
    ending = re.search(r"\.[a-zA-Z]{2,7}$", text)
    parts = [
        rng.choice(("mnt", "srv", "data", "raw", "bronze", "v2", "team", "jobs")) for _ in range(rng.randint(2, 4))
    ]
    return "/" + "/".join([*parts, f"x{rng.randint(100, 99999)}"]) + (ending.group(0) if ending else "")


def _time(rng: random.Random, text: str) -> str:
    day = f"202{rng.randint(0, 6)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    return day + _digits(rng, text[10:]) if re.match(_DAY, text) else _digits(rng, text)


def _user(rng: random.Random, _: str) -> str:
    return f"{rng.choice(('ana', 'li.wei', 'svc-etl', 'j.doe', 'omar'))}{rng.randint(1, 99)}@example.com"


def _line(rng: random.Random, text: str) -> str:
    return re.sub("[0-9]+", lambda _: str(rng.randint(10, 2500)), text)


Slot = tuple[str, Callable[[random.Random, str], str]]
# Order matters: the first slot that fits takes the text. A short hexadecimal number is an error code, an address is long.
SLOTS: tuple[Slot, ...] = (
    (r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}", _hex),
    (r"[A-Za-z0-9._-]+@[A-Za-z0-9-]+\.[A-Za-z.]{2,}", _user),
    (_DAY + r"[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?", _time),
    (r"(?<=://)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?=[:/ ])", _host),
    (
        r"(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9.])",
        lambda rng, _: ".".join(str(rng.randint(1, 250)) for _ in range(4)),
    ),
    (r"0x[0-9a-fA-F]{9,}", lambda rng, text: "0x" + _hex(rng, text[2:])),
    (r"(?<![A-Za-z0-9.])[0-9a-f]{16,}(?![A-Za-z0-9])", _hex),
    (r"(?<=[ '\"(:`=])/(?:[A-Za-z0-9_.=-]+/)+[A-Za-z0-9_.=-]+", _path),
    (r"(?<=port=)[0-9]{2,5}|(?<=[0-9]:)[0-9]{2,5}(?![0-9:])", _digits),
    (r"(?<=\.py:)[0-9]+|(?<=\.java:)[0-9]+|(?<=\.scala:)[0-9]+|(?<=, line )[0-9]+(?=, in )", _line),
    (
        r"(?<=stage )[0-9]+\.[0-9]+|(?<=\(TID )[0-9]+|(?<=[Tt]ask )[0-9]+(?:\.[0-9]+)?(?= in stage)|(?<=calling o)[0-9]+",
        _line,
    ),
    (r"(?<![A-Za-z0-9_.-])(?<!SQLSTATE: )[0-9]{5,}(?![A-Za-z0-9_-])", _digits),
)
_ANY = re.compile("|".join(f"(?P<s{number}>{pattern})" for number, (pattern, _) in enumerate(SLOTS)))

# Wrappers stand around exceptions, as platforms wrap them; a plain sentence is never wrapped. The JVM's own stand around the
# JVM's exceptions only. The translated ones are those of a client that speaks another language.
JVM_WRAPPERS = (
    "org.apache.spark.SparkException: Job aborted due to stage failure: Task {a} in stage {b}.0 failed 4 times, most recent failure: Lost task {a}.3 in stage {b}.0 (TID {c}) (10.0.{a}.{b} executor {a}): {text}",
    "Py4JJavaError: An error occurred while calling o{c}.save.\n: {text}",
)
TRANSLATED = (
    "Fehler beim Ausführen der Aufgabe {a} (Lauf {c}): {text}",
    "L'exécution de la tâche {a} a échoué (exécution {c}) : {text}",
)
_JVM = re.compile(r"(?:[a-z0-9_]+\.)+[A-Z][A-Za-z0-9$]*(?:Exception|Error)\b")
_NAMED = re.compile(r"(?:[A-Za-z0-9_.$]+(?:Exception|Error)\b|\[[A-Z][A-Z0-9_.]+\])")


@dataclass(frozen=True, slots=True)
class Message:
    group: str
    error: str
    error_trace: str


def skeleton(text: str) -> str:
    return _ANY.sub(lambda match: f"<{match.lastgroup}>", text)


def varied(text: str, rng: random.Random) -> str:
    """One value for one slot's text throughout, as a path that is named twice stays one path."""
    chosen: dict[str, str] = {}

    def other(match: re.Match[str]) -> str:
        found = match.group(0)
        if found not in chosen:
            chosen[found] = SLOTS[int((match.lastgroup or "s0")[1:])][1](rng, found)
        return chosen[found]

    return _ANY.sub(other, text)


_CAUSED = re.compile(r"^Caused by: ([^\n]*)", re.MULTILINE)
_CHAINED = re.compile(
    r"^(?:The above exception was the direct cause|During handling of the above exception)", re.MULTILINE
)


def group_of(failure: Labelled) -> str:
    """The error's skeleton, and that of the deepest cause where the trace tells one.

    Strict: two wrappers around one cause are two groups. The JVM tells the deepest cause last, Python tells it first.
    """
    causes = _CAUSED.findall(f"{failure.error}\n{failure.error_trace}")
    parts = _CHAINED.split(failure.error_trace)
    first = (
        [line for line in parts[0].splitlines() if line.strip() and not line.startswith((" ", "\t"))]
        if len(parts) > 1
        else []
    )
    deepest = causes[-1] if causes else first[-1] if first else ""
    return skeleton(failure.error.strip()) + " <- " + skeleton(deepest)


def wrappers(error: str) -> tuple[str, ...]:
    if _JVM.match(error):
        return (*JVM_WRAPPERS, *TRANSLATED)
    return TRANSLATED if _NAMED.match(error) else ()


def messages(failures: Sequence[Labelled], *, copies: int, wrapped: bool, seed: int) -> list[Message]:
    """`copies` variations a failure, shuffled; with wrappers every other one of an exception stands in one."""
    rng = random.Random(seed)  # noqa: S311 - seeded on purpose
    out = []
    for failure in failures:
        group, around = group_of(failure), wrappers(failure.error) if wrapped else ()
        for copy in range(copies):
            error, trace = varied(failure.error + "\x00" + failure.error_trace, rng).split("\x00")
            if around and copy % 2:
                numbers = {"a": rng.randint(1, 99), "b": rng.randint(1, 250), "c": rng.randint(100, 99999)}
                error = rng.choice(around).format(text=error, **numbers)
            out.append(Message(group, error, trace))
    rng.shuffle(out)
    return out
