"""A mail server on loopback that keeps what it is sent, and can have bad days."""

import asyncio
import logging
import ssl
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

_OK = "250 Message accepted for delivery"


@dataclass(frozen=True, slots=True)
class MailFaults:
    """What goes wrong from now on; `temporary` and `drops` are used up one message at a time."""

    refuse_login: bool = False
    refused_recipients: frozenset[str] = frozenset()
    temporary: int = 0
    """Messages answered with 451."""
    drops: int = 0
    """Messages at whose end the connection is cut."""


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage = field(repr=False)

    @property
    def subject(self) -> str:
        return str(self.message["subject"])

    @property
    def message_id(self) -> str:
        return str(self.message["message-id"])

    def part(self, kind: str) -> str:
        """The text of the `plain` or `html` part; empty when there is none."""
        body = self.message.get_body((kind,))
        return str(body.get_content()) if body is not None else ""


class Mailbox:
    """Runs in a thread of its own. Without `login` anybody may send."""

    def __init__(self, *, login: tuple[str, str] | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.mails: list[ReceivedMail] = []
        self.faults = MailFaults()
        self.host, self.port = "127.0.0.1", 0
        self._login = login
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sandbox-mail", daemon=True)
        self._server: asyncio.Server | None = None
        self._temporary = self._drops = 0

    def plan(self, faults: MailFaults) -> None:
        self.faults, self._temporary, self._drops = faults, faults.temporary, faults.drops

    def __enter__(self) -> Self:
        if find_spec("aiosmtpd") is None:
            raise RuntimeError("the sandbox's mail server needs the package `aiosmtpd`: install jobmedic[local]")
        self._thread.start()
        self._server = self._in_loop(self._listen)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._in_loop(self._stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _in_loop(self, work: Callable[[], Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result(10)

    async def _listen(self) -> asyncio.Server:
        return await self._loop.create_server(self._session, self.host, 0)

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        open_tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in open_tasks:
            task.cancel()
        await asyncio.gather(*open_tasks, return_exceptions=True)

    def _session(self) -> "SMTP":
        # aiosmtpd warns of logins without TLS: right on a network, beside the point on loopback
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        with warnings.catch_warnings(action="ignore"):
            return self._server_side()

    def _server_side(self) -> "SMTP":
        from aiosmtpd.smtp import SMTP

        return SMTP(
            self,
            hostname="sandbox.example",
            tls_context=self._tls,
            require_starttls=False,
            auth_required=self._login is not None,
            auth_require_tls=False,
            authenticator=self._authenticate if self._login is not None else None,
            loop=self._loop,
        )

    def _authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> "AuthResult":
        from aiosmtpd.smtp import AuthResult, LoginPassword

        right = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode()) == self._login
        return AuthResult(success=right and not self.faults.refuse_login, handled=False)

    async def handle_RCPT(  # noqa: N802 - the server looks for this name
        self, _server: "SMTP", _session: "Session", envelope: "Envelope", address: str, options: list[str]
    ) -> str:
        if address in self.faults.refused_recipients:
            return f"550 5.1.1 {address}: no such user here"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: "SMTP", _session: "Session", envelope: "Envelope") -> str:  # noqa: N802 - the same
        if self._drops:
            self._drops -= 1
            if isinstance(server.transport, asyncio.WriteTransport):
                server.transport.abort()
            return "421 gone"
        if self._temporary:
            self._temporary -= 1
            return "451 4.7.1 Try again later"
        content = envelope.original_content or b""
        message = message_from_bytes(content, policy=default)
        self.mails.append(ReceivedMail(envelope.mail_from or "", tuple(envelope.rcpt_tos), message))
        return _OK
