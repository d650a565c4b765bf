"""What a provocation is, and how one that failed becomes a line of the corpus."""

import getpass
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

ACTIONS = ("ignore", "retry", "retry_with_new_params", "send_email", "escalate")
HERE = Path(__file__).resolve().parents[1]
WORK = Path(os.environ.get("PROVOKE_WORK", Path(tempfile.gettempdir(), "provoke")))
LONGEST = 4000


class DidNotFailError(Exception):
    """A provocation that provoked nothing: a fault of the corpus, never a row of it."""


@dataclass(frozen=True)
class Shown:
    """An error as another process printed it."""

    error: str
    trace: str = ""


@dataclass(frozen=True)
class Provocation:
    how: str
    category: str
    action: str
    also: tuple[str, ...]
    platform: str
    task_type: str
    engine: str
    run: Callable[[], object]


REGISTRY: list[Provocation] = []


def failure(
    how: str,
    category: str,
    action: str,
    *,
    also: tuple[str, ...] = (),
    platform: str = "python",
    task_type: str = "notebook",
    engine: str = "python",
) -> Callable[[Callable[[], object]], Callable[[], object]]:
    """Registers a function that raises, or that returns what another process showed."""

    def register(run: Callable[[], object]) -> Callable[[], object]:
        REGISTRY.append(Provocation(how, category, action, also, platform, task_type, engine, run))
        return run

    return register


def several(rows: list[tuple[str, str, str, tuple[str, ...], Callable[[], object]]], **common: str) -> None:
    """Many failures in table form: (how, category, action, also, run)."""
    for how, category, action, also, run in rows:
        REGISTRY.append(replace(_BLANK, how=how, category=category, action=action, also=also, run=run, **common))


_BLANK = Provocation("", "", "", (), "python", "notebook", "python", lambda: None)


def record(prefix: str) -> Iterator[dict[str, object]]:
    for number, one in enumerate(REGISTRY, start=1):
        try:
            shown = _provoke(one)
        except DidNotFailError as error:
            print(f"  {prefix}-{number:03d} {one.how}: {error}", file=sys.stderr)
            continue
        yield {
            "id": f"{prefix}-{number:03d}",
            "how": one.how,
            "engine": one.engine,
            "platform": one.platform,
            "task_type": one.task_type,
            "error": neutral(shown.error)[:LONGEST],
            "error_trace": neutral(_middle_out(shown.trace)),
            "category": one.category,
            "action": one.action,
            "accept_category": [one.category, *(word for word in one.also if word not in ACTIONS)],
            "accept_action": [one.action, *(word for word in one.also if word in ACTIONS)],
        }


def _provoke(one: Provocation) -> Shown:
    try:
        shown = one.run()
    except DidNotFailError:
        raise
    except BaseException as error:
        name = type(error).__name__
        message = str(error)
        return Shown(f"{name}: {message}" if message else name, _trace(error))
    if not isinstance(shown, Shown) or not shown.error.strip():
        raise DidNotFailError("nothing failed")
    return shown


def _trace(error: BaseException) -> str:
    """The traceback without the frames whose source lines would show the label: ours, and the tables' lambdas."""
    whole: traceback.TracebackException | None = traceback.TracebackException.from_exception(error)
    one, seen = whole, 0
    while one is not None and seen < 20:
        kept = [f for f in one.stack if f.name != "<lambda>" and not f.filename.endswith("registry.py")]
        one.stack = traceback.StackSummary.from_list(kept)
        one, seen = one.__cause__ or one.__context__, seen + 1
    return "".join(whole.format()) if whole else ""


def _middle_out(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:1200]}\n...\n{text[-(LONGEST - 1200) :]}"


def neutral(text: str) -> str:
    """Machine paths, host and user names replaced; nothing else is touched."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    for found, put in (
        (str(HERE / "provocations"), "/srv/app/etl"),
        (str(HERE.parents[1]), "/srv/app"),
        (str(WORK), "/srv/work"),
        (sys.prefix, "/srv/env"),
        (sys.base_prefix, "/usr/local"),
    ):
        text = text.replace(found, put)
    text = re.sub(rf"\b{re.escape(socket.gethostname())}\b", "worker-1", text)
    text = re.sub(r"\b192\.0\.2\.[0-9]+\b", "10.0.0.7", text)
    text = re.sub(r"/tmp/[A-Za-z0-9_.@{}-]*", "/srv/tmp/x", text)
    return text.replace(f"/home/{getpass.getuser()}", "/home/app").replace("/root/", "/home/app/")


def shell(command: list[str], *, last: int = 1, **options: object) -> Shown:
    """Runs a program that must fail; the error is the last lines of what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=170, **options)  # type: ignore[call-overload]
    if done.returncode == 0:
        raise DidNotFailError("the program succeeded")
    lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return Shown("\n".join(lines[-last:]) or f"exit code {done.returncode}", "\n".join(lines))


def write(rows: Iterator[dict[str, object]], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            file.flush()
            count += 1
    return count
