"""Telling people: mail to owners, incidents to the on-call's channels."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class NoticeError(Exception):
    """A notice that did not go out; `permanent` when sending it again cannot help."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class Mail:
    recipients: tuple[str, ...]
    subject: str
    html: str
    text: str
    message_id: str
    """Stable: the same decision window always makes the same Message-ID."""


@dataclass(frozen=True, slots=True)
class IncidentNotice:
    incident_id: str
    """Dedup key for channels that know one."""
    title: str
    summary: str
    category: str
    run_page_url: str | None
    runs: int
    jobs: int
    opened_at: datetime


class Mailer(Protocol):
    def send(self, mail: Mail) -> None:
        """Raises NoticeError."""
        ...


class IncidentChannels(Protocol):
    def announce(self, notice: IncidentNotice) -> None:
        """Raises NoticeError naming the channels that failed; the others were told."""
        ...
