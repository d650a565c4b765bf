"""A real SMTP server on loopback that answers by a script and keeps what it was given."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


@dataclass
class Inbox:
    port: int = 0
    connections: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    """Recipient to answer, such as `550 no such user`."""
    mail_answers: list[str] = field(default_factory=list)
    """Answers to the next MAIL commands; 250 when used up."""
    password: str = "right"
    logins: list[str] = field(default_factory=list)

    # The server calls these by name.
    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.connections += 1
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.mail_answers.pop(0) if self.mail_answers else "250 OK"
        if answer.startswith("250"):
            envelope.mail_from = address
        return answer

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        self.letters.append(message_from_bytes(content, policy=policy.default))
        return "250 OK"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        self.logins.append(data.login.decode())
        return AuthResult(success=data.password == self.password.encode(), handled=False)


@contextmanager
def mail_server(inbox: Inbox | None = None, **options: Any) -> Iterator[Inbox]:
    inbox = inbox or Inbox()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        inbox.port = probe.getsockname()[1]
    controller = Controller(
        inbox, hostname="127.0.0.1", port=inbox.port, enable_SMTPUTF8=True, authenticator=inbox.authenticate, **options
    )
    controller.start()
    try:
        yield inbox
    finally:
        controller.stop(no_assert=True)
