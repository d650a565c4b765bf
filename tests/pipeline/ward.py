"""A whole pass in a test: the sandbox, the real adapters on it, and tables in a folder of the test's own."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from jobmedic.edges.azure_openai.chat import AzureOpenAIModel, Limits, Prices
from jobmedic.edges.databricks_workspace import connect
from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.frames import rows_of
from jobmedic.edges.incident_channels import AppriseChannels
from jobmedic.edges.redact import redact, redact_for_model, redact_named
from jobmedic.edges.smtp_mail import SmtpMailer, SmtpTls
from jobmedic.knowledge.catalogue import Catalogue, Examples, Kind, Rule
from jobmedic.knowledge.masks import Masks
from jobmedic.knowledge.policy import Policy
from jobmedic.knowledge.prompt import diagnosis_prompt
from jobmedic.knowledge.words import Action, Category, Compute, Mode
from jobmedic.pipeline.plan import Plan, Ports, claimant, new_pass_id
from jobmedic.pipeline.triage import PassReport, triage
from jobmedic.sandbox import Cause, Failure, JobPlan, Sandbox, Scenario, SchedulePlan, TaskPlan
from jobmedic.settings import Settings

ON_CALL = "oncall@example.com"
OWNER = "ann@example.com"
SAFE = {"jobmedic_idempotent": "true"}
HOUR = 3600.0
MASKS = Masks.load()


def small_catalogue() -> Catalogue:
    """The shipped rules but for those on messages, of which three stand in for 150: compiling them all takes a second."""
    whole = Catalogue.load()
    messages = (
        _rule("refused", Category.NETWORK, Action.RETRY, "connection refused", transient=True),
        _rule(
            "memory", Category.RESOURCE, Action.RETRY_WITH_NEW_PARAMS, "java heap space", compute=Compute.MORE_WORKERS
        ),
        _rule("node", Category.RESOURCE, Action.RETRY_WITH_NEW_PARAMS, "no space left", compute=Compute.LARGER_NODE),
    )
    kept = (rule for rule in whole.rules if rule.kind is not Kind.MESSAGE)
    rules = tuple(sorted((*kept, *messages), key=lambda rule: rule.precedence))
    conditions = {name: rule for name, rule in whole.conditions.items() if rule in {one.id for one in rules}}
    return Catalogue(rules=rules, conditions=conditions, version="small")


def _rule(name: str, category: Category, action: Action, regex: str, **facts: Any) -> Rule:
    return Rule(
        id=name,
        category=category,
        action=action,
        kind=Kind.MESSAGE,
        match=(regex,),
        examples=Examples(match=(regex,)),
        where="tests",
        **{
            "transient": False,
            "confidence": 0.92,
            "root_cause": f"It says {regex}.",
            "fix": "Look at it.",
            **facts,
        },
    )


CATALOGUE = small_catalogue()


class NoRun:
    run_id = None
    complete = False

    def metrics(self, values: Mapping[str, float]) -> None: ...

    def params(self, values: Mapping[str, str]) -> None: ...

    def artifact(self, path: Path) -> None: ...


class NoTracker:
    """Keeps nothing, as the real one does when MLflow cannot be reached."""

    @contextmanager
    def run(self, name: str, *, tags: Mapping[str, str], one: bool = False) -> Generator[NoRun]:
        yield NoRun()


@dataclass
class Ward:
    """One sandbox with its tables; each `treat` is a pass of its own."""

    sandbox: Sandbox
    ledger: DeltaLedger
    ports: Ports
    folder: Path
    policy: Policy = field(default_factory=Policy.load)
    plan: Mapping[str, Any] = field(default_factory=dict)
    catalogue: Catalogue = CATALOGUE

    def treat(self, mode: Mode = Mode.ACT, *, run_id: int | None = None, **plan: Any) -> PassReport:
        return triage(self.ports, self.planned(mode, **plan), run_id=run_id)

    def planned(self, mode: Mode = Mode.ACT, **over: Any) -> Plan:
        pass_id = new_pass_id(self.sandbox.clock.now())
        facts = {
            "since": timedelta(hours=24),
            "longest_run": timedelta(days=7),
            "on_call": (ON_CALL,),
            "default_recipient": "data-platform@example.com",
            "sender": "jobmedic@sandbox.example",
            "prompt_version": diagnosis_prompt().version,
            **self.plan,
            **over,
        }
        return Plan(pass_id, claimant(pass_id), mode, self.policy, self.catalogue, MASKS, **facts)

    def rules(self, **over: Any) -> None:
        """The default policy with these settings laid over it."""
        path = self.folder / "policy.yml"
        path.write_text(yaml.safe_dump(over), encoding="utf-8")
        self.policy = Policy.load(path)

    def minutes(self, minutes: float) -> None:
        self.sandbox.world.advance(60 * minutes)

    def rows(self, table: str, **where: Any) -> list[dict[str, Any]]:
        found = rows_of(self.ledger.read(table))
        return [row for row in found if all(row[name] == value for name, value in where.items())]

    def row(self, table: str, **where: Any) -> dict[str, Any]:
        (found,) = self.rows(table, **where)
        return found

    def run_id(self, job: str = "nightly", ordinal: int = 1) -> int:
        return self.sandbox.stage.run_ids[job, ordinal]

    def repairs(self, job: str = "nightly", ordinal: int = 1) -> tuple[str, ...]:
        """Who repaired the run, as the sandbox knows it."""
        return self.sandbox.truth()[self.run_id(job, ordinal)].repairs

    def calls(self, part: str) -> int:
        return sum(count for name, count in self.sandbox.workspace.calls.items() if part in name)

    def use(self, **ports: Any) -> None:
        self.ports = replace(self.ports, **ports)


def workspace_settings(sandbox: Sandbox, **over: Any) -> Settings:
    facts = {
        "databricks_host": sandbox.workspace_url,
        "databricks_token": sandbox.token,
        "databricks_http_timeout": "5s",
        "databricks_retry_timeout": "5s",
        **over,
    }
    return Settings(env_file=None, **facts)


def model_of(sandbox: Sandbox, deployment: str | None = None, **limits: Any) -> AzureOpenAIModel:
    return AzureOpenAIModel(
        endpoint=sandbox.model_url,
        deployment=deployment or sandbox.model_deployment,
        api_key=sandbox.model_key,
        prices=Prices(0.4, 1.6),
        limits=Limits(**{"timeout_seconds": 5.0, "patience_seconds": 5.0, "attempts": 1, **limits}),
    )


def mailer_of(sandbox: Sandbox) -> SmtpMailer:
    return SmtpMailer(
        host=sandbox.smtp_host,
        port=sandbox.smtp_port,
        sender=sandbox.smtp_user,
        tls=SmtpTls.NONE,
        password=sandbox.smtp_password,
    )


def ports_of(sandbox: Sandbox, ledger: DeltaLedger, *, model: bool = False, **workspace: Any) -> Ports:
    databricks = connect(workspace_settings(sandbox, **workspace))
    return Ports(
        runs=databricks,
        jobs=databricks,
        starter=databricks,
        ledger=ledger,
        clock=sandbox.clock,
        tracker=NoTracker(),
        model=model_of(sandbox) if model else None,
        mailer=mailer_of(sandbox),
        channels=AppriseChannels([sandbox.incident_url.replace("http", "json", 1)]),
        mask_for_model=redact_for_model,
        mask=redact,
        mask_named=redact_named,
    )


Admit = Callable[..., Ward]

NETWORK = Cause(
    id="network",
    category=Category.NETWORK,
    transient=True,
    error="java.net.ConnectException: Connection refused: warehouse.example.com/{{ip}}:{{port}}",
)
SYNTAX = Cause(
    id="syntax",
    category=Category.SYNTAX,
    transient=False,
    error="[PARSE_SYNTAX_ERROR] Syntax error at or near 'FORM'. SQLSTATE: 42601 (line 1, pos 9)",
)
STRANGE = Cause(
    id="strange",
    category=Category.QUOTA,
    transient=True,
    error="the frobnicator sulks: too many requests for {{uuid}} of the wobble gateway",
)


def cause(base: Cause = NETWORK, **changes: Any) -> Cause:
    return base.model_copy(update=changes)


def job(*tasks: TaskPlan, **fields: Any) -> JobPlan:
    """A job that is safe to run again and runs once, at minute 0."""
    shown: dict[str, Any] = {"name": "nightly", "owner": OWNER, "tags": SAFE, "schedule": SchedulePlan(), **fields}
    return JobPlan(tasks=tasks or (TaskPlan(key="load", minutes=10),), **shown)


def failing(*plans: JobPlan, why: Cause = NETWORK, task: str | None = None, **fields: Any) -> Scenario:
    """A scenario in which every run of the jobs meets the cause."""
    jobs = plans or (job(),)
    failures = tuple(Failure(job=plan.name, cause=why.id, task=task) for plan in jobs)
    return Scenario(name="test", causes=(why,), jobs=jobs, failures=failures, **fields)
