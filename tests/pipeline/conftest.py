from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.sandbox import Sandbox, Scenario
from tests.pipeline.ward import HOUR, Admit, Ward, ports_of


@pytest.fixture
def admit(ledger: DeltaLedger, tmp_path: Path) -> Iterator[Admit]:
    """Opens a ward on a scenario, an hour after its start; it closes with the test."""
    with ExitStack() as stack:

        def opened(scenario: Scenario, *, seconds: float = HOUR, model: bool = False, **workspace: object) -> Ward:
            sandbox = stack.enter_context(Sandbox(scenario))
            sandbox.world.advance(seconds)
            return Ward(sandbox, ledger, ports_of(sandbox, ledger, model=model, **workspace), tmp_path)

        yield opened
