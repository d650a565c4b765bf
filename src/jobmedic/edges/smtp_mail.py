"""The mail port on SMTP."""

import logging
import smtplib
import ssl
import threading
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from enum import StrEnum
from types import TracebackType
from typing import Self

from jobmedic.ports.notices import Mail, NoticeError

_log = logging.getLogger(__name__)
_PERMANENT = 500
_CLOSING = 421
_OK = 250
_Refused = dict[str, tuple[int, bytes]]


class SmtpTls(StrEnum):
    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class DisabledMailer:
    """The mail port where EMAIL_ENABLED is false: every letter is refused, and says so."""

    def send(self, mail: Mail) -> None:
        raise NoticeError(
            f"mail is switched off: set EMAIL_ENABLED=true to write to {', '.join(mail.recipients)}", permanent=True
        )


class SmtpMailer:
    """One connection for all letters of a pass, opened at the first and renewed when the server drops it."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        sender: str,
        tls: SmtpTls = SmtpTls.STARTTLS,
        user: str | None = None,
        password: str | None = None,
        timeout_seconds: float = 20.0,
    ) -> None:
        self._host, self._port, self._tls = host, port, tls
        self._sender = _address(sender, "EMAIL_SENDER")
        self._login = (user or self._sender.addr_spec, password) if password else None
        self._timeout = timeout_seconds
        self._connection: smtplib.SMTP | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.quit()
            except (smtplib.SMTPException, OSError):
                connection.close()

    def send(self, mail: Mail) -> None:
        message = self._message(mail)
        with self._lock:
            try:
                refused = self._deliver(message)
            except (smtplib.SMTPException, OSError) as problem:
                self.close()
                words, permanent = _explain(problem)
                raise NoticeError(f"mail server {self._host}:{self._port} {words}", permanent=permanent) from problem
        if refused:
            # The others have it: sending again would reach them twice, so this is told and not retried.
            _log.warning(
                "mail server %s:%s took %s but refused %s", self._host, self._port, mail.message_id, _named(refused)
            )

    def _deliver(self, message: EmailMessage) -> _Refused:
        """Recipients that were refused while others were not. A connection that the server gave up is opened anew."""
        if self._connection is not None and not self._alive(self._connection):
            self.close()
        reused = self._connection is not None
        self._connection = self._connection or self._connect()
        try:
            return self._connection.send_message(message)
        except smtplib.SMTPSenderRefused as problem:
            if not reused or problem.smtp_code != _CLOSING:
                raise
            self.close()
            self._connection = self._connect()
            return self._connection.send_message(message)

    @staticmethod
    def _alive(connection: smtplib.SMTP) -> bool:
        try:
            return connection.noop()[0] == _OK
        except (smtplib.SMTPException, OSError):
            return False

    def _connect(self) -> smtplib.SMTP:
        trust = ssl.create_default_context()
        if self._tls is SmtpTls.TLS:
            connection: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=self._timeout, context=trust)
        else:
            connection = smtplib.SMTP(self._host, self._port, timeout=self._timeout)
        try:
            if self._tls is SmtpTls.STARTTLS:
                connection.starttls(context=trust)
            connection.ehlo_or_helo_if_needed()
            if self._login and connection.has_extn("auth"):
                connection.login(*self._login)
            elif self._login:
                # Relays that go by address offer no login; one that does insist refuses the sender by itself.
                _log.info("mail server %s:%s offers no login; EMAIL_PASSWORD is not used", self._host, self._port)
        except BaseException:
            connection.close()
            raise
        return connection

    def _message(self, mail: Mail) -> EmailMessage:
        if not mail.recipients:
            raise NoticeError(
                f"the mail {mail.message_id} has no recipient: set EMAIL_DEFAULT_RECIPIENT", permanent=True
            )
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = tuple(_address(who, "the recipient") for who in mail.recipients)
        message["Subject"] = " ".join(mail.subject.split())[:200]
        message["Date"] = formatdate(localtime=False)
        message["Message-ID"] = "".join(mail.message_id.split())
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office may answer
        message["X-Auto-Response-Suppress"] = "All"  # the same for Exchange
        message.set_content(_sound(mail.text))
        message.add_alternative(_sound(mail.html), subtype="html")
        return message


def _explain(problem: Exception) -> tuple[str, bool]:  # noqa: PLR0911 - one line a kind of failure, as a table would have
    """What happened and what to do, and whether sending again cannot help (RFC 5321: 4yz passes, 5yz stays)."""
    match problem:
        case smtplib.SMTPAuthenticationError():
            lasting = problem.smtp_code >= _PERMANENT
            return f"refused the login ({problem.smtp_code}): check EMAIL_SENDER and EMAIL_PASSWORD", lasting
        case smtplib.SMTPRecipientsRefused():
            lasting = all(code >= _PERMANENT for code, _ in problem.recipients.values())
            return f"refused every recipient: {_named(problem.recipients)}", lasting
        case smtplib.SMTPResponseException():
            return f"answered {problem.smtp_code} {_text(problem.smtp_error)}", problem.smtp_code >= _PERMANENT
        case smtplib.SMTPNotSupportedError():
            return f"lacks what was asked of it ({problem}): check EMAIL_SMTP_TLS", True
        case ssl.SSLError():
            return f"does not talk TLS as asked ({problem.reason}): check EMAIL_SMTP_TLS and EMAIL_SMTP_PORT", True
        case _ if isinstance(problem.__context__ or problem, TimeoutError):
            return "did not answer in time: check EMAIL_SMTP_HOST and EMAIL_SMTP_PORT", False
        case _:
            return f"cannot be reached ({problem}): check EMAIL_SMTP_HOST and EMAIL_SMTP_PORT", False


def _address(text: str, what: str) -> Address:
    """`name@host` or `Name <name@host>`; a line break or anything else that could start a header is refused."""
    name, spec = parseaddr(text)
    if any(c in text for c in "\r\n\0") or "@" not in spec:
        raise NoticeError(f"{what} {text!r} is no mail address", permanent=True)
    try:
        return Address(display_name=name, addr_spec=spec)
    except (ValueError, IndexError) as problem:
        raise NoticeError(f"{what} {text!r} is no mail address: {problem}", permanent=True) from problem


def _named(refused: _Refused) -> str:
    return ", ".join(f"{who} ({code} {_text(words)})" for who, (code, words) in refused.items())


def _text(words: bytes | str) -> str:
    return (words.decode(errors="replace") if isinstance(words, bytes) else words).replace("\n", " ")[:200]


def _sound(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
