"""The mail server through `smtplib`, and the incident sink through plain HTTP."""

import smtplib
import ssl
from email.message import EmailMessage
from typing import Any

import pytest
import requests

from jobmedic.sandbox import Fault, MailFaults, Sandbox
from tests.sandbox.scene import Start


def letter(to: Any = "ann@example.com") -> Any:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "jobmedic@example.com", to, "Nächtlicher Lauf fehlgeschlagen"
    message["Message-ID"] = "<one@example.com>"
    message.set_content("plain words")
    message.add_alternative("<p>rich words</p>", subtype="html")
    return message


def connected(sandbox: Sandbox) -> Any:
    client = smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port, timeout=5)
    client.login(sandbox.smtp_user, sandbox.smtp_password)
    return client


def test_mail_arrives_whole(start: Start) -> None:
    sandbox = start()
    with connected(sandbox) as client:
        client.send_message(letter())
    (mail,) = sandbox.mails
    assert (mail.subject, mail.recipients) == ("Nächtlicher Lauf fehlgeschlagen", ("ann@example.com",))
    assert mail.part("plain").strip() == "plain words"
    assert mail.part("html").strip() == "<p>rich words</p>"
    assert mail.message_id == "<one@example.com>"


def test_a_wrong_password_is_refused_and_so_is_mail_without_login(start: Start) -> None:
    sandbox = start()
    client = smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port, timeout=5)
    with pytest.raises(smtplib.SMTPAuthenticationError):
        client.login(sandbox.smtp_user, "wrong")
    with pytest.raises(smtplib.SMTPSenderRefused):
        client.send_message(letter())
    client.close()


def test_a_login_can_be_refused_although_it_is_right(start: Start) -> None:
    sandbox = start()
    sandbox.mailbox.plan(MailFaults(refuse_login=True))
    with pytest.raises(smtplib.SMTPAuthenticationError):
        connected(sandbox)


def test_one_recipient_of_two_is_refused(start: Start) -> None:
    sandbox = start()
    sandbox.mailbox.plan(MailFaults(refused_recipients=frozenset({"gone@example.com"})))
    with connected(sandbox) as client:
        refused = client.send_message(letter("ann@example.com, gone@example.com"))
    assert refused["gone@example.com"][0] == 550
    assert sandbox.mails[0].recipients == ("ann@example.com",)


def test_a_temporary_refusal_passes(start: Start) -> None:
    sandbox = start()
    sandbox.mailbox.plan(MailFaults(temporary=1))
    with connected(sandbox) as client:
        with pytest.raises(smtplib.SMTPDataError) as caught:
            client.send_message(letter())
        client.send_message(letter())
    assert caught.value.smtp_code == 451
    assert len(sandbox.mails) == 1


def test_the_connection_is_cut_at_the_end_of_a_mail(start: Start) -> None:
    sandbox = start()
    sandbox.mailbox.plan(MailFaults(drops=1))
    client = connected(sandbox)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.send_message(letter())
    client.close()
    assert list(sandbox.mails) == []


def test_mail_goes_over_starttls_with_a_certificate_made_for_the_purpose(start: Start) -> None:
    sandbox = start(mail_tls=True)
    assert sandbox.certificate is not None
    trust = ssl.create_default_context(cadata=sandbox.certificate.pem)
    with smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port, timeout=5) as client:
        client.starttls(context=trust)
        client.login(sandbox.smtp_user, sandbox.smtp_password)
        client.send_message(letter())
    assert len(sandbox.mails) == 1


def test_without_login_anybody_may_send(start: Start) -> None:
    sandbox = start(mail_login=False)
    with smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port, timeout=5) as client:
        client.send_message(letter())
    assert len(sandbox.mails) == 1


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/incidents", 200, '{"status":"success"}'),
        ("/v2/enqueue", 202, '{"status":"success","message":"Event processed","dedup_key":"k"}'),
        ("/services/T0/B0/x", 200, "ok"),
        ("/workflows/abc", 202, "1"),
    ],
)
def test_the_sink_answers_as_the_channel_would(start: Start, path: str, status: int, text: str) -> None:
    sandbox = start()
    base = sandbox.incident_url.removesuffix("/incidents")
    answer = requests.post(base + path, json={"dedup_key": "k"}, timeout=5)
    assert (answer.status_code, answer.text) == (status, text)
    assert (sandbox.incidents[0].path, sandbox.incidents[0].body) == (path, {"dedup_key": "k"})


def test_the_sink_has_bad_days_too(start: Start) -> None:
    sandbox = start()
    sandbox.sink.faults.add(Fault(status=500))
    assert requests.post(sandbox.incident_url, data="not json", timeout=5).status_code == 500
    assert requests.post(sandbox.incident_url, data="not json", timeout=5).status_code == 200
    assert sandbox.incidents[0].body == "not json"


def test_what_was_started_ends() -> None:
    with Sandbox() as sandbox:
        url, port = sandbox.workspace_url, sandbox.smtp_port
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=1)
    with pytest.raises(OSError, match="refused"):
        smtplib.SMTP("127.0.0.1", port, timeout=1)
