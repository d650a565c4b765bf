"""`jobmedic tune`: a deployment trained on judged failures, and the gate in front of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobmedic.cli.options import Json, Tables, settings_of

if TYPE_CHECKING:
    from jobmedic.ports.fine_tuning import FineTuning, TuningJob
    from jobmedic.wiring import Equipment

app = typer.Typer(
    help="Train a deployment on judged failures; only a better one becomes champion.", no_args_is_help=True
)

Folder = Annotated[Path, typer.Option("--folder", metavar="DIR", help="Where the training data lies.")]
Base = Annotated[str, typer.Option("--base-model", help="Model that Azure OpenAI is to fine-tune.")]
Again = Annotated[bool, typer.Option("--again", help="Submit data that was submitted before, and pay again.")]
Seed = Annotated[int, typer.Option("--seed", help="The same tables and seed make the same files.")]
Wait = Annotated[str | None, typer.Option("--wait", metavar="2h", help="Follow the job this long. Default: look once.")]
Tuned = Annotated[str, typer.Option("--deployment", help="Deployment that was made of the tuned model.")]

DATA = Path(".jobmedic/tuning")
LOOK_EVERY_SECONDS = 30.0


@app.command("prepare")
def prepare(folder: Folder = DATA, seed: Seed = 0, tables: Tables = None, as_json: Json = False) -> int:
    """Write training and validation data (JSONL) with a data card, from decisions that people judged."""
    from jobmedic.cli.screen import print_json
    from jobmedic.edges.redact import redact_for_model
    from jobmedic.knowledge.prompt import diagnosis_prompt
    from jobmedic.pipeline.tune.prepare import prepare as prepared
    from jobmedic.wiring import opened

    with opened(settings_of(tables=tables)) as equipment:
        made = prepared(
            equipment.ledger, diagnosis_prompt(), folder, now=equipment.clock.now(), redact=redact_for_model, seed=seed
        )
    if as_json:
        print_json(dict(made.card))
    else:
        for name, file in made.card["files"].items():
            typer.echo(f"{made.folder / name}: {file['examples']} examples")
        typer.echo(f"{made.folder / 'card.md'} describes them")
    return 0


@app.command("submit")
def submit(base_model: Base, folder: Folder = DATA, again: Again = False) -> int:
    """Upload what `prepare` wrote, and start the fine-tuning job on Azure OpenAI."""
    from jobmedic.pipeline.tune.job import submit as submitted
    from jobmedic.wiring import opened

    with opened(settings_of()) as equipment:
        state = submitted(
            _far_end(equipment),
            equipment.tracker,
            folder,
            base_model=base_model,
            now=equipment.clock.now(),
            again=again,
        )
    typer.echo(f"submitted as {state.job_id}; follow it with `jobmedic tune status`")
    return 0


@app.command("status")
def status(folder: Folder = DATA, wait: Wait = None) -> int:
    """Look at the fine-tuning job, or follow it with --wait."""
    from jobmedic.pipeline.tune.job import follow, waiting_words
    from jobmedic.settings import parse_duration
    from jobmedic.wiring import opened

    seconds = parse_duration(wait).total_seconds() if wait else 0.0
    with opened(settings_of()) as equipment:
        state = follow(
            _far_end(equipment),
            equipment.tracker,
            equipment.clock,
            folder,
            progress=_show,
            deadline_seconds=seconds,
            every_seconds=LOOK_EVERY_SECONDS,
        )
        now = equipment.clock.now()
    if state.tuned_model:
        typer.echo(f"succeeded: deploy {state.tuned_model}, then `jobmedic tune promote --deployment NAME`")
    else:
        typer.echo(waiting_words(state, now))
    return 0


@app.command("promote")
def promote(deployment: Tuned, folder: Folder = DATA, seed: Seed = 0, as_json: Json = False) -> int:
    """Compare the tuned deployment with the champion on held-out failures; the better one is champion from then on."""
    from dataclasses import asdict

    from jobmedic.cli.screen import print_json
    from jobmedic.pipeline.tune.evaluate import load_held_out
    from jobmedic.pipeline.tune.prepare import HELD_OUT
    from jobmedic.pipeline.tune.promote import promote as promoted
    from jobmedic.wiring import opened

    questions = 2 * len(load_held_out(folder / HELD_OUT))
    with (
        opened(settings_of()) as equipment,
        typer.progressbar(length=questions, label="asking both", file=_stderr()) as bar,
    ):
        _far_end(equipment)  # says which setting is missing before anything is asked
        result = promoted(
            folder=folder,
            champion=equipment.deployment(equipment.champion.deployment),
            challenger=equipment.deployment(deployment),
            in_force=equipment.champion,
            deployment=deployment,
            registry=equipment.registry,
            tracker=equipment.tracker,
            progress=lambda: bar.update(1),
            seed=seed,
        )
    if as_json:
        print_json(asdict(result))
    else:
        typer.echo("\n".join(result.lines()))
    return 0


@app.command("precedents")
def precedents(folder: Folder = DATA, seed: Seed = 0, tables: Tables = None, as_json: Json = False) -> int:
    """Measure what judged examples beside the question are worth: the champion with and without them."""
    from dataclasses import asdict

    from jobmedic.cli.screen import print_json
    from jobmedic.edges.redact import redact_for_model
    from jobmedic.pipeline.tune.evaluate import load_held_out
    from jobmedic.pipeline.tune.precedents import measure_precedents
    from jobmedic.pipeline.tune.prepare import HELD_OUT
    from jobmedic.wiring import opened

    questions = 2 * len(load_held_out(folder / HELD_OUT))
    with (
        opened(settings_of(tables=tables)) as equipment,
        typer.progressbar(length=questions, label="asking twice", file=_stderr()) as bar,
    ):
        _far_end(equipment)
        found = measure_precedents(
            equipment.ledger,
            equipment.tracker,
            equipment.deployment(equipment.champion.deployment),
            folder,
            redact=redact_for_model,
            progress=lambda: bar.update(1),
            seed=seed,
        )
    if as_json:
        print_json(asdict(found))
    else:
        for name, marks in (("without", found.champion), ("with", found.challenger)):
            typer.echo(
                f"{name:<8} macro-F1 {marks.macro_f1:.3f}, accuracy {marks.accuracy:.3f}, wrong retries {marks.wrong_retry_rate:.3f}"
            )
        typer.echo(f"p = {found.p_value:.4f} (paired bootstrap)")
    return 0


def _far_end(equipment: "Equipment") -> "FineTuning":
    from jobmedic.edges.azure_openai.fine_tuning import AzureFineTuning
    from jobmedic.settings import SettingsError

    settings = equipment.settings
    if not settings.azure_openai_endpoint:
        raise SettingsError("AZURE_OPENAI_ENDPOINT: not set, and fine-tuning needs it")
    return AzureFineTuning(
        endpoint=settings.azure_openai_endpoint,
        api_key=equipment.azure_key,
        api_version=settings.azure_openai_api_version,
    )


def _show(job: "TuningJob") -> None:
    typer.echo(f"{job.job_id}: {job.status}" + (f", {job.message}" if job.message else ""), err=True)


def _stderr() -> "typer.FileTextWrite":
    import sys

    return sys.stderr  # type: ignore[return-value]
