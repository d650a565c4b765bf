"""A process of its own that makes one pass over a sandbox: argv is a JSON object, see `Errand`."""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from jobmedic.edges.databricks_workspace import connect
from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.spark import FEATURES, chosen_kind, open_session
from jobmedic.knowledge.policy import Policy
from jobmedic.knowledge.words import Mode
from jobmedic.pipeline.plan import Plan, Ports, claimant, new_pass_id
from jobmedic.pipeline.triage import triage
from jobmedic.ports.workspace import RepairRequest, RunStarter
from jobmedic.settings import Settings
from tests.pipeline.ward import CATALOGUE, MASKS, NoTracker


@dataclass(frozen=True)
class Errand:
    tables: str
    host: str
    token: str
    now: str
    policy: str
    name: str
    gate: str
    """A file that is waited for, so that several start at once."""
    killed: str = ""
    """`before` or `after` its first repair."""


@dataclass(frozen=True)
class Still:
    moment: datetime

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class Killed:
    starter: RunStarter
    when: str

    def repair(self, request: RepairRequest) -> int:
        repair_id = self.starter.repair(request) if self.when != "before" else 0
        if self.when:
            os.kill(os.getpid(), signal.SIGKILL)
        return repair_id

    def submit(self, payload: Mapping[str, Any], *, idempotency_token: str) -> int:
        return self.starter.submit(payload, idempotency_token=idempotency_token)


def main(errand: Errand) -> None:
    settings = Settings(env_file=None, databricks_host=errand.host, databricks_token=errand.token)
    workspace, clock = connect(settings), Still(datetime.fromisoformat(errand.now))
    with open_session() as spark:
        ledger = DeltaLedger(spark, errand.tables, FEATURES[chosen_kind()])
        starter = Killed(workspace, errand.killed)
        ports = Ports(workspace, workspace, starter, ledger, clock, NoTracker())
        pass_id = new_pass_id(clock.now())
        rules = Policy.load(Path(errand.policy))
        day = timedelta(days=1)
        plan = Plan(pass_id, claimant(pass_id), Mode.ACT, rules, CATALOGUE, MASKS, since=day, longest_run=day)
        ledger.read("actions").count()
        gate = Path(errand.gate)
        gate.with_suffix(f".{errand.name}").touch()
        while not gate.exists():
            time.sleep(0.01)
        triage(ports, plan)


if __name__ == "__main__":
    main(Errand(**json.loads(sys.argv[1])))
