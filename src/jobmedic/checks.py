"""Proof of each connection, one after the other; none keeps the others from being tried."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from jobmedic.pipeline.act.letters import check_mail
from jobmedic.ports.model import Question
from jobmedic.wiring import Equipment

OK, FAILED, NOT_SET = "ok", "failed", "not set"


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    state: str
    told: str

    @property
    def failed(self) -> bool:
        return self.state == FAILED


def check_all(equipment: Equipment, *, mail_to: str | None = None) -> list[Check]:
    """Asks the model one question and sends one test message where these are set up."""
    return [
        _tried("policy", lambda: _policy(equipment)),
        _tried("tables", lambda: _tables(equipment)),
        _tried("workspace", lambda: _workspace(equipment)),
        _tried("model", lambda: _model(equipment)),
        _tried("mail", lambda: _mail(equipment, mail_to)),
        _tried("incidents", lambda: _incidents(equipment)),
        _tried("mlflow", lambda: _mlflow(equipment)),
    ]


def _tried(name: str, proof: Callable[[], tuple[str, str]]) -> Check:
    try:
        return Check(name, *proof())
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one connection, the next is tried
        return Check(name, FAILED, " ".join(str(error).split()) or type(error).__name__)


def _policy(equipment: Equipment) -> tuple[str, str]:
    policy, catalogue = equipment.policy, equipment.catalogue
    where = equipment.settings.jobmedic_policy or "the policy that is shipped"
    return OK, f"{where}, version {policy.digest}; {len(catalogue.rules)} rules, version {catalogue.version}"


def _tables(equipment: Equipment) -> tuple[str, str]:
    ledger = equipment.ledger
    return (
        OK,
        f"{ledger.home.place}: {ledger.read('decisions').count()} decisions, {ledger.read('passes').count()} passes",
    )


def _workspace(equipment: Equipment) -> tuple[str, str]:
    identity = equipment.workspace.identity()
    recent = equipment.clock.now() - timedelta(hours=1)
    listed = sum(1 for _ in zip(range(25), equipment.workspace.list_runs(started_from=recent), strict=False))
    return (
        OK,
        f"{identity.host}, workspace {identity.workspace_id}; runs can be listed ({listed} of the last hour read)",
    )


def _model(equipment: Equipment) -> tuple[str, str]:
    if equipment.model is None:
        return NOT_SET, "AZURE_OPENAI_ENDPOINT is empty: rules only"
    reply = equipment.model.diagnose(
        Question("v1:check", "java.net.ConnectException: Connection refused (test of jobmedic check)", None, None, None)
    )
    if reply.diagnosis is None:
        return FAILED, reply.refusal or "no answer"
    return (
        OK,
        f"{reply.model} answered in {reply.seconds:.1f} s: {reply.diagnosis.category}; {reply.tokens_in + reply.tokens_out} tokens, ${reply.cost_usd:.5f}",
    )


def _mail(equipment: Equipment, to: str | None) -> tuple[str, str]:
    settings = equipment.settings
    if equipment.mailer is None:
        return (FAILED if settings.email_enabled else NOT_SET), equipment.mail_off or "no mail server"
    sender = settings.email_sender or ""
    people = (to,) if to else settings.jobmedic_on_call or (settings.email_default_recipient or sender,)
    equipment.mailer.send(check_mail(recipients=people, sender=sender, at=equipment.clock.now()))
    return OK, f"{settings.email_smtp_host}:{settings.email_smtp_port} took a test message for {', '.join(people)}"


def _incidents(equipment: Equipment) -> tuple[str, str]:
    if equipment.channels is None:
        return NOT_SET, "JOBMEDIC_INCIDENT_URLS is empty: incidents are rows and mails only"
    return OK, f"{len(equipment.settings.jobmedic_incident_urls)} channels are configured; nothing was sent to them"


def _mlflow(equipment: Equipment) -> tuple[str, str]:
    with equipment.tracker.run("check", tags={"jobmedic.kind": "check"}) as tracked:
        run_id = tracked.run_id
    uri = equipment.settings.tracking_uri
    return (
        (OK, f"{uri}, experiment {equipment.settings.jobmedic_mlflow_experiment}")
        if run_id
        else (FAILED, f"{uri} could not be reached; the log says why")
    )
