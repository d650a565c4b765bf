"""The control face: starts the workspace on loopback, and tells what really happened."""

import secrets
from contextlib import ExitStack
from typing import Self

from jobmedic.sandbox.clock import SandboxClock
from jobmedic.sandbox.faults import Faults
from jobmedic.sandbox.plan import Scenario
from jobmedic.sandbox.stage import Stage, curtain
from jobmedic.sandbox.web import LoopbackServer
from jobmedic.sandbox.workspace import WorkspaceApi
from jobmedic.sandbox.world import World

WORKSPACE_ID = 5206439413157315
JOBMEDIC_USER = "jobmedic@sandbox.example"


class Sandbox:
    """Everything that jobmedic talks to. Use it as a context manager; the addresses hold inside."""

    def __init__(self, scenario: Scenario | None = None, *, rate: float = 0.0) -> None:
        """`rate` is simulated seconds a real second; 0 stands still until `world.advance`."""
        self.scenario = scenario or Scenario(name="empty")
        self.token = f"dapi{secrets.token_hex(16)}"
        self.clock = SandboxClock(curtain(self.scenario))
        self.world = World(self.clock, seed=self.scenario.seed)
        self.stage = Stage(self.world, self.scenario)
        self.world.advance((self.scenario.start - self.clock.now()).total_seconds())
        self.workspace = WorkspaceApi(self.world, {self.token: JOBMEDIC_USER}, WORKSPACE_ID)
        self.workspace_faults = Faults()
        self.workspace_url = ""
        self._rate = rate
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            server = stack.enter_context(
                LoopbackServer(self.workspace_faults.wrap(self.workspace), "sandbox-workspace")
            )
            self.workspace_url = self.workspace.base_url = server.url
            self._stack = stack.pop_all()
        self.clock.follow(self._rate)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
