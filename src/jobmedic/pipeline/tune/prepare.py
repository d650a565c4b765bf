"""`tune prepare`: training and validation files in chat format, held-out questions, and a card that tells what is in them."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jobmedic.edges.azure_openai.answer import DiagnosisAnswer
from jobmedic.edges.azure_openai.question import chat
from jobmedic.edges.frames import rows_of
from jobmedic.knowledge.prompt import Prompt
from jobmedic.pipeline.tune.examples import Example, Limits, Split, example_of, split
from jobmedic.ports.ledger import Ledger
from jobmedic.ports.model import Question
from jobmedic.transforms.judged import judged
from jobmedic.transforms.labels import labelled_failures

TRAINING, VALIDATION, HELD_OUT, CARD = "training.jsonl", "validation.jsonl", "held_out.jsonl", "card.json"
_TOKENS = 3000
_QUOTE = 200
_SURE = {"human": 0.95, "outcome": 0.9}
_CAUSED_BY = "Caused by: "


@dataclass(frozen=True, slots=True)
class Prepared:
    folder: Path
    card: Mapping[str, Any]


def prepare(
    ledger: Ledger,
    prompt: Prompt,
    folder: Path,
    *,
    now: datetime,
    redact: Callable[[str], str],
    seed: int = 0,
    limits: Limits | None = None,
) -> Prepared:
    """Writes the files and returns the card. `redact` takes mail addresses out too. Raises TuneRefused, LedgerError.

    The same tables, seed and prompt make the same files, byte for byte.
    """
    parts = split(gather(ledger, redact), seed=seed, limits=limits)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / TRAINING, [_dialogue(prompt, example) for example in parts.training])
    _write(folder / VALIDATION, [_dialogue(prompt, example) for example in parts.held_out])
    _write(folder / HELD_OUT, [_held_out(example) for example in parts.held_out])
    card = _card(folder, parts, prompt, now, seed)
    (folder / CARD).write_text(json.dumps(card, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    (folder / "card.md").write_text(_card_text(card), encoding="utf-8")
    return Prepared(folder, card)


def gather(ledger: Ledger, redact: Callable[[str], str]) -> list[Example]:
    """Every failure whose right diagnosis is known."""
    decisions, feedback = ledger.read("decisions"), ledger.read("feedback")
    seen = judged(decisions, ledger.read("actions"), ledger.read("outcomes"), feedback)
    labelled = labelled_failures(ledger.read("failures"), ledger.read("diagnoses"), decisions, feedback, seen)
    return [example_of(row, redact) for row in rows_of(labelled.orderBy("fingerprint"), "gathering judged failures")]


def question_of(example: Example) -> Question:
    return Question(
        fingerprint=example.fingerprint,
        error=example.error,
        error_trace=example.error_trace,
        task_type=example.task_type,
        termination_code=example.termination_code,
    )


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _dialogue(prompt: Prompt, example: Example) -> dict[str, Any]:
    messages = chat(prompt, question_of(example), token_budget=_TOKENS)
    return {"messages": [*messages, {"role": "assistant", "content": _answer(example).model_dump_json()}]}


def _answer(example: Example) -> DiagnosisAnswer:
    category = example.category.value
    return DiagnosisAnswer(
        evidence=_quote(example),
        root_cause=example.root_cause or f"The failure is of the kind {category}.",
        category=example.category,
        transient=example.transient,
        confidence=_SURE.get(example.label_source, min(_SURE.values())),
        fix=example.fix or ("Run it again." if example.transient else "The owner has to look at the quoted passage."),
        suggested_params=[],
    )


def _quote(example: Example) -> str:
    """What stands in the text: the diagnosis' own quote, else the deepest cause, else the first line."""
    if example.evidence and example.evidence in example.error:
        return example.evidence
    lines = [line.strip() for line in example.error.splitlines() if line.strip()]
    causes = [line.removeprefix(_CAUSED_BY) for line in lines if line.startswith(_CAUSED_BY)]
    return (causes or lines[:1])[-1][:_QUOTE]


def _held_out(example: Example) -> dict[str, Any]:
    return {
        "fingerprint": example.fingerprint,
        "error": example.error,
        "error_trace": example.error_trace,
        "task_type": example.task_type,
        "termination_code": example.termination_code,
        "category": example.category.value,
        "transient": example.transient,
    }


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _card(folder: Path, parts: Split, prompt: Prompt, now: datetime, seed: int) -> dict[str, Any]:
    sides = {TRAINING: parts.training, VALIDATION: parts.held_out}
    files = {
        name: {
            "examples": len(side),
            "categories": dict(sorted(Counter(e.category.value for e in side).items())),
            "label_sources": dict(sorted(Counter(e.label_source for e in side).items())),
            "transient": sum(e.transient for e in side),
            "first_failed_from": min(e.first_failed_at for e in side).isoformat(),
            "first_failed_to": max(e.first_failed_at for e in side).isoformat(),
            "sha256": digest(folder / name),
        }
        for name, side in sides.items()
    }
    files[HELD_OUT] = {"examples": len(parts.held_out), "sha256": digest(folder / HELD_OUT)}
    return {
        "made_at": now.isoformat(),
        "prompt_version": prompt.version,
        "seed": seed,
        "files": files,
        "left_out": dict(parts.dropped),
        "split": "by fingerprint and time: every held-out failure first appeared after every training example",
        "redacted": "secrets and mail addresses",
    }


def _card_text(card: Mapping[str, Any]) -> str:
    lines = ["# Data card", "", f"Made {card['made_at']}, prompt {card['prompt_version']}, seed {card['seed']}."]
    lines += [f"Split {card['split']}. Redacted: {card['redacted']}.", ""]
    for name in (TRAINING, VALIDATION):
        told = card["files"][name]
        span = f"{told['first_failed_from']} to {told['first_failed_to']}"
        count = f"{told['examples']} examples, {told['transient']} transient; first failed {span}"
        lines += [f"## {name}", "", f"{count}; SHA-256 `{told['sha256']}`", ""]
        lines += ["| category | examples |", "| --- | --- |"]
        lines += [f"| {category} | {count} |" for category, count in told["categories"].items()]
        lines += ["", "Labels from: " + ", ".join(f"{k} {v}" for k, v in told["label_sources"].items()) + ".", ""]
    lines.append("Left out: " + ", ".join(f"{count} {why}" for why, count in card["left_out"].items()) + ".")
    return "\n".join(lines) + "\n"
