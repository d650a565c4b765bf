"""Builds the edges from the settings: the only place that knows which adapter stands behind which port."""

import logging
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from jobmedic.champion_model import ChampionModel
from jobmedic.edges.clock import SystemClock
from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.edges.delta_ledger.place import CatalogSchema
from jobmedic.edges.delta_ledger.upgrade import upgrade
from jobmedic.edges.mlflow_tracker.tracker import MlflowTracker
from jobmedic.edges.redact import redact, redact_for_model, redact_named
from jobmedic.edges.spark import FEATURES, SparkKind, open_session
from jobmedic.knowledge.catalogue import Catalogue
from jobmedic.knowledge.masks import Masks
from jobmedic.knowledge.policy import Policy
from jobmedic.knowledge.prompt import diagnosis_prompt
from jobmedic.pipeline.diagnose.champion import champion
from jobmedic.pipeline.plan import Plan, Ports, claimant, new_pass_id
from jobmedic.ports.clock import Clock
from jobmedic.ports.model import LanguageModel, ModelError
from jobmedic.ports.notices import IncidentChannels, Mailer
from jobmedic.ports.registry import Classifier, Registry
from jobmedic.ports.workspace import RunReader
from jobmedic.settings import Settings, with_secrets

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from jobmedic.edges.databricks_workspace import DatabricksWorkspace
    from jobmedic.pipeline.learn.daily import Known

log = logging.getLogger("jobmedic")


@dataclass
class Equipment:
    """Settings and what was opened for them; each edge is opened when it is first asked for, and closed by `opened`."""

    settings: Settings
    clock: Clock
    stack: ExitStack = field(repr=False)

    @cached_property
    def policy(self) -> Policy:
        path = self.settings.jobmedic_policy
        given = "max_retries" in self.settings.model_fields_set
        return Policy.load(Path(path) if path else None, max_retries=self.settings.max_retries if given else None)

    @cached_property
    def catalogue(self) -> Catalogue:
        return Catalogue.load()

    @cached_property
    def spark(self) -> "SparkSession":
        return self.stack.enter_context(open_session(SparkKind(self.settings.jobmedic_spark)))

    @cached_property
    def bare_ledger(self) -> DeltaLedger:
        """As it was found, of whatever version."""
        features = FEATURES[SparkKind(self.settings.jobmedic_spark)]
        return DeltaLedger(self.spark, self.settings.jobmedic_tables, features)

    @cached_property
    def ledger(self) -> DeltaLedger:
        """Brought to this version of jobmedic before anything reads it."""
        upgrade(self.bare_ledger, now=self.clock.now(), analysts=self.settings.jobmedic_analysts_group)
        return self.bare_ledger

    @cached_property
    def workspace(self) -> "DatabricksWorkspace":
        from jobmedic.edges.databricks_workspace import connect

        return connect(self.settings)

    @property
    def runs(self) -> RunReader:
        """A reader for one pass: the workspace itself, or its system tables for what failed."""
        if self.settings.jobmedic_source == "api":
            return self.workspace
        from jobmedic.edges.system_tables import SystemTables, SystemTablesRunReader

        tables = SystemTables(self.spark, self.workspace.identity().workspace_id)
        return SystemTablesRunReader(self.workspace, tables)

    @cached_property
    def tracker(self) -> MlflowTracker:
        uri = self.settings.tracking_uri
        artifacts = (
            Path(uri.removeprefix("sqlite:///")).parent / "mlflow-artifacts" if uri.startswith("sqlite:") else None
        )
        tracker = MlflowTracker(
            tracking_uri=uri, experiment=self.settings.jobmedic_mlflow_experiment, artifacts=artifacts
        )
        self.stack.callback(tracker.close)
        return tracker

    @cached_property
    def model(self) -> LanguageModel | None:
        """The champion; None, and said, where no endpoint is set."""
        if not self.settings.azure_openai_endpoint:
            log.info("AZURE_OPENAI_ENDPOINT is not set: errors that no rule knows are escalated, no model is asked")
            return None
        if not self.settings.azure_openai_deployment:
            raise ModelError("AZURE_OPENAI_DEPLOYMENT is not set: name the deployment behind AZURE_OPENAI_ENDPOINT")
        return self.tracker.traced(ChampionModel(lambda: self.champion.deployment, self.deployment))

    def deployment(self, name: str) -> LanguageModel:
        """One deployment behind the endpoint, whether it is in force or not."""
        from jobmedic.edges.azure_openai.chat import AzureOpenAIModel, Limits, Prices

        settings, rules = self.settings, self.policy.model
        return AzureOpenAIModel(
            endpoint=settings.azure_openai_endpoint or "",
            deployment=name,
            api_key=self.azure_key,
            api_version=settings.azure_openai_api_version,
            prices=Prices(rules.usd_per_million_tokens_in, rules.usd_per_million_tokens_out),
            limits=Limits(timeout_seconds=rules.timeout_seconds / 2, patience_seconds=rules.timeout_seconds),
        )

    @property
    def azure_key(self) -> str | None:
        key = self.settings.azure_openai_api_key
        return key.get_secret_value() if key else None

    @cached_property
    def registry(self) -> Registry:
        from jobmedic.edges.mlflow_tracker.registry import MlflowRegistry

        settings = self.settings
        in_catalog = isinstance(self.bare_ledger.home.place, CatalogSchema)
        name = f"{settings.jobmedic_tables}.jobmedic_classifier" if in_catalog else "jobmedic-classifier"
        return MlflowRegistry(
            tracking_uri=settings.tracking_uri,
            experiment=settings.jobmedic_mlflow_experiment,
            name=name,
            registry_uri="databricks-uc" if in_catalog else None,
        )

    @cached_property
    def champion(self) -> Classifier:
        """What decides a diagnosis: the registry's champion, else what is installed and set."""
        named = self.settings.azure_openai_deployment or ""
        return champion(self.registry, Classifier(self.catalogue.version, diagnosis_prompt().version, named, named))

    @cached_property
    def mailer(self) -> Mailer | None:
        if self.mail_off is not None:
            return None
        from jobmedic.edges.smtp_mail import SmtpMailer, SmtpTls

        settings = self.settings
        password = settings.email_password
        mailer = SmtpMailer(
            host=settings.email_smtp_host or "",
            port=settings.email_smtp_port,
            sender=settings.email_sender or "",
            tls=SmtpTls(settings.email_smtp_tls),
            password=password.get_secret_value() if password else None,
        )
        self.stack.callback(mailer.close)
        return mailer

    @property
    def mail_off(self) -> str | None:
        """Why no mail goes out; None when mails go out."""
        settings = self.settings
        if not settings.email_enabled:
            return "mail is switched off: set EMAIL_ENABLED=true"
        missing = [name for name in ("email_smtp_host", "email_sender") if not getattr(settings, name)]
        return (
            f"mail is switched on, but {' and '.join(name.upper() for name in missing)} is not set" if missing else None
        )

    @cached_property
    def channels(self) -> IncidentChannels | None:
        if not self.settings.jobmedic_incident_urls:
            return None
        from jobmedic.edges.incident_channels import AppriseChannels

        return AppriseChannels([url.get_secret_value() for url in self.settings.jobmedic_incident_urls])

    @property
    def known(self) -> "Known":
        """What is in force, for the scores to be logged with."""
        from jobmedic.pipeline.learn.daily import Known

        return Known(self.policy, self.catalogue, diagnosis_prompt().version, self.champion.deployment)

    @property
    def mask(self) -> Callable[[str], str]:
        return redact

    @property
    def ports(self) -> Ports:
        return Ports(
            runs=self.runs,
            jobs=self.workspace,
            starter=self.workspace,
            ledger=self.ledger,
            clock=self.clock,
            tracker=self.tracker,
            model=self.model,
            mailer=self.mailer,
            channels=self.channels,
            mask_for_model=redact_for_model,
            mask=redact,
            mask_named=redact_named,
        )

    def plan(self, *, look_back: bool = False) -> Plan:
        """A plan for one pass, with an id of its own."""
        settings, policy = self.settings, self.policy
        pass_id = new_pass_id(self.clock.now())
        return Plan(
            pass_id=pass_id,
            claimant=claimant(pass_id),
            mode=settings.jobmedic_mode,
            policy=policy,
            catalogue=self.catalogue,
            masks=Masks.load(),
            since=settings.jobmedic_since,
            longest_run=settings.jobmedic_longest_run,
            concurrency=settings.jobmedic_concurrency,
            look_back=look_back,
            own_job_ids=(settings.jobmedic_own_job_id,) if settings.jobmedic_own_job_id else (),
            on_call=settings.jobmedic_on_call,
            default_recipient=settings.email_default_recipient,
            sender=settings.email_sender,
            mail_off=self.mail_off,
            tables_name=settings.jobmedic_tables if isinstance(self.ledger.home.place, CatalogSchema) else None,
            prompt_version=diagnosis_prompt().version,
        )


@contextmanager
def opened(
    settings: Settings, *, clock: Clock | None = None, read_secret: Callable[[str, str], str | None] | None = None
) -> Generator[Equipment]:
    """Closes, in the reverse order, whatever was opened meanwhile."""
    if settings.jobmedic_secret_scope:
        if read_secret is None:
            from jobmedic.edges.databricks_workspace import secret_reader

            read_secret = secret_reader(settings)
        settings = with_secrets(settings, read_secret)
    with ExitStack() as stack:
        yield Equipment(settings, clock or SystemClock(), stack)
