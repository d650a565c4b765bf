"""jobmedic as its users have it: `jobmedic classify` in a process of its own, JSON lines in and out."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.judge.labelled import Answer, Labelled
from jobmedic.knowledge.words import Action, Category


class ClassifyError(Exception):
    """`jobmedic classify` failed, or answered other failures than it was asked about."""


def classify(failures: Sequence[Labelled]) -> tuple[Answer, ...]:
    """Sees the texts and the termination code and nothing else: no label, no source."""
    rows: list[dict[str, object]] = [
        {"id": f.id, "error": f.error, "error_trace": f.error_trace, "termination_code": f.termination_code}
        for f in failures
    ]
    answers = run_classify(rows)
    if [row.get("id") for row in answers] != [f.id for f in failures]:
        raise ClassifyError("jobmedic classify did not answer the failures that it was asked about, in their order")
    return tuple(_answer(row) for row in answers)


def run_classify(rows: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """Raw rows of the command's output, in input order."""
    with tempfile.TemporaryDirectory(prefix="jobmedic-judge-") as folder:
        given, got = Path(folder, "in.jsonl"), Path(folder, "out.jsonl")
        given.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        script = Path(sys.executable).with_name("jobmedic")
        command = [str(script), "classify", "--input", str(given), "--output", str(got)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
        if done.returncode != 0 or not got.exists():
            raise ClassifyError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
        return [json.loads(line) for line in got.read_text(encoding="utf-8").split("\n") if line]


def _answer(row: dict[str, object]) -> Answer:
    confidence, rule, fingerprint = row.get("confidence"), row.get("rule"), row.get("fingerprint")
    return Answer(
        category=Category(str(row["category"])),
        action=Action(str(row["action"])),
        confidence=float(confidence) if isinstance(confidence, int | float) else None,
        rule=str(rule) if rule else None,
        fingerprint=str(fingerprint) if fingerprint else None,
    )
