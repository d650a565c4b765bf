"""Jobs API 2.2 JSON as the platform spells it."""

from typing import Any

Json = dict[str, Any]

START = 1_760_000_000_000
RUN = 9_007_199_254_740_993  # does not fit 53 bits


def states(result: str | None, code: str | None = None, *, life_cycle: str = "TERMINATED") -> Json:
    state: Json = {"life_cycle_state": life_cycle, "state_message": "Workload failed, see run output for details"}
    if result:
        state["result_state"] = result
    status: Json = {"state": life_cycle}
    if code:
        status["termination_details"] = {"code": code, "type": "CLIENT_ERROR", "message": "it failed"}
    return {"state": state, "status": status}


def listed(run_id: int, result: str | None = "FAILED", **more: Any) -> Json:
    return {"run_id": run_id, "job_id": 7, "start_time": START, "end_time": START + 60_000, **states(result), **more}


def task(run_id: int, key: str, *, attempt: int = 0, result: str | None = "FAILED", **more: Any) -> Json:
    return {
        "run_id": run_id,
        "task_key": key,
        "attempt_number": attempt,
        "start_time": START,
        "end_time": START + 90_000,
        "setup_duration": 10_000,
        "execution_duration": 70_000,
        "notebook_task": {"notebook_path": "/x"},
        **states(result, "RUN_EXECUTION_ERROR"),
        **more,
    }


def run(*tasks: Json, **more: Any) -> Json:
    return {
        "run_id": RUN,
        "job_id": 7,
        "run_name": "nightly",
        "run_type": "JOB_RUN",
        "creator_user_name": "ann@example.com",
        "start_time": START,
        "end_time": START + 100_000,
        "run_page_url": "https://w/#job/7/run/1",
        "tasks": list(tasks),
        **states("FAILED", "RUN_EXECUTION_ERROR"),
        **more,
    }
