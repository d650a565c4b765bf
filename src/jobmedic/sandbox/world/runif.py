"""When a task may start, and what a run has come to: the platform's rules for `run_if` and for leaf tasks.

Source: the platform's documentation of "Run if" dependencies and of how a job's run state is determined from its leaf tasks.
"""

from collections.abc import Iterable, Mapping

from jobmedic.sandbox.world.state import Json, State

FAILED = frozenset({"FAILED", "TIMEDOUT", "INTERNAL_ERROR"})
CANCELED = frozenset({"CANCELED", "UPSTREAM_CANCELED"})
SKIPPED = frozenset({"EXCLUDED", "SKIPPED"})
_GENERIC = "Workload failed, see run output for details"


def bad(result: str | None) -> bool:
    """Failed itself, or in a way that nobody has named yet."""
    return result not in CANCELED | SKIPPED | {"SUCCESS", "UPSTREAM_FAILED", None}


def gate(run_if: str, results: list[str | None]) -> str | None:
    """None lets the task start; otherwise the result state that it gets without having run."""
    failed = any(bad(r) or r == "UPSTREAM_FAILED" for r in results)
    canceled = any(r in CANCELED for r in results)
    succeeded = [r for r in results if r == "SUCCESS"]
    starts = {
        "ALL_DONE": True,
        "ALL_SUCCESS": len(succeeded) == len(results),
        "ALL_FAILED": all(bad(r) or r == "UPSTREAM_FAILED" for r in results),
        "AT_LEAST_ONE_FAILED": failed,
        "AT_LEAST_ONE_SUCCESS": bool(succeeded),
        "NONE_FAILED": bool(succeeded) and not failed and not canceled,
    }
    if not results or starts[run_if]:
        return None
    if run_if in {"ALL_FAILED", "AT_LEAST_ONE_FAILED"}:
        return "EXCLUDED"
    if failed:
        return "UPSTREAM_FAILED"
    return "UPSTREAM_CANCELED" if canceled else "EXCLUDED"


def not_run(result: str) -> State:
    """State of a task that its dependencies kept from running."""
    message = {
        "UPSTREAM_FAILED": "An upstream task failed.",
        "UPSTREAM_CANCELED": "An upstream task was canceled.",
        "EXCLUDED": "The condition on the task's dependencies was not met.",
    }[result]
    return State("TERMINATED" if result == "EXCLUDED" else "SKIPPED", result, "SKIPPED", "CLIENT_ERROR", message)


def run_state(specs: Iterable[Json], states: Mapping[str, State]) -> State:
    """What the run came to, from the latest attempt of every task."""
    specs = list(specs)
    inner = {d["task_key"] for s in specs for d in s.get("depends_on") or []}
    leaves = [states[s["task_key"]] for s in specs if s["task_key"] not in inner]
    failed = [(s["task_key"], states[s["task_key"]]) for s in specs if bad(states[s["task_key"]].result)]
    canceled = [states[s["task_key"]] for s in specs if states[s["task_key"]].result == "CANCELED"]
    if all(s.result in SKIPPED | {"SUCCESS"} for s in leaves):
        if not failed and not canceled:
            return State("TERMINATED", "SUCCESS", "SUCCESS", "SUCCESS")
        return State("TERMINATED", "SUCCESS_WITH_FAILURES", "SUCCESS_WITH_FAILURES", "SUCCESS")
    if failed:
        return _failed_run(*failed[0])
    if canceled:
        worst = canceled[0]
        return State("TERMINATED", "CANCELED", worst.code, worst.type, worst.message, worst.by_user_or_timeout)
    return State("TERMINATED", "FAILED", "RUN_EXECUTION_ERROR", "CLIENT_ERROR", _GENERIC)


def _failed_run(key: str, state: State) -> State:
    """A failed parent says INTERNAL_ERROR although nothing internal went wrong, and points at the task."""
    message = f"Task {key} failed with message: {state.message or _GENERIC}."
    if state.result == "TIMEDOUT":
        return State("TERMINATED", "TIMEDOUT", state.code, state.type, message, by_user_or_timeout=True)
    return State("INTERNAL_ERROR", "FAILED", state.code, state.type, message)
