import socket
import ssl
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jobmedic.edges.smtp_mail import DisabledMailer, SmtpMailer, SmtpTls
from jobmedic.ports.notices import Mail, NoticeError
from tests.edges.mail_server import Inbox, mail_server

LETTER = Mail(("ada@example.com",), "Job failed", "<p>Job <b>failed</b></p>", "Job failed", "<jobmedic-1@example.com>")


def mailer(port: int, **changes: object) -> SmtpMailer:
    settings = {
        "host": "127.0.0.1",
        "port": port,
        "sender": "Jobmedic <robot@example.com>",
        "tls": SmtpTls.NONE,
        "timeout_seconds": 3,
    }
    return SmtpMailer(**{**settings, **changes})  # type: ignore[arg-type]


def sent(letter: Mail) -> EmailMessage:
    with mail_server() as inbox, mailer(inbox.port) as out:
        out.send(letter)
    return inbox.letters[0]


def failure(letter: Mail = LETTER, *, inbox: Inbox | None = None, **changes: object) -> NoticeError:
    with mail_server(inbox) as box, mailer(box.port, **changes) as out, pytest.raises(NoticeError) as caught:
        out.send(letter)
    assert f"127.0.0.1:{box.port}" in str(caught.value)
    return caught.value


def test_a_letter_arrives_as_text_and_html_with_its_stable_id() -> None:
    letter = sent(LETTER)
    assert letter["Message-ID"] == "<jobmedic-1@example.com>"
    assert letter["From"] == "Jobmedic <robot@example.com>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert [part.get_content_type() for part in letter.iter_parts()] == ["text/plain", "text/html"]
    assert letter["Date"]


def test_a_line_break_in_a_subject_starts_no_header() -> None:
    letter = sent(Mail(("ada@example.com",), "Failed\r\nBcc: eve@example.com", "", "x", "<a@b>"))
    assert letter["Subject"] == "Failed Bcc: eve@example.com"
    assert letter["Bcc"] is None


@pytest.mark.parametrize("recipient", ["ada@example.com\r\nBcc: eve@x", "ada", "", "a b@example.com", "Ada <>"])
def test_a_recipient_that_is_no_address_is_refused_for_good(recipient: str) -> None:
    with pytest.raises(NoticeError) as caught:
        mailer(1).send(Mail((recipient,), "s", "h", "t", "<a@b>"))
    assert caught.value.permanent


def test_a_letter_to_nobody_is_refused_for_good() -> None:
    with pytest.raises(NoticeError, match="EMAIL_DEFAULT_RECIPIENT"):
        mailer(1).send(Mail((), "s", "h", "t", "<a@b>"))


def test_names_and_texts_of_any_script_arrive_whole() -> None:
    letter = sent(Mail(("Zoë Müller <zoe@example.com>",), "Fehler: Größe 日本", "<p>שלום</p>", "שלום \ud800", "<a@b>"))
    assert letter["To"] == "Zoë Müller <zoe@example.com>"
    assert letter["Subject"] == "Fehler: Größe 日本"
    assert "שלום" in letter.get_body().get_content()  # type: ignore[union-attr]


def test_one_connection_serves_many_letters() -> None:
    with mail_server() as inbox, mailer(inbox.port) as out:
        for _ in range(5):
            out.send(LETTER)
    assert (len(inbox.letters), inbox.connections) == (5, 1)


def test_a_server_that_closed_the_connection_is_connected_again() -> None:
    with mail_server() as inbox, mailer(inbox.port) as out:
        out.send(LETTER)
        assert out._connection is not None
        assert out._connection.sock is not None
        out._connection.sock.shutdown(socket.SHUT_RDWR)
        out.send(LETTER)
    assert (len(inbox.letters), inbox.connections) == (2, 2)


def test_a_server_that_is_tired_of_the_connection_is_connected_again() -> None:
    box = Inbox(mail_answers=["250 OK", "421 too many messages"])
    with mail_server(box) as inbox, mailer(inbox.port) as out:
        out.send(LETTER)
        out.send(LETTER)
    assert (len(inbox.letters), inbox.connections) == (2, 2)


@pytest.mark.parametrize(("answer", "permanent"), [("550 no such user", True), ("451 try later", False)])
def test_a_refused_recipient_is_named_and_lasting_or_not(answer: str, permanent: bool) -> None:
    problem = failure(inbox=Inbox(refuse={"ada@example.com": answer}))
    assert problem.permanent is permanent
    assert "ada@example.com" in str(problem)


@pytest.mark.parametrize(("answer", "permanent"), [("554 no", True), ("452 full", False)])
def test_a_refused_sender_is_lasting_or_not(answer: str, permanent: bool) -> None:
    assert failure(inbox=Inbox(mail_answers=[answer])).permanent is permanent


def test_a_letter_that_reached_some_is_not_reported_as_unsent(caplog: pytest.LogCaptureFixture) -> None:
    with mail_server(Inbox(refuse={"bob@example.com": "550 gone"})) as inbox, mailer(inbox.port) as out:
        out.send(Mail(("ada@example.com", "bob@example.com"), "s", "h", "t", "<a@b>"))
    assert len(inbox.letters) == 1
    assert "bob@example.com" in caplog.text


def test_a_server_without_starttls_is_refused_for_good_and_names_the_setting() -> None:
    problem = failure(tls=SmtpTls.STARTTLS)
    assert problem.permanent
    assert "EMAIL_SMTP_TLS" in str(problem)


def test_a_server_that_talks_no_tls_is_refused_for_good() -> None:
    assert "EMAIL_SMTP_TLS" in str(failure(tls=SmtpTls.TLS))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificate and key of 127.0.0.1, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + timedelta(days=36500))
    builder = builder.add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(form[0]) + key.private_bytes(*form))
    return path


def server_trust(certificate: Path) -> ssl.SSLContext:
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(certificate)
    return trust


def test_starttls_and_login_reach_a_server_whose_certificate_is_trusted(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with (
        mail_server(tls_context=server_trust(certificate), require_starttls=True) as inbox,
        mailer(inbox.port, tls=SmtpTls.STARTTLS, password="right") as out,
    ):
        out.send(LETTER)
    assert inbox.logins == ["robot@example.com"]
    assert len(inbox.letters) == 1


def test_a_certificate_that_nobody_vouches_for_is_refused_for_good(certificate: Path) -> None:
    with (
        mail_server(tls_context=server_trust(certificate)) as inbox,
        mailer(inbox.port, tls=SmtpTls.STARTTLS) as out,
        pytest.raises(NoticeError, match="CERTIFICATE_VERIFY_FAILED") as caught,
    ):
        out.send(LETTER)
    assert caught.value.permanent


def test_a_wrong_password_names_the_setting_and_never_the_password() -> None:
    with (
        mail_server(auth_require_tls=False) as inbox,
        mailer(inbox.port, password="hunter2") as out,
        pytest.raises(NoticeError, match="EMAIL_PASSWORD") as caught,
    ):
        out.send(LETTER)
    assert caught.value.permanent
    assert "hunter2" not in str(caught.value)


def test_a_relay_without_login_is_used_without() -> None:
    with mail_server() as inbox, mailer(inbox.port, password="right") as out:
        out.send(LETTER)
    assert (len(inbox.letters), inbox.logins) == (1, [])


def test_a_server_that_is_not_there_is_a_passing_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(NoticeError, match=f"127.0.0.1:{port}") as caught:
        mailer(port).send(LETTER)
    assert not caught.value.permanent


def test_a_silent_server_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(NoticeError, match="in time"):
        mailer(silent.getsockname()[1], timeout_seconds=0.3).send(LETTER)


def test_a_mailer_that_is_switched_off_says_so() -> None:
    with pytest.raises(NoticeError, match="EMAIL_ENABLED"):
        DisabledMailer().send(LETTER)
