"""`jobmedic demo`: a night of failing jobs in a simulated workspace, and what jobmedic does about it."""

import os
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from jobmedic.demo import DemoPass, DemoStory
    from jobmedic.demo_home import DemoHome

Quick = Annotated[bool, typer.Option("--quick", help="Fewer passes: the first one comes when the night is over.")]

WIDTH = 98
LABEL = 16

# One decision of each kind, where there is one.
EXAMPLES: Sequence[tuple[str, Callable[[dict[str, Any]], bool]]] = (
    ("recovered", lambda row: row["action"] == "retry" and row["outcome"] == "recovered" and not row["storm_role"]),
    ("changed params", lambda row: row["action"] == "retry_with_new_params" and row["outcome"] == "recovered"),
    ("canary", lambda row: row["storm_role"] == "canary"),
    ("mail to owner", lambda row: row["action"] == "send_email" and row["gate"] is None),
    ("left alone", lambda row: row["gate"] == "safety"),
    ("not worth it", lambda row: row["gate"] == "worth"),
    ("escalated", lambda row: row["action"] == "escalate"),
)


def demo(quick: Quick = False) -> int:
    """Watch jobmedic at work on a simulated workspace; everything stays on this machine.

    The tables, the MLflow store and an HTML report are left in `.jobmedic/`.
    """
    from jobmedic.cli.screen import log_to_stderr, stages
    from jobmedic.demo import run_demo

    log_to_stderr("ERROR")  # what went wrong in a pass is printed with it
    with stages(quiet=not _on_terminal()) as on_stage:
        story = run_demo(quick=quick, on_home=_opening, on_pass=_show_pass, on_stage=on_stage)
    for line in [*_figures(story), *_storm(story), *_examples(story), *_leavings(story)]:
        _say(line)
    return 0


def _say(line: str) -> None:
    """Through `sys.stdout`, which the spinner watches; `typer.echo` writes past it, into the spinner's line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _on_terminal() -> bool:
    """Both: the spinner on stderr would draw what is piped from stdout into the terminal."""
    return sys.stderr.isatty() and sys.stdout.isatty()


def _opening(home: "DemoHome") -> None:
    from jobmedic.demo import ROOT

    _say("One simulated night on a retailer's data platform; workspace, model, mail server and incident")
    _say("channel are stand-ins on this machine. jobmedic runs in act mode.")
    if home.folder != ROOT.absolute():
        _say(f"\n{ROOT}/ holds tables or an MLflow store of your own: they are left alone, and the demo")
        _say(f"uses {_short(home.folder)}/ instead.")
    _say("")


def _show_pass(done: "DemoPass") -> None:
    report = done.report
    head = f"{done.at:%H:%M}  pass {done.number:>2}: {report['failures']:>3} failures"
    told = [f"decided {_counted(report['decisions'])}"] if report["decisions"] else []
    if report["outcomes"]:
        told.append(f"ended {_counted(report['outcomes'])}")
    if done.still_open:
        told.append(f"{done.still_open} still open")
    line = f"{head}; " + "; ".join(told or ["nothing to do"])
    _say(textwrap.fill(line, WIDTH, subsequent_indent=" " * 16))
    for error in report["errors"]:
        _say(textwrap.fill(f"! {error}", WIDTH, initial_indent=" " * 16, subsequent_indent=" " * 18))


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))


def _figures(story: "DemoStory") -> Iterator[str]:
    """Every claim of jobmedic beside what the sandbox saw."""
    costs, received = story.costs, story.received
    mails = f"{story.owner_mails} to owners, {story.told_incidents} to the on-call"
    others = sum(bool(told.recovered_by) for told in story.truth.values()) - len(story.recovered_in_truth)
    yield ""
    yield f"{'':<{LABEL}}  {'jobmedic says':<38}  the sandbox saw"
    yield _row(
        "failed runs",
        str(len(story.failed)),
        len(story.failed_in_truth),
        _differing(story, story.failed, story.failed_in_truth),
    )
    yield _row(
        "recovered",
        f"{len(story.recovered)} by its own retries",
        len(story.recovered_in_truth),
        _differing(story, story.recovered, story.recovered_in_truth),
        f"; {others} more by people or native retries",
    )
    yield _row("mails", mails, received.mails, _differ(story.owner_mails + story.told_incidents, received.mails))
    yield _row(
        "incidents", f"{story.told_incidents} told", received.posts, _differ(story.told_incidents, received.posts)
    )
    yield _row(
        "model calls",
        f"{costs['model_calls']:.0f}",
        received.questions,
        _differ(int(costs["model_calls"]), received.questions),
    )
    yield _plain("model", f"{costs['tokens_in'] + costs['tokens_out']:,.0f} tokens, ${costs['model_usd']:.4f}")
    yield _plain("", "answered by a plain stand-in that looks for a few words: no real model's judgement")
    yield _plain("retries", f"{costs['retries']:.0f}, which cost ${costs['retry_usd']:.2f} of compute")
    yield _plain("worth", f"${costs['saved_usd']:,.2f} saved, ${costs['wasted_usd']:.2f} wasted on retries that failed")
    yield _plain("", "by the policy's prices: what a recovery is worth is an assumption there")
    if not story.quiet:
        yield _plain("", "! the demo stopped before every retry had come to its end")


def _row(label: str, claim: str, seen: int, differ: str, more: str = "") -> str:
    return f"{label:<{LABEL}}  {claim:<38}  {seen}{more}{differ}"


def _differ(claimed: int, seen: int) -> str:
    return "" if claimed == seen else " ! they differ"


def _differing(story: "DemoStory", claimed: set[int], seen: set[int]) -> str:
    """Names the jobs of the runs on which the two do not agree."""
    told = [story.truth[run_id] for run_id in claimed ^ seen if run_id in story.truth]
    jobs = ", ".join(sorted({one.job_name for one in told}))
    if claimed == seen:
        return ""
    if claimed < seen and all(one.recovered_by for one in told):
        return f" ({jobs}: repaired by hand)"
    return f" ! they differ: {jobs}"


def _plain(label: str, told: str) -> str:
    return f"{label:<{LABEL}}  {told}"


def _storm(story: "DemoStory") -> Iterator[str]:
    """The incident that hit the most runs."""
    hit = max(story.incidents, key=lambda row: row["runs"] or 0, default=None)
    if hit is None:
        return
    members = [
        row
        for row in story.decisions
        if row["fingerprint"] == hit["fingerprint"] and row["failed_at"] <= hit["last_seen_at"]
    ]
    canaries = sum(row["storm_role"] == "canary" for row in members)
    recovered = sum(row["outcome"] == "recovered" for row in members)
    if canaries:
        yield ""
        yield f"The storm: {hit['runs']} runs failed the same way → 1 incident, 1 message to the on-call;"
        yield f"{canaries} {'canary' if canaries == 1 else 'canaries'} retried first, the others after it; {recovered} of {len(members)} recovered"


def _examples(story: "DemoStory") -> Iterator[str]:
    if story.decisions:
        yield ""
        yield "Some decisions, with their reasons"
    for label, fits in EXAMPLES:
        row = next(filter(fits, story.decisions), None)
        if row is not None:
            changed = ", ".join(f"{name}={value}" for name, value in (row["params"] or {}).items()) or row["compute"]
            what = f"{row['action']} with {changed}" if changed else row["action"]
            told = f"{row['job_name']} → {what}. {row['reason']}"
            yield textwrap.fill(told, WIDTH, initial_indent=f"  {label:<{LABEL}}", subsequent_indent=" " * (LABEL + 2))


def _leavings(story: "DemoStory") -> Iterator[str]:
    from jobmedic.demo import ROOT

    home = story.home
    own_place = home.folder != ROOT.absolute()
    tables = f" --tables {_short(home.tables)}" if own_place else ""
    yield ""
    yield "Left for you to look at (the next demo makes tables and report anew)"
    yield f"  {_short(home.report):<28} the report; open it in a browser"
    yield f"  {_short(home.tables) + '/':<28} Delta tables: {_tables_of(home.tables)}"
    yield f"  {_short(home.mlflow):<28} passes and model calls, for MLflow"
    yield ""
    yield "Next"
    yield f"  jobmedic report{tables}"
    yield f"  mlflow ui --backend-store-uri sqlite:///{_short(home.mlflow)}"
    yield f"  jobmedic feedback {_some_id(story)} --verdict correct{tables}"
    given = f'Settings(jobmedic_tables="{_short(home.tables)}")' if own_place else ""
    yield "  python -c 'from jobmedic import Jobmedic, Settings; \\"
    yield f'    m = Jobmedic({given}); m.table("v_retry_success").show(); m.close()\''
    yield ""
    yield "Before you point jobmedic at a real workspace from this folder, remove the demo's tables, or set"
    yield "JOBMEDIC_TABLES: what is learned from simulated failures should not decide real ones."


def _some_id(story: "DemoStory") -> str:
    return str(story.decisions[0]["decision_id"])[:12] if story.decisions else "ID"


def _tables_of(folder: Path) -> str:
    return ", ".join(name for name in ("failures", "decisions", "outcomes") if (folder / name).is_dir()) + ", …"


def _short(path: Path) -> str:
    return os.path.relpath(path)
