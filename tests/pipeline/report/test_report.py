import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobmedic.edges.delta_ledger.ledger import DeltaLedger
from jobmedic.pipeline.report import write_report
from jobmedic.pipeline.report.page import is_link

NOW = datetime(2026, 3, 29, 6, 0, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>"


def _fill(ledger: DeltaLedger) -> None:
    at = NOW - timedelta(hours=1)
    common = {
        "workspace_id": "w",
        "job_name": HOSTILE,
        "fingerprint": "v1:a",
        "category": "network",
        "mode": "act",
        "failed_at": at,
        "decided_at": at,
    }
    decisions = [
        common
        | {
            "decision_id": "d1",
            "run_id": 1,
            "job_id": 1,
            "action": "retry",
            "status": "done",
            "reason": HOSTILE,
            "run_page_url": "javascript:alert(1)",
            "expected_gain_usd": 17.5,
            "retry_success_probability": 0.7,
        },
        common
        | {
            "decision_id": "d2",
            "run_id": 2,
            "job_id": 2,
            "action": "send_email",
            "status": "done",
            "reason": "r",
            "run_page_url": "https://example.com/2",
        },
        common
        | {"decision_id": "d3", "run_id": 3, "job_id": 2, "action": "send_email", "status": "done", "reason": "r"},
    ]
    applied = {"status": "applied", "workspace_id": "w", "requested_at": at, "finished_at": at}
    actions = [applied | {"decision_id": "d1", "action": "retry", "repair_id": 5}] + [
        applied | {"decision_id": name, "action": "send_email", "message_id": "<one@x>"} for name in ("d2", "d3")
    ]
    failures = [
        {
            "workspace_id": "w",
            "task_run_id": n,
            "run_id": n,
            "job_id": min(n, 2),
            "fingerprint": "v1:a",
            "failed_at": at,
        }
        for n in (1, 2, 3)
    ]
    ledger.merge("decisions", ledger.frame("decisions", decisions))
    ledger.merge("actions", ledger.frame("actions", actions))
    ledger.merge("failures", ledger.frame("failures", failures))
    ledger.merge(
        "outcomes",
        ledger.frame(
            "outcomes",
            [
                {
                    "decision_id": "d1",
                    "outcome": "recovered",
                    "observed_at": NOW,
                    "attributed_to": "jobmedic",
                    "cost_usd": 0.5,
                }
            ],
        ),
    )
    ledger.merge(
        "diagnoses",
        ledger.frame(
            "diagnoses", [{"fingerprint": "v1:a", "category": "network", "exemplar": HOSTILE, "root_cause": HOSTILE}]
        ),
    )


def test_the_report_shows_what_the_views_show_and_escapes_what_comes_from_outside(
    ledger: DeltaLedger, tmp_path: Path
) -> None:
    _fill(ledger)
    page = tmp_path / "deep" / "report.html"
    figures = write_report(ledger, page, now=NOW)
    html = page.read_text(encoding="utf-8")
    assert {
        name: figures.totals[name]
        for name in ("decisions", "runs", "jobs", "recovered", "retries_ended", "mails", "mailed")
    } == {
        "decisions": 3,
        "runs": 3,
        "jobs": 2,
        "recovered": 1,
        "retries_ended": 1,
        "mails": 1,
        "mailed": 2,
    }
    assert HOSTILE not in html
    assert "&lt;script&gt;" in html
    assert "javascript:" not in html
    assert 'href="https://example.com/2"' in html


def test_the_report_loads_nothing_from_a_network(ledger: DeltaLedger, tmp_path: Path) -> None:
    _fill(ledger)
    write_report(ledger, tmp_path / "report.html", now=NOW)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.findall(r"(?:src=|@import|url\()", html)
    assert not re.findall(r"<(?:link|iframe|img)", html)


def test_empty_tables_make_a_report_that_says_so(ledger: DeltaLedger, tmp_path: Path) -> None:
    write_report(ledger, tmp_path / "report.html", now=NOW, since=timedelta(days=1))
    assert "Nothing here yet" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://x.io/#job/1", True),
        ("http://127.0.0.1:80/run", True),
        ("javascript:alert(1)", False),
        ('https://x.io/" onclick=', False),
        (None, False),
    ],
)
def test_only_web_addresses_become_links(url: str | None, link: bool) -> None:
    assert is_link(url) is link


@pytest.mark.browser
def test_a_browser_shows_the_page(ledger: DeltaLedger, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
    if browser is None:
        pytest.skip("no Chromium on the PATH: the page was not opened in a browser")
    _fill(ledger)
    write_report(ledger, tmp_path / "report.html", now=NOW)
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--enable-logging=stderr",
        f"--user-data-dir={tmp_path / 'chromium'}",
    ]
    shown = subprocess.run(
        [browser, *flags, "--dump-dom", (tmp_path / "report.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    assert "runs recovered by jobmedic" in shown.stdout
    assert "CONSOLE" not in shown.stderr
