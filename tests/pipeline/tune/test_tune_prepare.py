import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobmedic.edges.azure_openai.answer import DiagnosisAnswer
from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.redact import redact_for_model
from jobmedic.knowledge.prompt import diagnosis_prompt
from jobmedic.knowledge.words import Category
from jobmedic.pipeline.tune.examples import Example, Limits, TuneRefused, split
from jobmedic.pipeline.tune.prepare import digest, gather, prepare
from tests.pipeline.tuning_ground import KINDS, NAMES, fill
from tests.table_rows import DAY, applied, decision, outcome, verdict

NOW = DAY + timedelta(days=30)
SMALL = Limits(training=20, held_out=5)


def make(ledger: DeltaLedger, folder: Path, **values: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {"now": NOW, "redact": redact_for_model, "limits": SMALL} | values
    return dict(prepare(ledger, diagnosis_prompt(), folder, **asked).card)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def example(at: int, category: Category = Category.NETWORK, **values: Any) -> Example:
    given: dict[str, Any] = {"error": f"{KINDS[category][0]} {NAMES[at]}", "first_failed_at": DAY + timedelta(hours=at)}
    blank: dict[str, Any] = dict.fromkeys(
        ["error_trace", "task_type", "termination_code", "root_cause", "evidence", "fix"]
    )
    named = {"fingerprint": f"v1:{at:03}", "category": category, "transient": True, "label_source": "human"}
    return Example(**(blank | named | given | values))


def several(count: int, *kinds: Category) -> list[Example]:
    return [example(at, kinds[at % len(kinds)]) for at in range(count)]


def test_the_files_are_dialogues_that_the_adapter_would_understand(ledger: DeltaLedger, tmp_path: Path) -> None:
    fill(ledger, 40)
    make(ledger, tmp_path)
    dialogues = lines(tmp_path / "training.jsonl")
    assert [m["role"] for m in dialogues[0]["messages"]] == ["system", "user", "assistant"]
    for system, user, assistant in (d["messages"] for d in dialogues):
        answer = DiagnosisAnswer.model_validate_json(assistant["content"])
        assert system["content"] == diagnosis_prompt().system
        assert answer.evidence in user["content"]
        assert KINDS[answer.category][1] == answer.transient


def test_no_mail_address_reaches_a_file(ledger: DeltaLedger, tmp_path: Path) -> None:
    fill(ledger, 40)
    make(ledger, tmp_path / "tune")
    written = [path.read_text(encoding="utf-8") for path in (tmp_path / "tune").iterdir()]
    assert len(written) == 5
    assert not [text for text in written if "ann@example.com" in text]


def test_nothing_held_out_is_older_than_or_like_what_is_trained_on(ledger: DeltaLedger, tmp_path: Path) -> None:
    fill(ledger, 40)
    card = make(ledger, tmp_path)["files"]
    trained = {d["messages"][1]["content"] for d in lines(tmp_path / "training.jsonl")}
    assert trained.isdisjoint(d["messages"][1]["content"] for d in lines(tmp_path / "validation.jsonl"))
    assert card["training.jsonl"]["first_failed_to"] < card["validation.jsonl"]["first_failed_from"]


def test_the_card_counts_and_seals_the_files(ledger: DeltaLedger, tmp_path: Path) -> None:
    fill(ledger, 40)
    told = make(ledger, tmp_path)["files"]["training.jsonl"]
    assert (told["examples"], told["label_sources"]) == (32, {"human": 32})
    assert set(told["categories"]) == {kind.value for kind in KINDS}
    assert told["sha256"] == digest(tmp_path / "training.jsonl")
    assert "| network | 8 |" in (tmp_path / "card.md").read_text(encoding="utf-8")


def test_preparing_twice_makes_the_same_files(ledger: DeltaLedger, tmp_path: Path) -> None:
    fill(ledger, 40)
    assert make(ledger, tmp_path / "a")["files"] == make(ledger, tmp_path / "b")["files"]


def test_the_models_own_answers_are_no_labels(ledger: DeltaLedger) -> None:
    fill(ledger, 4, judged=False)
    rows = [
        {"fingerprint": f"v1:{n:04}", "source": "model", "category": "network", "transient": True} for n in range(4)
    ]
    ledger.append("diagnoses", ledger.frame("diagnoses", rows))
    retried = [decision(f"r{n}", fingerprint=f"v1:{n // 2:04}") for n in range(8)]
    ledger.append("decisions", ledger.frame("decisions", retried))
    ledger.append("actions", ledger.frame("actions", [applied(d["decision_id"]) for d in retried]))
    ledger.append("outcomes", ledger.frame("outcomes", [outcome(d["decision_id"], "recovered") for d in retried]))
    assert gather(ledger, redact_for_model) == []
    ledger.merge("diagnoses", ledger.frame("diagnoses", [r | {"source": "rule"} for r in rows]))
    assert {e.label_source for e in gather(ledger, redact_for_model)} == {"outcome"}


def test_a_disputed_failure_is_no_label(ledger: DeltaLedger) -> None:
    fill(ledger, 2)
    ledger.append("feedback", ledger.frame("feedback", [verdict("d0000", "bob", "wrong", correct_category="timeout")]))
    assert [e.fingerprint for e in gather(ledger, redact_for_model)] == ["v1:0001"]


def test_texts_that_differ_in_numbers_alone_count_once() -> None:
    twins = [example(at, error=f"Connection refused after {at} s") for at in range(5)]
    parts = split([*several(40, *KINDS), *twins], seed=1, limits=SMALL)
    assert parts.dropped["same text"] == 4


def test_a_large_category_is_cut_to_balance_the_training_data() -> None:
    many = [example(at, Category.NETWORK if at % 8 else Category.QUOTA) for at in range(100)]
    parts = split(many, seed=1, limits=Limits(training=10, held_out=5, most_of_median=1.0))
    network = sum(e.category is Category.NETWORK for e in parts.training)
    assert network < 50
    assert parts.dropped["surplus of a category"] == 80 - len(parts.training)


def test_failures_that_began_at_the_same_moment_stay_on_one_side() -> None:
    storm = [example(at, list(KINDS)[at % 4], first_failed_at=NOW) for at in range(40, 60)]
    parts = split([*several(40, *KINDS), *storm], seed=1, limits=SMALL)
    assert {e.fingerprint for e in storm} <= {e.fingerprint for e in parts.held_out}


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        (several(12, *KINDS), "12 failures are judged and 10 of them can be trained on, but 20 are needed"),
        (several(40, Category.NETWORK), "the training data have one category only .network."),
        ([], "0 failures are judged"),
    ],
)
def test_too_little_to_learn_from_is_refused(examples: list[Example], message: str) -> None:
    with pytest.raises(TuneRefused, match=message):
        split(examples, seed=1, limits=SMALL)
