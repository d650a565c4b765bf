import logging
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from urllib.parse import urlsplit

import pytest

from jobmedic.edges.incident_channels import AppriseChannels
from jobmedic.ports.notices import IncidentNotice, NoticeError
from tests.edges.azure_openai.chat_endpoint import Answer, Endpoint, chat_endpoint

OPENED = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
NOTICE = IncidentNotice(
    "inc-7", "Warehouse <!channel> down", "Connection refused", "network", "https://x/run/1", 12, 3, OPENED
)
OK = Answer(202, {})


def hook(endpoint: Endpoint, path: str = "/hook") -> str:
    return endpoint.url + path


def test_a_webhook_gets_the_incident_as_json_with_its_dedup_key() -> None:
    with chat_endpoint(OK) as far:
        AppriseChannels([hook(far)]).announce(NOTICE)
    sent = far.requests[0]
    assert (sent["incident_id"], sent["category"], sent["runs"], sent["type"]) == ("inc-7", "network", "12", "failure")
    assert sent["title"] == "[jobmedic] Warehouse <!channel> down"
    assert "12 run(s) of 3 job(s), since 2026-03-01 08:30 UTC" in sent["message"]


def test_the_query_of_a_webhook_is_sent_on() -> None:
    with chat_endpoint(OK) as far:
        AppriseChannels([hook(far, "/hook?sig=a%2Fb&v=1")]).announce(NOTICE)
    assert far.paths == ["/hook?sig=a%2Fb&v=1"]


def test_an_incident_is_announced_once() -> None:
    with chat_endpoint(OK) as far:
        channels = AppriseChannels([hook(far)])
        channels.announce(NOTICE)
        channels.announce(NOTICE)
    assert len(far.requests) == 1


def test_a_channel_that_fails_keeps_no_other_from_being_told_and_is_tried_again_alone() -> None:
    with chat_endpoint(Answer(503, {}), OK) as broken, chat_endpoint(OK) as sound:
        channels = AppriseChannels([hook(broken), hook(sound)])
        with pytest.raises(NoticeError, match=r"JSON \(HTTP 503\), entry 1 .* 1 other") as caught:
            channels.announce(NOTICE)
        channels.announce(NOTICE)
    assert not caught.value.permanent
    assert (len(broken.requests), len(sound.requests)) == (2, 1)


@pytest.mark.parametrize(("status", "permanent"), [(401, True), (404, True), (429, False), (500, False)])
def test_a_client_error_is_lasting_unless_it_is_throttling(status: int, permanent: bool) -> None:
    with chat_endpoint(Answer(status, {})) as far, pytest.raises(NoticeError) as caught:
        AppriseChannels([hook(far)]).announce(NOTICE)
    assert caught.value.permanent is permanent


@pytest.fixture
def logged() -> Iterator[StringIO]:
    """What a program that logs everything would write; caplog would listen to silenced loggers too."""
    written, root = StringIO(), logging.getLogger()
    listener, level = logging.StreamHandler(written), root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(listener)
    root.setLevel(level)


def test_neither_the_failure_nor_the_log_shows_an_address(logged: StringIO) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(NoticeError, match=r"JSON \(no answer\)") as caught:
        AppriseChannels([f"http://user:s3cret@127.0.0.1:{port}/s3cret?sig=s3cret"]).announce(NOTICE)
    assert "s3cret" not in str(caught.value) + logged.getvalue()


@pytest.mark.parametrize("url", ["nosuch://s3cret", "s3cret", "pagerduty://s3cret", "https://"])
def test_an_address_that_is_no_channel_is_refused_by_its_place(url: str, logged: StringIO) -> None:
    with pytest.raises(NoticeError, match="entry 2 of JOBMEDIC_INCIDENT_URLS") as caught:
        AppriseChannels(["json://127.0.0.1", url])
    assert caught.value.permanent
    assert "s3cret" not in str(caught.value) + logged.getvalue()


def test_without_channels_there_is_nobody_to_tell() -> None:
    AppriseChannels(["", " "]).announce(NOTICE)


def test_pagerduty_gets_the_incident_id_as_its_dedup_key(monkeypatch: pytest.MonkeyPatch) -> None:
    from apprise.plugins import pagerduty

    with chat_endpoint(OK) as far:
        monkeypatch.setitem(pagerduty.PAGERDUTY_API_LOOKUP, "us", hook(far, "/v2/enqueue"))
        AppriseChannels(["pagerduty://routing-key@api-key"]).announce(NOTICE)
    sent = far.requests[0]
    assert (sent["dedup_key"], sent["event_action"], sent["links"]) == (
        "inc-7",
        "trigger",
        [{"href": "https://x/run/1"}],
    )
    assert len(sent["payload"]["summary"]) <= 1024


def test_opsgenie_gets_the_incident_id_as_its_alias(monkeypatch: pytest.MonkeyPatch) -> None:
    from apprise.plugins import opsgenie

    with chat_endpoint(Answer(202, {"requestId": "1"})) as far:
        monkeypatch.setitem(opsgenie.OPSGENIE_API_LOOKUP, "us", hook(far, "/v2/alerts"))
        AppriseChannels(["opsgenie://0123456789-key"]).announce(NOTICE)
    assert far.requests[0]["alias"] == "inc-7"


def test_a_native_slack_address_works_and_calls_nobody_by_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    from apprise.plugins.slack import NotifySlack

    url = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    with chat_endpoint(Answer(200, "ok")) as far:
        monkeypatch.setattr(NotifySlack, "webhook_url", hook(far, "/services"))
        AppriseChannels([url]).announce(NOTICE)
    assert urlsplit(far.paths[0]).path.startswith("/services/T1JJ3T3L2/")
    assert "<!channel>" not in str(far.requests[0])
