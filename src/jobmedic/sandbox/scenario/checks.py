"""What a scenario's schema can't see: names that nothing bears, words that nobody fills in."""

from collections.abc import Iterator, Sequence

from jobmedic.sandbox.scenario.plan import JobPlan, Scenario
from jobmedic.sandbox.scenario.texts import NAMES, unknown_words

Location = tuple[int | str, ...]
Problem = tuple[Location, str]


def problems_of(scenario: Scenario) -> Iterator[Problem]:
    """Where in the file, and what."""
    yield from _twice("causes", [c.id for c in scenario.causes])
    yield from _twice("jobs", [j.name for j in scenario.jobs])
    yield from _causes(scenario)
    for index, job in enumerate(scenario.jobs):
        yield from (((*("jobs", index), *place), what) for place, what in _job(job))
    yield from _plot(scenario)
    for group in ("cancels", "repairs", "changes"):
        names = [item.job for item in getattr(scenario, group)]
        yield from (
            ((group, i, "job"), f"no job is called {n}") for i, n in enumerate(names) if n not in _jobs(scenario)
        )


def _jobs(scenario: Scenario) -> dict[str, JobPlan]:
    return {j.name: j for j in scenario.jobs}


def _twice(group: str, names: Sequence[str]) -> Iterator[Problem]:
    for index, name in enumerate(names):
        if name in names[:index]:
            yield (group, index), f"{name} is there twice"


def _causes(scenario: Scenario) -> Iterator[Problem]:
    known = {c.id for c in scenario.causes}
    for index, cause in enumerate(scenario.causes):
        for text in ("error", "trace", "state_message"):
            if words := unknown_words(getattr(cause, text) or ""):
                filled = ", ".join(sorted(NAMES))
                yield ("causes", index, text), f"nobody fills in {', '.join(words)}; known are {filled}"
        if cause.ends.then is not None and cause.ends.then not in known:
            yield ("causes", index, "ends", "then"), f"no cause is called {cause.ends.then}"


def _plot(scenario: Scenario) -> Iterator[Problem]:
    causes, jobs = {c.id for c in scenario.causes}, _jobs(scenario)
    plots = [(("failures", i), f.cause, (f.job,), f.task) for i, f in enumerate(scenario.failures)]
    storms = [(("storms", i), s.cause, s.jobs, s.task) for i, s in enumerate(scenario.storms)]
    for place, cause, names, task in (*plots, *storms):
        if cause not in causes:
            yield (*place, "cause"), f"no cause is called {cause}"
        for name in names:
            if name not in jobs:
                yield (*place, "job"), f"no job is called {name}"
            elif task is not None and task not in {t.key for t in jobs[name].tasks}:
                yield (*place, "task"), f"job {name} has no task {task}"
            elif place[0] == "storms" and jobs[name].one_time:
                yield (*place, "jobs"), f"{name} is a one-time job; storms hit jobs of the workspace"


def _job(job: JobPlan) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, task in enumerate(job.tasks):
        for need in task.needs:
            if need.partition("=")[0] not in seen:
                yield ("tasks", index, "needs"), f"{need} is no task that stands before {task.key}"
        if task.key in seen:
            yield ("tasks", index, "key"), f"{task.key} is there twice"
        seen.add(task.key)
    if job.taskless and len(job.tasks) > 1:
        yield ("taskless",), "only a job with one task can be shown without tasks"
