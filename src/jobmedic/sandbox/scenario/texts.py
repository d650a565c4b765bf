"""Filling the words of an error text, so that one cause never looks quite the same twice."""

import re
from collections.abc import Callable, Mapping
from random import Random

PLACEHOLDER = re.compile(r"\{\{([a-z_]+)(?::([A-Za-z0-9_.-]+))?\}\}")

_STEADY = frozenset({"table", "bucket", "user"})
"""Words that are drawn once a job: its table is the same one every night."""

_TABLES = ("orders", "customers", "payments", "shipments", "clicks", "inventory", "returns", "sessions")


def _hex(random: Random, digits: int) -> str:
    return f"{random.getrandbits(digits * 4):0{digits}x}"


def _uuid(random: Random) -> str:
    text = _hex(random, 32)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _date(random: Random) -> str:
    return f"2026-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}"


_WORDS: dict[str, Callable[[Random], str]] = {
    "n": lambda r: str(r.randint(2, 9999)),
    "small": lambda r: str(r.randint(1, 40)),
    "ms": lambda r: str(r.randint(1000, 600_000)),
    "bytes": lambda r: str(r.randint(10**7, 10**10)),
    "port": lambda r: str(r.randint(32768, 60999)),
    "ip": lambda r: f"10.{r.randint(0, 255)}.{r.randint(0, 255)}.{r.randint(1, 254)}",
    "hex": lambda r: _hex(r, 8),
    "uuid": _uuid,
    "date": _date,
    "time": lambda r: f"{r.randint(0, 23):02d}:{r.randint(0, 59):02d}:{r.randint(0, 59):02d}",
    "cluster": lambda r: f"{r.randint(101, 1231):04d}-{r.randint(0, 235959):06d}-{_hex(r, 8)}",
    "part": lambda r: f"part-{r.randint(0, 9999):05d}-{_uuid(r)}-c000.snappy.parquet",
    "line": lambda r: str(r.randint(8, 420)),
    "table": lambda r: f"prod.sales.{r.choice(_TABLES)}",
    "bucket": lambda r: f"lake{r.randint(1, 9)}",
    "user": lambda r: f"sp-{_hex(r, 6)}",
}
NAMES = frozenset(_WORDS) | {"param", "job", "task", "run"}


def fill(text: str, seed: str, job_seed: str, known: Mapping[str, str], params: Mapping[str, str]) -> str:
    """The same seeds give the same text. `{{param:x}}` is a parameter's value, `{{n:a}}` and `{{n:b}}` two numbers."""

    def word(match: re.Match[str]) -> str:
        name, label = match[1], match[2] or ""
        if name == "param":
            return params.get(label, "")
        if name in known:
            return known[name]
        base = job_seed if name in _STEADY else seed
        return _WORDS[name](Random(f"{base}:{name}:{label}"))  # noqa: S311 - scenery, no secret

    return PLACEHOLDER.sub(word, text)


def unknown_words(text: str) -> list[str]:
    return sorted({m[1] for m in PLACEHOLDER.finditer(text) if m[1] not in NAMES})


def telltale(text: str) -> str:
    """The longest stretch of a template that stands in every text made of it."""
    return max(PLACEHOLDER.sub("\x00", text).split("\x00"), key=len).strip()
