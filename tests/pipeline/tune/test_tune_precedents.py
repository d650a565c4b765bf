from datetime import timedelta
from pathlib import Path

from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.redact import redact_for_model
from jobmedic.knowledge.prompt import diagnosis_prompt
from jobmedic.pipeline.tune.examples import Limits
from jobmedic.pipeline.tune.precedents import measure_precedents
from jobmedic.pipeline.tune.prepare import prepare
from tests.pipeline.tuning_ground import KINDS, NotedTracker, endpoint, error, fill
from tests.table_rows import DAY


def test_the_effect_of_precedents_is_measured_on_failures_that_are_no_precedents(
    ledger: DeltaLedger, tmp_path: Path
) -> None:
    fill(ledger, 40)
    rows = [
        {"fingerprint": f"v1:{n:04}", "exemplar": error(list(KINDS)[n % 4], n), "source": "human"} for n in range(40)
    ]
    ledger.append("diagnoses", ledger.frame("diagnoses", rows))
    limits, tracker = Limits(training=20, held_out=5), NotedTracker()
    folder, now = tmp_path / "tune", DAY + timedelta(days=3)
    prepare(ledger, diagnosis_prompt(), folder, now=now, redact=redact_for_model, limits=limits)
    with endpoint() as served:
        model = served.model(served.api.deployments.copy().popitem()[0])
        found = measure_precedents(ledger, tracker, model, folder, redact=redact_for_model, progress=lambda: None)
        asked = ["\n".join(str(m) for m in call.messages) for call in served.api.calls]
    assert (found.champion.n, found.challenger.n, tracker.runs["precedents"]["share_with_precedents"]) == (8, 8, 1.0)
    assert sum("judged: category" in text for text in asked) == 8
