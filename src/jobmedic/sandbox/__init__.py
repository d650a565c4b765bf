"""A simulated Databricks workspace on loopback, for the demo, the tests and the benchmarks."""

from jobmedic.sandbox.faults import Fault, throttled
from jobmedic.sandbox.plan import Bound, Cause, Ending, Failure, JobPlan, Scenario, SchedulePlan, Storm, TaskPlan
from jobmedic.sandbox.sandbox import Sandbox

__all__ = [
    "Bound",
    "Cause",
    "Ending",
    "Failure",
    "Fault",
    "JobPlan",
    "Sandbox",
    "Scenario",
    "SchedulePlan",
    "Storm",
    "TaskPlan",
    "throttled",
]
