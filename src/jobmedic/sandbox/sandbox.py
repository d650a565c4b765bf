"""The control face: starts everything on loopback, and tells what really happened."""

import os
import secrets
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Self

from jobmedic.sandbox.clock import SandboxClock
from jobmedic.sandbox.faults import Faults
from jobmedic.sandbox.mail.certificate import Certificate, self_signed
from jobmedic.sandbox.mail.mail import Mailbox, ReceivedMail
from jobmedic.sandbox.model.model import ModelApi
from jobmedic.sandbox.model.replies import ModelCall
from jobmedic.sandbox.model.stand_in import NAME
from jobmedic.sandbox.scenario.plan import Scenario
from jobmedic.sandbox.sink import Post, Sink
from jobmedic.sandbox.web import App, LoopbackServer
from jobmedic.sandbox.workspace.webhooks import Destination, post, run_failed, task_failed
from jobmedic.sandbox.workspace.workspace import WorkspaceApi
from jobmedic.sandbox.world.stage import Stage, curtain
from jobmedic.sandbox.world.state import Run
from jobmedic.sandbox.world.truth import RunTruth, oracle, truth
from jobmedic.sandbox.world.world import World

WORKSPACE_ID = 5206439413157315
JOBMEDIC_USER = "jobmedic@sandbox.example"
MAIL_USER = "jobmedic@sandbox.example"


class Sandbox:
    """Everything that jobmedic talks to. Use it as a context manager; the addresses hold inside.

    The world and its faults can be reached before it is entered.
    """

    def __init__(
        self, scenario: Scenario | None = None, *, rate: float = 0.0, mail_login: bool = True, mail_tls: bool = False
    ) -> None:
        """`rate` is simulated seconds a real second; 0 stands still until `world.advance`."""
        self.scenario = scenario or Scenario(name="empty")
        self.token = f"dapi{secrets.token_hex(16)}"
        self.model_key = secrets.token_hex(16)
        self.model_deployment = NAME
        self.smtp_user, self.smtp_password = MAIL_USER, secrets.token_urlsafe(12)
        self.clock = SandboxClock(curtain(self.scenario))
        self.world = World(self.clock, seed=self.scenario.seed)
        self.stage = Stage(self.world, self.scenario)
        self.world.advance((self.scenario.start - self.clock.now()).total_seconds())
        self.workspace = WorkspaceApi(self.world, {self.token: JOBMEDIC_USER}, WORKSPACE_ID)
        self.workspace_faults = Faults()
        self.model = ModelApi(self.model_key, lambda text: oracle(self.world.causes, text))
        self.sink = Sink()
        self.certificate: Certificate | None = self_signed() if mail_tls else None
        login = (self.smtp_user, self.smtp_password) if mail_login else None
        self.mailbox = Mailbox(login=login, tls=self.certificate.server if self.certificate else None)
        self.workspace_url = self.model_url = self.incident_url = ""
        self._rate = rate
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:

            def serve(app: App, name: str) -> str:
                return stack.enter_context(LoopbackServer(app, f"sandbox-{name}")).url

            self.workspace_url = serve(self.workspace_faults.wrap(self.workspace), "workspace")
            self.workspace.base_url = self.workspace_url
            self.model_url = serve(self.model.faults.wrap(self.model), "model")
            self.incident_url = serve(self.sink.faults.wrap(self.sink), "sink") + "/incidents"
            stack.enter_context(self.mailbox)
            self._stack = stack.pop_all()
        self.clock.follow(self._rate)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def smtp_host(self) -> str:
        return self.mailbox.host

    @property
    def smtp_port(self) -> int:
        return self.mailbox.port

    @property
    def mails(self) -> Sequence[ReceivedMail]:
        return self.mailbox.mails

    @property
    def model_calls(self) -> Sequence[ModelCall]:
        return self.model.calls

    @property
    def incidents(self) -> Sequence[Post]:
        return self.sink.posts

    def truth(self) -> dict[int, RunTruth]:
        """What really happened, by run id."""
        return truth(self.world)

    def person(self, name: str) -> str:
        """A token with which somebody else calls the workspace."""
        token = f"dapi{secrets.token_hex(16)}"
        self.workspace.tokens[token] = name
        return token

    def notify(self, destination: Destination, *, job: str | None = None, tasks: bool = False) -> None:
        """Posts the platform's failure webhook for every run, or every run of one job, that fails from now on.

        With `tasks` for every failed task too, as a task's own notification would.
        """

        def tell(run: Run) -> None:
            if run.state.result == "SUCCESS" or job not in {None, run.name}:
                return
            told = [run_failed(run, WORKSPACE_ID)]
            if tasks:
                told += [task_failed(run, a, WORKSPACE_ID) for a in run.attempts if a.cause]
            # in a thread of its own: whoever is told may call back while the world is still moving
            threading.Thread(target=lambda: [post(destination, what) for what in told], daemon=True).start()

        self.world.progress.on_end.append(tell)

    def environment(self) -> dict[str, str]:
        """The variables that point jobmedic, or any SDK, at this sandbox."""
        return {
            "DATABRICKS_HOST": self.workspace_url,
            "DATABRICKS_TOKEN": self.token,
            "AZURE_OPENAI_ENDPOINT": self.model_url,
            "AZURE_OPENAI_API_KEY": self.model_key,
            "AZURE_OPENAI_DEPLOYMENT": self.model_deployment,
            "EMAIL_ENABLED": "true",
            "EMAIL_SENDER": self.smtp_user,
            "EMAIL_PASSWORD": self.smtp_password,
            "EMAIL_SMTP_HOST": self.smtp_host,
            "EMAIL_SMTP_PORT": str(self.smtp_port),
            "EMAIL_SMTP_TLS": "starttls" if self.certificate else "none",
            "EMAIL_DEFAULT_RECIPIENT": "data-platform@sandbox.example",
            "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1,localhost"])),
        }
