"""Decisions worked out failure by failure in plain Python, after docs/policy.md: slow and obvious, to hold the transforms to.

It knows the default policy and policies that change its numbers; overrides by rule and by job, changed parameters and earned
autonomy have tests of their own.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jobmedic.knowledge.policy import Policy
from jobmedic.knowledge.words import Action, Category

Row = Mapping[str, Any]
RETRIES = (Action.RETRY, Action.RETRY_WITH_NEW_PARAMS)


@dataclass(slots=True)
class Decision:
    """What the reference says of a run; the names are those of the table."""

    failure: Row
    task_keys: list[str]
    action: str
    gate: str | None
    worth: float
    waits: bool
    probability: float
    status: str = "ready"
    storm_role: str | None = None
    incident: bool = False
    not_before: datetime | None = None

    @property
    def order(self) -> tuple[datetime, int, int]:
        return self.failure["failed_at"].replace(microsecond=0), self.failure["run_id"], self.failure["repairs"]

    @property
    def cause(self) -> tuple[str, str]:
        return self.failure["workspace_id"], self.failure["fingerprint"]

    @property
    def retrying(self) -> bool:
        return self.action in RETRIES


@dataclass(frozen=True, slots=True)
class World:
    diagnoses: Mapping[str, Row]
    history: Mapping[str, Any]
    policy: Policy
    now: datetime

    def decide(self, failures: Sequence[Row]) -> list[Decision]:
        runs: defaultdict[tuple[str, int, int], list[Row]] = defaultdict(list)
        for failure in failures:
            runs[failure["workspace_id"], failure["run_id"], failure["repairs"]].append(failure)
        decisions = [self._of_run(mine) for mine in runs.values()]
        self._storms(decisions)
        held = self._held(decisions)
        self._settle(decisions, held)
        return sorted(decisions, key=lambda one: (*one.cause, *one.order))

    def _of_run(self, failures: list[Row]) -> Decision:
        """The most cautious of its failures' actions; of equals the earliest."""
        alone = [self._of_failure(failure) for failure in failures]
        first = min(
            alone,
            key=lambda one: (-Action(one.action).caution, one.failure["failed_at"], one.failure["task_run_id"]),
        )
        first.task_keys = sorted({failure["task_key"] for failure in failures})
        first.waits = any(failure["native_retries_pending"] for failure in failures)
        return first

    def _of_failure(self, failure: Row) -> Decision:
        known = self.diagnoses.get(failure["fingerprint"])
        proposed = self._proposed(known)
        probability = self._probability(known, proposed)
        price = self.policy.money.compute_usd_per_hour
        cost = max(failure["run_seconds"] or 0.0, self.policy.money.shortest_run_seconds) / 3600 * price
        gain = probability * self.policy.money.value_of_recovery_usd
        gate = next((name for name, closes in self._gates(failure, known, proposed, gain - cost) if closes()), None)
        action = "send_email" if gate else str(proposed)
        return Decision(failure, [], action, gate, gain - cost, waits=False, probability=probability)

    def _proposed(self, known: Row | None) -> Action:
        if known is None:
            return Action.ESCALATE
        entry = self.policy.categories[Category(known["category"])]
        return Action(known["action"] or (entry.transient if known["transient"] else entry.permanent))

    def _probability(self, known: Row | None, proposed: Action) -> float:
        """The mean of the Beta posterior."""
        if known is None:
            return 0.0
        prior = self.policy.categories[Category(known["category"])].prior
        own = self._record("by_fingerprint", known["fingerprint"], proposed)
        like = self._record("by_category", known["category"], proposed)
        trials = prior.recovered + prior.failed
        mean = (prior.recovered + like[0]) / (trials + sum(like))
        return float((mean * trials + own[0]) / (trials + sum(own)))

    def _record(self, table: str, key: str, proposed: Action) -> tuple[int, int]:
        found = [row[2:] for row in self.history.get(table, []) if row[:2] == (key, proposed)]
        return found[0] if found else (0, 0)

    def _gates(
        self, failure: Row, known: Row | None, proposed: Action, worth: float
    ) -> list[tuple[str, Callable[[], bool]]]:
        entry = self.policy.categories[Category(known["category"] if known else "unknown")]
        most = min(self.policy.retries.max, entry.max_retries if known else 0)
        old = timedelta(hours=self.policy.retries.oldest_failure_hours)
        tag = (failure["tags"] or {}).get("jobmedic_idempotent", "")
        safe = tag == "true" or failure["max_native_retries"] not in {None, 0} or failure["code_ran"] is False
        retry = proposed in RETRIES
        submitted = failure["job_id"] is None or failure["run_type"] in {"SUBMIT_RUN", "WORKFLOW_RUN"}
        helps = known is not None and known["compute"] in failure["compute_remedies"]
        sure_of = retry or proposed == Action.IGNORE
        gone = failure["job_id"] is not None and failure["run_type"] != "SUBMIT_RUN" and not failure["job_exists"]
        tolerated = failure["run_result_state"] == "SUCCESS_WITH_FAILURES" and proposed != Action.IGNORE
        return [
            ("confidence", lambda: sure_of and known is not None and known["confidence"] < entry.confidence),
            ("tolerated", lambda: tolerated),
            ("submitted", lambda: retry and submitted),
            ("job_gone", lambda: retry and gone),
            ("category", lambda: retry and most == 0),
            ("age", lambda: retry and failure["failed_at"] + old < self.now),
            ("safety", lambda: retry and (tag == "false" or not safe)),
            ("retries", lambda: retry and failure["executions"] > most),
            ("remedy", lambda: proposed == Action.RETRY_WITH_NEW_PARAMS and not helps),
            ("breaker", lambda: retry and "open" in self._breakers(failure)),
            ("worth", lambda: retry and worth <= 0),
        ]

    def _breakers(self, failure: Row) -> tuple[str, str]:
        """Of the fingerprint, and of the job."""
        by_cause = [row[1:] for row in self.history["fingerprint_breakers"] if row[0] == failure["fingerprint"]]
        job = (failure["workspace_id"], failure["job_id"])
        by_job = [row[2:] for row in self.history["job_breakers"] if row[:2] == job]
        return self._state(by_cause, grows=True), self._state(by_job, grows=False)

    def _state(self, found: list[tuple[int, datetime, datetime, int]], *, grows: bool) -> str:
        rule = self.policy.breaker
        if not found or found[0][0] < rule.failures:
            return "closed"
        _, tripped, last, pending = found[0]
        pause = timedelta(minutes=rule.cooldown_minutes)
        if grows:
            pause = min(max(last - tripped, pause), max(timedelta(hours=rule.max_cooldown_hours), pause))
        if last + pause > self.now:
            return "open"
        return "probing" if pending else "half_open"

    def _storms(self, decisions: list[Decision]) -> None:
        rule = self.policy.storm
        window, chosen = timedelta(minutes=rule.window_minutes), set()
        canaries = {row[:2]: row[2:] for row in self.history["canaries"]}
        earlier = {row[:2]: row[2] for row in self.history["decided_recently"]}
        for one in sorted(decisions, key=lambda one: one.order):
            run, outcome = canaries.get(one.cause, (None, None))
            near = [
                other
                for other in decisions
                if other.cause == one.cause and abs(other.order[0] - one.order[0]) <= window
            ]
            storm = len(near) + earlier.get(one.cause, 0) >= rule.runs
            if one.retrying and outcome not in {None, "recovered"} and run != one.failure["run_id"]:
                one.action, one.gate = "send_email", "storm"
            left_out = (one.failure["tags"] or {}).get("jobmedic_mode") in {"off", "shadow"}
            if one.retrying and not left_out and (outcome is None if run else storm):
                episode = (*one.cause, one.order[0].timestamp() // (4 * 60 * rule.window_minutes))
                first = run == one.failure["run_id"] if run else episode not in chosen
                one.storm_role = "canary" if first else "follower"
                chosen.add(episode)
            one.incident = storm or one.action == "escalate"

    def _held(self, decisions: list[Decision]) -> set[int]:
        """Task run ids of the retries that wait for a probe."""
        held, probes = set(), set()
        for one in sorted(decisions, key=lambda one: one.order):
            cause, job = self._breakers(one.failure)
            key = one.cause if cause == "half_open" else (one.failure["workspace_id"], one.failure["job_id"])
            half_open = one.retrying and "half_open" in {cause, job}
            if one.retrying and ("probing" in {cause, job} or (half_open and key in probes)):
                held.add(one.failure["task_run_id"])
            if half_open:
                probes.add(key)
        return held

    def _settle(self, decisions: list[Decision], held: set[int]) -> None:
        budget = self.policy.budget
        share = int(budget.retries_share * self.history["failed_runs_in_window"])
        left = max(0, max(budget.retries_minimum, share) - self.history["retries_in_window"])
        for one in sorted(decisions, key=lambda one: (-one.worth, *one.order)):
            mode = (one.failure["tags"] or {}).get("jobmedic_mode")
            due = self._due(one) if one.retrying else None
            waits = one.failure["task_run_id"] in held
            wants = one.retrying and due is None and not waits and one.storm_role != "follower"
            over = wants and left <= 0
            left -= wants
            reasons = (
                (mode == "off", "shadow", "off"),
                (mode == "shadow", "shadow", one.gate),
                (one.waits, "deferred", "native"),
                (one.storm_role == "follower", "held", "storm"),
                (waits, "held", "breaker"),
                (due is not None, "deferred", "backoff"),
                (over, "deferred", "budget"),
            )
            gate = "storm" if one.storm_role == "follower" else one.gate
            one.status, one.gate = next(((s, g) for applies, s, g in reasons if applies), ("ready", gate))
            if mode == "shadow" and one.storm_role == "follower":
                one.gate = "storm"
            one.not_before = due if one.status == "deferred" else None

    def _due(self, one: Decision) -> datetime | None:
        rule, executions = self.policy.backoff, one.failure["executions"]
        grown = min(rule.seconds * rule.factor ** (executions - 2), rule.max_seconds)
        due: datetime = one.failure["failed_at"] + timedelta(seconds=rule.first_seconds if executions <= 1 else grown)
        return due if due > self.now else None
