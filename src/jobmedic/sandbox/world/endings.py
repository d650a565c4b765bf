"""What an attempt leaves behind: states, error texts, iterations."""

import json
from collections.abc import Callable
from random import Random

from jobmedic.sandbox.scenario.plan import Cause
from jobmedic.sandbox.scenario.texts import fill
from jobmedic.sandbox.world.state import Attempt, Run, State


def settle_attempt(run: Run, attempt: Attempt, cause: Cause | None, seed: int) -> None:
    if cause is None:
        attempt.state = State("TERMINATED", "SUCCESS", "SUCCESS", "SUCCESS")
        return
    known = {"job": run.name, "task": attempt.task_key, "run": str(run.run_id)}
    text_seed, job_seed = f"{seed}:{attempt.run_id}", f"{seed}:{run.job_id}"

    def filled(text: str | None) -> str | None:
        return None if text is None else fill(text, text_seed, job_seed, known, attempt.params)

    attempt.cause = cause.id
    attempt.error, attempt.trace = filled(cause.error), filled(cause.trace)
    attempt.state = State(
        cause.life_cycle_state,
        cause.result_state,
        cause.termination_code,
        cause.termination_type,
        filled(cause.state_message) or "",
        by_user_or_timeout=cause.result_state == "TIMEDOUT" or cause.termination_code == "USER_CANCELED",
    )


def end_iterations(attempt: Attempt, cause: Cause | None, new_id: Callable[[int], int]) -> None:
    """Every input of a for_each task has a run of its own; a failing one takes the error with it."""
    inputs = json.loads(attempt.spec["for_each_task"]["inputs"])
    unlucky = Random(attempt.run_id).randrange(len(inputs)) if cause else -1  # noqa: S311 - scenery, no secret
    key = attempt.spec["for_each_task"]["task"]["task_key"]
    for index, value in enumerate(inputs):
        one = Attempt(new_id(attempt.parent), attempt.parent, key, 0, attempt.repair_id)
        one.started, one.ended, one.size = attempt.started + attempt.setup_ms, attempt.ended, attempt.size
        one.params = {**attempt.params, "input": str(value)}
        one.spec = {**attempt.spec["for_each_task"]["task"], "task_key": key}
        one.state = State("TERMINATED", "SUCCESS", "SUCCESS", "SUCCESS")
        if index == unlucky:
            one.state, one.error, one.trace, one.cause = attempt.state, attempt.error, attempt.trace, attempt.cause
        attempt.iterations.append(one)
    if cause is not None:
        attempt.error, attempt.trace = None, None
        message = f"Iterations failed: 1 of {len(inputs)}"
        attempt.state = State("TERMINATED", "FAILED", "RUN_EXECUTION_ERROR", "CLIENT_ERROR", message)


def user_cancel() -> State:
    return State("TERMINATED", "CANCELED", "USER_CANCELED", "CLIENT_ERROR", "Run cancelled.", by_user_or_timeout=True)


def crowded_out() -> State:
    message = "Run skipped because the maximum number of concurrent runs of the job was reached."
    result, code = "MAXIMUM_CONCURRENT_RUNS_REACHED", "MAX_CONCURRENT_RUNS_EXCEEDED"
    return State("SKIPPED", result, code, "CLIENT_ERROR", message)
