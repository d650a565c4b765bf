"""Tables as a month of jobmedic leaves them, seeded: what dashboards, documents and notebooks are tried on."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from jobmedic.ports.ledger import Ledger

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
DAYS = 30
WORKSPACE = "7405601234567890"
CAUSES = (
    ("v1:aa01", "network", "retry", "jdbc-connection-reset", "Connection to warehouse.example.com was reset"),
    ("v1:bb02", "resource", "retry_with_new_params", "executor-out-of-memory", "An executor ran out of memory"),
    ("v1:cc03", "data_not_found", "send_email", "table-not-found", "Table sales.orders does not exist"),
    ("v1:dd04", "permission", "send_email", "storage-forbidden", "The principal may not read the container"),
    ("v1:ee05", "infrastructure", "escalate", "cloud-launch-failed", "The cloud has no machines of this kind"),
    ("v1:ff06", "unknown", "send_email", None, "Workload failed"),
    ("v1:0007", "cancelled", "ignore", "cancelled-by-user", "Cancelled by its owner"),
)
JOBS = ((11, "orders daily"), (12, "billing hourly"), (13, "features"), (14, "export to partner"))
RETRIES = {"retry", "retry_with_new_params"}
INCIDENTS = {"v1:ee05": "i1", "v1:aa01": "i2"}

Rows = dict[str, list[dict[str, Any]]]


def fill(ledger: Ledger, decisions: int = 240) -> Rows:
    """Writes every table; returns what was written. Nothing in it depends on anything but the day it is called on."""
    rows = made_rows(random.Random(7), decisions)
    for table, values in rows.items():
        ledger.append(table, ledger.frame(table, values))
    return rows


def made_rows(seeded: random.Random, decisions: int) -> Rows:
    rows: Rows = {"failures": [], "decisions": [], "actions": [], "outcomes": [], "feedback": []}
    for number in range(decisions):
        _treat(rows, seeded, number, NOW - timedelta(days=DAYS) * (1 - number / decisions))
    return rows | {
        "diagnoses": [_diagnosis(cause, rows["decisions"]) for cause in CAUSES],
        "incidents": _incidents(),
        "passes": [_pass(number, seeded) for number in range(DAYS)],
        "scores": [score for day in range(1, DAYS) for score in _scores(day, seeded)],
        "recommendations": [_recommendation()],
        "open_runs": [{"workspace_id": WORKSPACE, "run_id": 9, "started_at": NOW - timedelta(hours=2), "seen_at": NOW}],
        "autonomy": [_promotion()],
    }


def _treat(rows: Rows, seeded: random.Random, number: int, at: datetime) -> None:
    fingerprint, category, action, rule, error = seeded.choices(CAUSES, (30, 20, 15, 10, 6, 9, 10))[0]
    job_id, job_name = seeded.choice(JOBS)
    run = {"workspace_id": WORKSPACE, "run_id": 5_000 + number, "job_id": job_id, "job_name": job_name}
    cause = {"fingerprint": fingerprint, "category": category, "rule": rule, "incident_id": INCIDENTS.get(fingerprint)}
    decision = _decision(f"d{number:04}", at, seeded) | run | cause | {"action": action, "proposed_action": action}
    rows["failures"].append(run | _failure(number, at, fingerprint, error))
    rows["decisions"].append(decision)
    if decision["mode"] == "shadow":
        return
    rows["actions"].append(_action(decision, at))
    if action in RETRIES:
        rows["outcomes"].append(_outcome(decision, at, seeded))
    if number % 6 == 0:
        rows["feedback"].append(_feedback(decision, at, wrong=category == "unknown"))


def _failure(number: int, at: datetime, fingerprint: str, error: str) -> dict[str, Any]:
    times = {"started_at": at - timedelta(minutes=20), "failed_at": at, "collected_at": at + timedelta(minutes=3)}
    state = {"result_state": "FAILED", "termination_code": "RUN_EXECUTION_ERROR", "run_type": "JOB_RUN"}
    text = {"error": error, "error_bytes": len(error), "fingerprint": fingerprint, "task_key": "load"}
    counted = {"attempt_number": 0, "executions": 1, "repairs": 0, "run_seconds": 900.0, "source": "api"}
    return times | state | text | counted | {"task_run_id": 70_000 + number, "owner": "data@example.com", "tags": {}}


def _decision(decision_id: str, at: datetime, seeded: random.Random) -> dict[str, Any]:
    shadow = at < NOW - timedelta(days=25)
    return {
        "decision_id": decision_id,
        "task_keys": ["load"],
        "confidence": round(seeded.uniform(0.6, 0.99), 2),
        "reason": "3 of 4 retries of this failure recovered",
        "policy_version": "p1",
        "mode": "shadow" if shadow else "act",
        "status": "shadow" if shadow else "done",
        "attempts_before": 1,
        "retry_success_probability": round(seeded.uniform(0.3, 0.9), 2),
        "owner": "data@example.com",
        "decided_at": at + timedelta(minutes=4),
        "failed_at": at,
        "pass_id": "p01",
        "seconds_to_decide": 240.0,
        "attempt": 0,
        "source": "model" if seeded.random() < 0.1 else "rule",
        "transient": True,
        "gate": "worth",
        "expected_gain_usd": 5.0,
        "expected_cost_usd": 0.4,
        "storm_role": "canary" if seeded.random() < 0.03 else None,
        "run_page_url": "https://workspace.example.com/run/1",
    }


def _action(decision: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    named = {name: decision[name] for name in ("decision_id", "action", "workspace_id", "run_id")}
    times = {"requested_at": at + timedelta(minutes=5), "finished_at": at + timedelta(minutes=6)}
    mailed = {"recipient": "data@example.com", "message_id": f"<{decision['decision_id']}>"}
    return named | times | {"status": "applied", "claimed_by": "p01"} | (mailed if "mail" in decision["action"] else {})


def _outcome(decision: Mapping[str, Any], at: datetime, seeded: random.Random) -> dict[str, Any]:
    share = 0.8 if decision["category"] == "network" else 0.3
    said = (
        "recovered"
        if seeded.random() < share
        else seeded.choice(["failed_same", "failed_same", "failed_other", "pending"])
    )
    return {
        "decision_id": decision["decision_id"],
        "outcome": said,
        "observed_at": at + timedelta(hours=1),
        "final_state": "SUCCESS" if said == "recovered" else "FAILED",
        "seconds_to_recover": 1_500.0 if said == "recovered" else None,
        "compute_seconds_used": 700.0,
        "cost_usd": 0.35,
        "fingerprint": decision["fingerprint"] if said == "failed_same" else None,
        "attributed_to": "jobmedic",
    }


def _feedback(decision: Mapping[str, Any], at: datetime, *, wrong: bool) -> dict[str, Any]:
    right = {"correct_category": "user_code", "correct_action": "send_email"} if wrong else {}
    said = {
        "verdict": "wrong" if wrong else "correct",
        "given_by": "lee@example.com",
        "given_at": at + timedelta(hours=3),
    }
    return {"decision_id": decision["decision_id"]} | said | right


def _diagnosis(cause: tuple[str, str, str, str | None, str], decisions: list[dict[str, Any]]) -> dict[str, Any]:
    fingerprint, category, action, rule, error = cause
    times = sorted(decision["failed_at"] for decision in decisions if decision["fingerprint"] == fingerprint)
    return {
        "fingerprint": fingerprint,
        "category": category,
        "transient": action in RETRIES,
        "confidence": 0.9,
        "source": "rule" if rule else "model",
        "rule": rule,
        "root_cause": error,
        "evidence": error,
        "fix": "See the run",
        "exemplar": error,
        "model": None if rule else "gpt-4o",
        "tokens_in": None if rule else 900,
        "tokens_out": None if rule else 120,
        "cost_usd": None if rule else 0.004,
        "first_seen": times[0] if times else NOW,
        "last_seen": times[-1] if times else NOW,
        "seen": len(times),
        "action": action,
        "updated_at": NOW,
    }


def _incidents() -> list[dict[str, Any]]:
    shared = {"workspace_id": WORKSPACE, "runs": 14, "jobs": 3, "fingerprint": "v1:ee05", "scope": "fingerprint"}
    text = {
        "title": "The cloud has no machines of this kind",
        "summary": "14 runs of 3 jobs",
        "category": "infrastructure",
    }
    seen = {"last_seen_at": NOW, "notified_at": NOW - timedelta(hours=5)}
    opened = NOW - timedelta(hours=5)
    return [
        shared | text | seen | {"incident_id": "i1", "status": "open", "opened_at": opened},
        shared
        | text
        | seen
        | {
            "incident_id": "i2",
            "fingerprint": "v1:aa01",
            "category": "network",
            "title": "warehouse.example.com resets",
        }
        | {"status": "open", "opened_at": opened - timedelta(hours=3)},
        shared
        | text
        | seen
        | {"incident_id": "i0", "status": "resolved", "opened_at": opened - timedelta(days=9), "resolved_at": opened},
    ]


def _pass(number: int, seeded: random.Random) -> dict[str, Any]:
    started = NOW - timedelta(days=DAYS - number)
    calls = seeded.randrange(4)
    return {
        "pass_id": f"p{number:02}",
        "workspace_id": WORKSPACE,
        "mode": "act",
        "status": "partial" if number == 3 else "ok",
        "started_at": started,
        "finished_at": started + timedelta(seconds=40),
        "watermark": started,
        "runs_seen": 400,
        "runs_failed": 8,
        "failures": 8,
        "new_fingerprints": calls,
        "decisions": {"retry": 4, "send_email": 3},
        "actions": {"applied": 7},
        "outcomes": {"recovered": 3, "failed_same": 1},
        "seconds": {"collect": 11.0, "decide": 2.5},
        "model_calls": calls,
        "tokens_in": 900 * calls,
        "tokens_out": 120 * calls,
        "cost_usd": 0.004 * calls,
        "errors": ["get-output of task run 1: gone"] if number == 3 else [],
    }


def _scores(day: int, seeded: random.Random) -> list[dict[str, Any]]:
    start = (NOW - timedelta(days=DAYS - day)).replace(hour=0)
    period = {"period_start": start, "period_end": start + timedelta(days=1), "scored_at": NOW}
    grown = 0.7 + 0.2 * day / DAYS + seeded.uniform(-0.02, 0.02)
    figures = {
        "accuracy": grown,
        "category_accuracy": grown + 0.02,
        "macro_f1": grown - 0.05,
        "retry_success_rate": grown - 0.1,
        "wrong_retry_rate": 0.9 - grown,
        "missed_retry_rate": 0.05,
        "saved_usd": 12.0,
        "wasted_usd": 1.5,
        "model_cost_usd": 0.01,
    }
    overall = [
        period | {"metric": m, "dimension": "all", "member": "all", "value": v, "n": 8} for m, v in figures.items()
    ]
    by_category = {"metric": "accuracy", "dimension": "category", "member": "network", "value": grown, "n": 3}
    by_rule = {
        "metric": "retry_success_rate",
        "dimension": "rule",
        "member": "jdbc-connection-reset",
        "value": 0.8,
        "n": 3,
    }
    return [*overall, period | by_category, period | by_rule]


def _recommendation() -> dict[str, Any]:
    text = "rule executor-out-of-memory retried 14 times, 4 recovered: set its action to send_email"
    period = {"period_start": NOW - timedelta(days=7), "period_end": NOW, "made_at": NOW}
    said = {"kind": "futile_retries", "subject": "executor-out-of-memory", "text": text, "change": "action: send_email"}
    return period | said | {"value": 0.28, "n": 14}


def _promotion() -> dict[str, Any]:
    figures = {"judged": 40, "right_decisions": 39, "lower_bound": 0.87, "bar": 0.85, "judged_at_least": 30}
    scope = {"scope_type": "category", "scope": "network", "mode": "act", "changed_at": NOW - timedelta(days=25)}
    return scope | figures | {"reason": "39 of 40 judged decisions were right", "policy_version": "p1"}
