"""The incident channels port on Apprise: Slack, Teams, PagerDuty, Opsgenie, a plain webhook and whatever else it knows.

An address is itself a secret (it carries tokens), so no message and no log line shows one: a channel is named by its
kind and its place in JOBMEDIC_INCIDENT_URLS.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from jobmedic.ports.notices import IncidentNotice, NoticeError

_STATUS = re.compile(r"error=([0-9]{3})")
_SUMMARY_CHARS = 600  # Teams takes 1,000 characters and PagerDuty 1,024, title and facts included
_PASSING = {408, 425, 429}


@dataclass(frozen=True, slots=True)
class _Channel:
    place: int
    kind: str
    schema: str
    url: str


class AppriseChannels:
    """Each incident is announced once to each channel; told again, only those that failed are tried."""

    def __init__(self, urls: Sequence[str] = ()) -> None:
        self._channels = tuple(_channel(place, url.strip()) for place, url in enumerate(urls, start=1) if url.strip())
        self._told: set[tuple[str, int]] = set()

    def announce(self, notice: IncidentNotice) -> None:
        failures: list[tuple[_Channel, int | None]] = []
        for channel in self._channels:
            if (notice.incident_id, channel.place) in self._told:
                continue
            ok, status = _post(_addressed(channel, notice), _title(notice), _body(notice))
            if ok:
                self._told.add((notice.incident_id, channel.place))
            else:
                failures.append((channel, status))
        if failures:
            named = "; ".join(f"{c.kind} ({_answer(status)}), entry {c.place}" for c, status in failures)
            raise NoticeError(
                f"incident {notice.incident_id} was not announced to {named} of JOBMEDIC_INCIDENT_URLS: "
                f"check that address; {len(self._channels) - len(failures)} other channel(s) know",
                permanent=all(_lasting(status) for _, status in failures),
            )


def _channel(place: int, url: str) -> _Channel:
    """Apprise's own address of the channel, native webhook addresses (https://hooks.slack.com/…) included."""
    plugin = _instance(url) or _instance(_webhook(url))
    if plugin is None:
        raise NoticeError(
            f"entry {place} of JOBMEDIC_INCIDENT_URLS ({urlsplit(url).scheme or 'no scheme'}://…) is no complete address "
            "of a channel: see https://appriseit.com/services/ for its form",
            permanent=True,
        )
    address = plugin.url(privacy=False)
    return _Channel(place, str(plugin.service_name), urlsplit(address).scheme, _with(address, {"overflow": "truncate"}))


def _webhook(url: str) -> str:
    """Any other http(s) address takes JSON; Apprise sends those query parameters on that start with a minus."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return ""
    query = urlencode([(f"-{name}", value) for name, value in parse_qsl(parts.query, keep_blank_values=True)])
    return urlunsplit(("jsons" if parts.scheme == "https" else "json", parts.netloc, parts.path, query, ""))


def _addressed(channel: _Channel, notice: IncidentNotice) -> str:
    """The address with the incident's id, in the way in which the channel recognises a repetition."""
    match channel.schema:
        case "pagerduty":
            return _with(channel.url, {"dedup": notice.incident_id, "click": notice.run_page_url})
        case "opsgenie":
            return _with(channel.url, {"alias": notice.incident_id})
        case "json" | "jsons":
            facts = {
                "incident_id": notice.incident_id,
                "category": notice.category,
                "runs": str(notice.runs),
                "jobs": str(notice.jobs),
                "opened_at": notice.opened_at.isoformat(),
                "run_page_url": notice.run_page_url,
            }
            return _with(channel.url, {f":{name}": value for name, value in facts.items()})
        case _:
            return channel.url


def _with(url: str, more: Mapping[str, str | None]) -> str:
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True)) | {k: v for k, v in more.items() if v}
    return urlunsplit(parts._replace(query=urlencode(query)))


def _title(notice: IncidentNotice) -> str:
    return f"[jobmedic] {' '.join(notice.title.split())[:200]}"


def _body(notice: IncidentNotice) -> str:
    summary = notice.summary if len(notice.summary) <= _SUMMARY_CHARS else notice.summary[:_SUMMARY_CHARS] + " …"
    lines = [
        summary,
        "",
        f"Category: {notice.category}",
        f"Hit so far: {notice.runs} run(s) of {notice.jobs} job(s), since {notice.opened_at:%Y-%m-%d %H:%M} UTC",
        *([f"Run: {notice.run_page_url}"] if notice.run_page_url else []),
        f"Incident: {notice.incident_id}",
    ]
    return "\n".join(lines)


class _StatusTap(logging.Handler):
    """Apprise tells why a post failed through its log alone; only the HTTP status is taken from there."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.status: int | None = None

    def emit(self, record: logging.LogRecord) -> None:
        found = _STATUS.search(record.getMessage())
        if found:
            self.status = int(found[1])


def _post(url: str, title: str, body: str) -> tuple[bool, int | None]:
    import apprise

    tap = _StatusTap()
    log = _quiet_log()
    log.addHandler(tap)
    try:
        sender = apprise.Apprise()
        sender.add(url)
        ok = sender.notify(
            body=body, title=title, notify_type=apprise.NotifyType.FAILURE, body_format=apprise.NotifyFormat.TEXT
        )
    finally:
        log.removeHandler(tap)
    return bool(ok), tap.status


def _instance(url: str) -> Any:
    import apprise

    _quiet_log()
    return apprise.Apprise.instantiate(url) if url else None


def _quiet_log() -> logging.Logger:
    """Apprise's warnings quote keys and hosts, and urllib3 logs request paths when it debugs: neither goes on."""
    log = logging.getLogger("apprise")
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    path_log = logging.getLogger("urllib3.connectionpool")
    path_log.setLevel(max(path_log.level, logging.INFO))
    return log


def _answer(status: int | None) -> str:
    return "no answer" if status is None else f"HTTP {status}"


def _lasting(status: int | None) -> bool:
    return status is not None and 400 <= status < 500 and status not in _PASSING  # noqa: PLR2004 - HTTP client errors
