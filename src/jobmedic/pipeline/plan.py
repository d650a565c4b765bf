"""What one pass works with: the ports it speaks through, and the plan it follows."""

import hashlib
import os
import socket
import uuid
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from jobmedic.knowledge.catalogue import Catalogue
from jobmedic.knowledge.masks import Masks
from jobmedic.knowledge.policy import Policy
from jobmedic.knowledge.words import Mode
from jobmedic.ports.clock import Clock
from jobmedic.ports.ledger import Ledger
from jobmedic.ports.model import LanguageModel
from jobmedic.ports.notices import IncidentChannels, Mailer
from jobmedic.ports.tracker import Tracker
from jobmedic.ports.workspace import JobReader, RunReader, RunStarter


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside the process. `model`, `mailer` and `channels` are None where none is configured."""

    runs: RunReader
    jobs: JobReader
    starter: RunStarter
    ledger: Ledger
    clock: Clock
    tracker: Tracker
    model: LanguageModel | None = None
    mailer: Mailer | None = None
    channels: IncidentChannels | None = None
    mask_for_model: Callable[[str], str] = field(default=lambda text: text)
    """Takes secrets and mail addresses out of what the model sees."""
    mask: Callable[[str], str] = field(default=lambda text: text)
    """Takes secrets out of what is stored."""
    mask_named: Callable[[Mapping[str, str]], dict[str, str]] = field(default=dict)
    """The same for parameters and tags, whose names tell too."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How this pass is to be done."""

    pass_id: str
    claimant: str
    """Who claims actions: the pass, and the process that can be asked whether it still lives."""
    mode: Mode
    policy: Policy
    catalogue: Catalogue
    masks: Masks
    since: timedelta
    longest_run: timedelta
    concurrency: int = 8
    look_back: bool = False
    """True lists from `since` again although an earlier pass left a watermark: the user asked for it."""
    own_job_ids: tuple[int, ...] = ()
    on_call: tuple[str, ...] = ()
    default_recipient: str | None = None
    sender: str | None = None
    mail_off: str | None = None
    """Why no mail goes out, in words; None when mails go out."""
    tables_name: str | None = None
    """`catalog.schema` where people can write SQL, for the letters; None for a folder."""
    prompt_version: str | None = None
    chunk_bytes: int = 4_000_000
    """About so much is read, stored and forgotten together: what bounds memory."""


def new_pass_id(now: datetime) -> str:
    """Sortable by time, unique among passes."""
    return f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"


LEASE = timedelta(minutes=15)
"""Longer than any call of a living pass may take, retries of the SDK included."""

_living: set[str] = set()


def claimant(pass_id: str) -> str:
    """Names the pass, and the process that can be asked whether it still lives."""
    return f"{pass_id}@{_host()}.{os.getpid()}"


@contextmanager
def living(claimed_by: str) -> Generator[None]:
    """While inside, nobody in this process takes the claims of this pass for a dead one's."""
    _living.add(claimed_by)
    try:
        yield
    finally:
        _living.discard(claimed_by)


def left_behind(claimed_by: str | None, claimed_at: datetime, now: datetime) -> bool:
    """Whether a claim is anybody's: given back, a dead pass's, or too old for a living one."""
    return claimed_by is None or has_died(claimed_by) or now - claimed_at > LEASE


def has_died(claimed_by: str) -> bool:
    """True only when the claiming process ran on this host and is gone: then nobody else will finish its work."""
    host, _, process = claimed_by.rpartition("@")[2].partition(".")
    if host != _host() or not process.isdigit():
        return False
    if int(process) == os.getpid():
        return claimed_by not in _living
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
