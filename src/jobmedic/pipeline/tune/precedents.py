"""What precedents are worth: one deployment on the held-out failures, with and without them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pyspark.sql import functions as F

from jobmedic.edges.frames import rows_of
from jobmedic.knowledge.words import Category
from jobmedic.pipeline.tune.evaluate import Comparison, HeldOut, answers, compare, load_held_out
from jobmedic.pipeline.tune.prepare import HELD_OUT
from jobmedic.ports.ledger import Ledger
from jobmedic.ports.model import LanguageModel, Precedent
from jobmedic.ports.tracker import Tracker
from jobmedic.transforms.precedents import judged_examples, precedents
from jobmedic.transforms.verdicts import confirmed


def measure_precedents(
    ledger: Ledger,
    tracker: Tracker,
    model: LanguageModel,
    folder: Path,
    *,
    redact: Callable[[str], str],
    progress: Callable[[], None],
    seed: int = 0,
) -> Comparison:
    """`champion` of the answer is without, `challenger` with precedents. Raises TuneRefused.

    No held-out failure is a precedent, so that none sees its own label or that of one it is compared with.
    """
    held_out = load_held_out(folder / HELD_OUT)
    near = _nearest(ledger, held_out, redact)
    along = [
        replace(h, question=replace(h.question, precedents=near.get(h.question.fingerprint, ()))) for h in held_out
    ]
    bare = answers(model, held_out, progress=progress)
    found = compare(held_out, bare, answers(model, along, progress=progress), seed=seed)
    with tracker.run("precedents", tags={"jobmedic.kind": "precedents"}) as run:
        run.metrics(
            {
                "without.macro_f1": found.champion.macro_f1,
                "with.macro_f1": found.challenger.macro_f1,
                "without.wrong_retry_rate": found.champion.wrong_retry_rate,
                "with.wrong_retry_rate": found.challenger.wrong_retry_rate,
                "share_with_precedents": len(near) / len(held_out) if held_out else 0.0,
                "p_value": found.p_value,
            }
        )
    return found


def _nearest(
    ledger: Ledger, held_out: Sequence[HeldOut], redact: Callable[[str], str]
) -> Mapping[str, tuple[Precedent, ...]]:
    diagnoses, marks = ledger.read("diagnoses"), [item.question.fingerprint for item in held_out]
    asked = ledger.frame(
        "diagnoses", [{"fingerprint": h.question.fingerprint, "exemplar": h.question.error} for h in held_out]
    )
    classes = diagnoses.select("fingerprint", "error_class")
    questions = asked.select("fingerprint", F.col("exemplar").alias("error")).join(classes, "fingerprint", "left")
    examples = judged_examples(diagnoses, confirmed(ledger.read("feedback"), ledger.read("decisions")))
    rows = rows_of(precedents(questions, examples.where(~F.col("fingerprint").isin(marks))), "looking for precedents")
    return {
        row["fingerprint"]: tuple(
            Precedent(redact(one["error"]), Category(one["category"]), bool(one["transient"]))
            for one in row["precedents"]
        )
        for row in rows
    }
