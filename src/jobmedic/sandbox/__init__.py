"""A simulated Databricks workspace, model endpoint, mail server and incident sink on loopback.

The real `databricks.sdk`, `openai` and `smtplib` talk to it over real HTTP and SMTP. What happens is written in a scenario:
jobs, the causes that they fail for, and how each cause ends (when run again, with other parameters or compute, or never).

    from jobmedic.sandbox import Sandbox, demo_scenario

    with Sandbox(demo_scenario()) as sandbox:
        sandbox.world.advance(6 * 3600)                     # six hours pass; jobs run and fail
        client = WorkspaceClient(host=sandbox.workspace_url, token=sandbox.token)
        client.jobs.repair_run(run_id, rerun_tasks=["load"])
        sandbox.world.advance(1800)                         # the repair gets its time
        sandbox.truth()[run_id].recovered_by                # 'repair by jobmedic@sandbox.example'

Time stands still until it is advanced, unless the sandbox is made with `rate=60` (sixty simulated seconds a real one) or
`sandbox.clock.follow(60)` is called. `sandbox.clock` has jobmedic's own clock's shape. The same scenario and seed give the
same story, whatever the order of calls.

What it offers, besides the addresses and keys (`environment()` gives them as variables):

- `world`: the state itself: `run_now`, `submit`, `repair`, `cancel`, `update_job`, `delete_job`, `delete_run`, `advance`
- `stage.run_ids[job, ordinal]`: the runs of the scenario by name
- `truth()`: per run what really happened: causes, who made it recover, executions, compute seconds, dollars
- `mails`, `incidents`, `model_calls`: what was received
- `workspace_faults.add(Fault(...))`, `model.faults`, `sink.faults`: 429s, 503s, slow answers, cut connections, answers lost
  after the call took effect; `mailbox.plan(MailFaults(...))` for mail
- `model.play(Trick.TRUNCATED)`: answers that are wrong in themselves; `model.deploy("tuned", quality=0.9)`: a deployment
  that is right that often; `model.tuning`: what becomes of fine-tuning jobs
- `person("anna@example.com")`: a token with which somebody else calls the workspace

The model endpoint is a plain stand-in that looks for a few words; every answer of it says so.
"""

from jobmedic.sandbox.faults import Fault, throttled
from jobmedic.sandbox.mail.mail import MailFaults
from jobmedic.sandbox.model.replies import Trick
from jobmedic.sandbox.sandbox import Sandbox
from jobmedic.sandbox.scenario.load import load_scenario_of
from jobmedic.sandbox.scenario.loader import ScenarioError, demo_policy, demo_scenario, load_scenario
from jobmedic.sandbox.scenario.plan import (
    Bound,
    Cancel,
    Cause,
    ClusterPlan,
    Ending,
    Failure,
    JobChange,
    JobPlan,
    PersonRepair,
    Scenario,
    SchedulePlan,
    Storm,
    TaskPlan,
)
from jobmedic.sandbox.workspace.webhooks import Destination
from jobmedic.sandbox.world.truth import RunTruth

__all__ = [
    "Bound",
    "Cancel",
    "Cause",
    "ClusterPlan",
    "Destination",
    "Ending",
    "Failure",
    "Fault",
    "JobChange",
    "JobPlan",
    "MailFaults",
    "PersonRepair",
    "RunTruth",
    "Sandbox",
    "Scenario",
    "ScenarioError",
    "SchedulePlan",
    "Storm",
    "TaskPlan",
    "Trick",
    "demo_policy",
    "demo_scenario",
    "load_scenario",
    "load_scenario_of",
    "throttled",
]
