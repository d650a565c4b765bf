"""Runs and jobs as the Jobs API 2.2 writes them.

Shapes follow the dataclasses of `databricks.sdk.service.jobs`. What `get` adds to `list` is added here too: the repair
history, pages of tasks, resolved values.
"""

from random import Random

from jobmedic.sandbox.world.state import TERMINAL, Attempt, Job, Json, Repair, Run, State

PAGE = 100
"""Tasks, and job clusters and parameters, a page."""
_NEW_STATES = {"INTERNAL_ERROR": "TERMINATED", "SKIPPED": "TERMINATED", "WAITING_FOR_RETRY": "WAITING"}
_RESOLVED = {
    "notebook_task": "base_parameters",
    "python_wheel_task": "named_parameters",
    "sql_task": "parameters",
}
_HIDDEN = frozenset({"email_notifications", "webhook_notifications"})


def state_json(state: State) -> Json:
    view: Json = {"life_cycle_state": state.life_cycle}
    if state.result is not None:
        view["result_state"] = state.result
    view["state_message"] = state.message
    view["user_cancelled_or_timedout"] = state.by_user_or_timeout
    return view


def status_json(state: State) -> Json:
    view: Json = {"state": _NEW_STATES.get(state.life_cycle, state.life_cycle)}
    if state.life_cycle in TERMINAL:
        view["termination_details"] = {"code": state.code, "type": state.type, "message": state.message}
    return view


class RunView:
    """Renders for one workspace, whose address stands in the pages' links."""

    def __init__(self, base_url: str, workspace_id: int) -> None:
        self._base = base_url
        self._workspace = workspace_id

    def page_url(self, run: Run, run_id: int) -> str:
        return f"{self._base}/?o={self._workspace}#job/{run.job_id}/run/{run_id}"

    def listed(self, run: Run, *, expand_tasks: bool) -> Json:
        """An entry of `runs/list`: no repair history, and with `expand_tasks` the first page of tasks only."""
        view = self._head(run)
        if expand_tasks:
            tasks = self.tasks(run)
            view["tasks"] = tasks[:PAGE]
            view["job_clusters"] = run.settings.get("job_clusters") or []
            if len(tasks) > PAGE:
                view["has_more"] = True
        return view

    def full(self, run: Run, *, offset: int = 0, history: bool = False, resolved: bool = False) -> Json:
        """An answer of `runs/get`, from the task at `offset` on."""
        view = self._head(run)
        tasks = [] if run.taskless else self.tasks(run, resolved=resolved)
        if not run.taskless:
            view["tasks"] = tasks[offset : offset + PAGE]
        if offset == 0:
            view["job_clusters"] = run.settings.get("job_clusters") or []
            view["job_parameters"] = self._parameters(run)
            if history:
                view["repair_history"] = self._history(run)
        if offset + PAGE < len(tasks):
            view["next_page_token"] = str(offset + PAGE)
        return view

    def one_task(self, run: Run, attempt: Attempt, *, offset: int = 0) -> Json:
        """`runs/get` of a task run: itself as the only task; a for_each task with its iterations."""
        view = self._head(run)
        view["run_id"], view["job_run_id"] = attempt.run_id, run.run_id
        view["run_name"] = attempt.task_key
        view["attempt_number"] = attempt.number
        view |= {"state": state_json(attempt.state), "status": status_json(attempt.state)}
        view |= {"start_time": attempt.started, "end_time": attempt.ended, "execution_duration": attempt.execution_ms}
        view["run_page_url"] = self.page_url(run, attempt.run_id)
        view["tasks"] = [self.task(run, attempt)]
        if attempt.iterations:
            view["iterations"] = [self.task(run, i) for i in attempt.iterations[offset : offset + PAGE]]
            if offset + PAGE < len(attempt.iterations):
                view["next_page_token"] = str(offset + PAGE)
        return view

    def _head(self, run: Run) -> Json:
        running = max((a.ended for a in run.attempts), default=0) - run.started if run.ended else 0
        view: Json = {
            "job_id": run.job_id,
            "run_id": run.run_id,
            "job_run_id": run.run_id,
            "number_in_job": run.number,
            "original_attempt_run_id": run.run_id,
            "creator_user_name": run.creator,
            "run_name": run.name,
            "run_type": run.run_type,
            "run_page_url": self.page_url(run, run.run_id),
            "trigger": run.trigger,
            "start_time": run.started,
            "end_time": run.ended,
            "run_duration": running,
            "setup_duration": 0,
            "execution_duration": 0,
            "cleanup_duration": 0,
            "format": "SINGLE_TASK" if run.taskless else "MULTI_TASK",
            "state": state_json(run.state),
            "status": status_json(run.state),
        }
        if run.taskless and run.attempts:
            latest = run.attempts[-1]
            view |= {"attempt_number": latest.number, "execution_duration": latest.execution_ms}
        return view

    def _parameters(self, run: Run) -> list[Json]:
        """A parameter that kept its default shows no value: the default then is what the run saw."""
        names = dict.fromkeys([*run.defaults, *run.overrides])
        view = []
        for name in names:
            entry = {"name": name}
            if name in run.defaults:
                entry["default"] = run.defaults[name]
            if name in run.overrides:
                entry["value"] = run.overrides[name]
            view.append(entry)
        return view

    def _history(self, run: Run) -> list[Json]:
        first = run.first_state or run.state
        ended = run.first_ended if run.repairs else run.ended
        originals = [a.run_id for a in run.attempts if a.repair_id is None]
        history: list[Json] = [
            {"type": "ORIGINAL", "start_time": run.started, **self._part(first, ended), "task_run_ids": originals}
        ]
        return history + [self._repair(run, r) for r in run.repairs]

    def _repair(self, run: Run, repair: Repair) -> Json:
        mine = [a.run_id for a in run.attempts if a.repair_id == repair.repair_id]
        part = self._part(repair.state, repair.ended)
        return {"type": "REPAIR", "id": repair.repair_id, "start_time": repair.started, **part, "task_run_ids": mine}

    def _part(self, state: State, ended: int) -> Json:
        view: Json = {"state": state_json(state), "status": status_json(state)}
        return {**view, "end_time": ended} if ended else view

    def tasks(self, run: Run, *, resolved: bool = False) -> list[Json]:
        """Every attempt of every task, in no order; the same order on each call, so that pages fit together."""
        attempts = sorted(run.attempts, key=lambda a: Random(a.run_id).random())  # noqa: S311 - scenery, no secret
        return [self.task(run, a, resolved=resolved) for a in attempts]

    def task(self, run: Run, attempt: Attempt, *, resolved: bool = False) -> Json:
        spec = attempt.spec or run.specs()[attempt.task_key]
        view: Json = {k: v for k, v in spec.items() if k not in _HIDDEN}
        view |= {
            "run_id": attempt.run_id,
            "task_key": attempt.task_key,
            "attempt_number": attempt.number,
            "start_time": attempt.started,
            "end_time": attempt.ended,
            "setup_duration": attempt.setup_ms if attempt.started else 0,
            "execution_duration": attempt.execution_ms,
            "cleanup_duration": 0,
            "run_page_url": self.page_url(run, attempt.run_id),
            "state": state_json(attempt.state),
            "status": status_json(attempt.state),
        }
        if attempt.iterations:
            view["for_each_task"] = {**spec["for_each_task"], "stats": _stats(attempt)}
        if resolved:
            view["resolved_values"] = {
                kind: {field: dict(attempt.params)} for kind, field in _RESOLVED.items() if kind in spec
            }
        return view


def _stats(attempt: Attempt) -> Json:
    total = len(attempt.iterations)
    errors = [i for i in attempt.iterations if i.state.result != "SUCCESS"]
    counts = {
        "total_iterations": total,
        "scheduled_iterations": total,
        "active_iterations": 0,
        "completed_iterations": total,
        "succeeded_iterations": total - len(errors),
        "failed_iterations": len(errors),
    }
    messages = [{"count": 1, "error_message": i.error, "termination_category": i.state.code} for i in errors]
    return {"task_run_stats": counts, "error_message_stats": messages}


def job_json(job: Job, *, offset: int = 0) -> Json:
    """An answer of `jobs/get`; what filled the first page is empty on the next ones."""
    settings = dict(job.settings)
    tasks = settings.get("tasks", [])
    settings["tasks"] = tasks[offset : offset + PAGE]
    if offset:
        settings |= {"job_clusters": [], "environments": [], "parameters": []}
    run_as = (job.settings.get("run_as") or {}).get("user_name") or job.creator
    view: Json = {
        "job_id": job.job_id,
        "creator_user_name": job.creator,
        "run_as_user_name": run_as,
        "created_time": job.created,
        "settings": settings,
    }
    if offset + PAGE < len(tasks):
        view |= {"has_more": True, "next_page_token": str(offset + PAGE)}
    return view
