"""A process of its own that claims decisions in the tables at argv[1], in the name argv[2], once the file argv[3] is there."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.spark import FEATURES, chosen_kind, open_session

CLAIMS = 3


def claim_all(ledger: DeltaLedger, name: str) -> None:
    for n in range(CLAIMS):
        claim = {"decision_id": f"d{n}", "claimed_by": name, "requested_at": datetime.now(UTC)}
        ledger.merge("actions", ledger.frame("actions", [claim]), update=())


def main(where: str, name: str, gate: Path) -> None:
    with open_session() as spark:
        ledger = DeltaLedger(spark, where, FEATURES[chosen_kind()])
        ledger.read("actions").count()
        gate.with_suffix(f".{name}").touch()
        while not gate.exists():
            time.sleep(0.01)
        claim_all(ledger, name)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
