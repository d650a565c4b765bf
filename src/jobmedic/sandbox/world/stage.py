"""Puts a scenario's plot into a world: who runs when, what hits whom, what people do meanwhile."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from jobmedic.sandbox.scenario.plan import Cancel, Cause, JobChange, JobPlan, PersonRepair, Scenario, Storm
from jobmedic.sandbox.world.specs import behaviours_of, cluster_of, own_params, settings_of
from jobmedic.sandbox.world.state import Json, Refusal, Run
from jobmedic.sandbox.world.storms import ActiveStorm
from jobmedic.sandbox.world.verdict import MINUTE_MS
from jobmedic.sandbox.world.world import World


def curtain(scenario: Scenario) -> datetime:
    """When the world must begin, so that runs older than the scenario's start are there."""
    first = min((j.schedule.first for j in scenario.jobs if j.schedule), default=0.0)
    return scenario.start + timedelta(minutes=min(0.0, first))


class Stage:
    def __init__(self, world: World, scenario: Scenario) -> None:
        self._world = world
        self._zero = int(scenario.start.timestamp() * 1000)
        self._plans = {plan.name: plan for plan in scenario.jobs}
        self._failures = scenario.failures
        self.run_ids: dict[tuple[str, int], int] = {}
        """By job name and ordinal from 1, for the runs that have begun."""
        world.causes.update({c.id: c for c in scenario.causes})
        self.job_ids = {plan.name: world.add_job(plan) for plan in scenario.jobs if not plan.one_time}
        for plan in scenario.jobs:
            self._schedule(plan)
        for storm in scenario.storms:
            self._brew(storm)
        for cancel in scenario.cancels:
            self._watch_for_cancel(cancel)
        self._people = {(r.job, r.run): r for r in scenario.repairs}
        world.progress.on_end.append(self._person_repairs)
        for change in scenario.changes:
            world.at(self._time(change.at), self._change, change)

    def _time(self, minutes: float) -> int:
        return self._zero + int(minutes * MINUTE_MS)

    def _schedule(self, plan: JobPlan) -> None:
        if plan.schedule is None:
            return
        for number in range(plan.schedule.runs):
            at = plan.schedule.first + number * (plan.schedule.every or 0)
            self._world.at(self._time(at), self._start, plan, number + 1)

    def _start(self, plan: JobPlan, ordinal: int) -> None:
        hits = self._hits(plan, ordinal)
        if plan.one_time:
            run_id = self._world.submit(one_time_body(plan), by=plan.owner, hits=hits, behaviours=behaviours_of(plan))
        elif self.job_ids[plan.name] in self._world.jobs:
            job_id = self.job_ids[plan.name]
            run_id = self._world.run_now(job_id, by=plan.owner, trigger=plan.trigger, hits=hits)
        else:
            return
        self.run_ids[plan.name, ordinal] = run_id

    def _hits(self, plan: JobPlan, ordinal: int) -> Mapping[str, Cause]:
        tasks = {task.key: task for task in plan.tasks}
        hits = {}
        for failure in self._failures:
            if failure.job != plan.name or (failure.runs is not None and ordinal not in failure.runs):
                continue
            task = tasks[failure.task or plan.tasks[0].key]
            cause = self._world.causes[failure.cause]
            if failure.fails_at is not None:
                cause = cause.model_copy(update={"fails_after": min(1.0, failure.fails_at / task.minutes)})
            hits[task.key] = cause
        return hits

    def _brew(self, storm: Storm) -> None:
        jobs = frozenset(self.job_ids[name] for name in storm.jobs)
        begins = self._time(storm.at)
        ends = begins + int(storm.minutes * MINUTE_MS)
        self._world.storms.add(ActiveStorm(storm.cause, jobs, storm.task, begins, ends))

    def _watch_for_cancel(self, cancel: Cancel) -> None:
        schedule = self._plans[cancel.job].schedule
        if schedule is not None:
            begins = schedule.first + (cancel.run - 1) * (schedule.every or 0)
            self._world.at(self._time(begins + cancel.after), self._cancel, cancel)

    def _cancel(self, cancel: Cancel) -> None:
        run_id = self.run_ids.get((cancel.job, cancel.run))
        if run_id in self._world.runs:
            self._world.cancel(run_id)

    def _person_repairs(self, run: Run) -> None:
        for (job, ordinal), plan in self._people.items():
            if self.run_ids.get((job, ordinal)) == run.run_id and not run.repairs and run.state.result != "SUCCESS":
                self._world.at(run.ended + int(plan.after * MINUTE_MS), self._repair, run, plan)

    def _repair(self, run: Run, plan: PersonRepair) -> None:
        body: Json = {"run_id": run.run_id, "rerun_all_failed_tasks": True, "job_parameters": dict(run.overrides)}
        if run.repairs:
            body["latest_repair_id"] = run.repairs[-1].repair_id
        try:
            self._world.repair(body, by=plan.by)
        except Refusal:
            return  # somebody was faster, or there is nothing left to repair

    def _change(self, change: JobChange) -> None:
        job_id = self.job_ids[change.job]
        if change.delete:
            self._world.delete_job(job_id)
            return
        old = {p["name"]: p["default"] for p in self._world.job(job_id).settings.get("parameters") or []}
        new = [{"name": k, "default": v} for k, v in {**old, **change.parameters}.items()]
        self._world.update_job(job_id, {"parameters": new})


def one_time_body(plan: JobPlan) -> Json:
    """What an orchestrator outside sends to `runs/submit` for a job that it keeps to itself."""
    settings = settings_of(plan)
    tasks = []
    for spec in settings["tasks"]:
        task = {k: v for k, v in spec.items() if k != "job_cluster_key"}
        cluster = cluster_of(spec, settings)
        if cluster:
            task["new_cluster"] = cluster
        if "notebook_task" in task:
            base = {**plan.parameters, **own_params(spec, plan.parameters)}
            task["notebook_task"] = {**task["notebook_task"], "base_parameters": base}
        tasks.append(task)
    body: Json = {"run_name": plan.name, "tasks": tasks}
    if "environments" in settings:
        body["environments"] = settings["environments"]
    return body
