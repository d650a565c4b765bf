"""`python -m bench.judge [--file F …]`: judges the labelled failures at hand and prints how right the answers were."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.judge import folds, pictures, tables, tracking
from bench.judge.baselines import BASELINES
from bench.judge.classifier import ClassifyError, classify
from bench.judge.labelled import Answer, LabelError, Labelled, read_labelled
from bench.judge.measures import Scores, score

ROOT = Path(__file__).resolve().parents[2]
OWN = ROOT / "tests" / "corpus" / "provoked.jsonl"
PUBLIC = ROOT.parent / "shared" / "corpus" / "dev.jsonl"


def corpora() -> list[Path]:
    """The project's own corpus, and the one of public texts where it is present."""
    public = Path(os.environ.get("JOBMEDIC_CORPUS", PUBLIC))
    return [path for path in (public, OWN) if path.exists()]


def judge(corpus: Path, out: Path, console: Console, *, list_misses: bool) -> dict[str, Scores]:
    failures = read_labelled(corpus)
    console.rule(f"{corpus.name}: {len(failures)} labelled failures")
    with console.status("jobmedic classify"):
        ours = classify(failures)
    results = {"jobmedic": score(failures, ours)}
    results |= {name: score(failures, [answer(f) for f in failures]) for name, answer in BASELINES.items()}
    console.print(tables.comparison(results), tables.by_category(results["jobmedic"]))
    _cross_validate(failures, ours, console)
    if list_misses:
        console.print(tables.misses(failures, ours))
    folder = out / corpus.stem
    folder.mkdir(parents=True, exist_ok=True)
    pictures.draw_confusion(failures, ours, folder / "confusion.png", f"jobmedic on {corpus.name}")
    pictures.draw_reliability(results["jobmedic"].bins, folder / "reliability.png", f"jobmedic on {corpus.name}")
    (folder / "scores.json").write_text(json.dumps({name: asdict(one) for name, one in results.items()}, indent=1))
    run_id = tracking.log(ROOT / ".jobmedic", corpus, results, folder)
    console.print(f"pictures: {folder}; MLflow run {run_id} in {ROOT / '.jobmedic' / 'mlflow.db'}\n", soft_wrap=True)
    return results


def _cross_validate(failures: tuple[Labelled, ...], ours: tuple[Answer, ...], console: Console) -> None:
    held = folds.fold_scores(failures, ours)
    if held:
        supported = score(failures, folds.supported_elsewhere(failures, ours))
        console.print(tables.by_folds(held, supported, folds.held_out_calibration(failures, ours)[0]))


def main(
    file: Annotated[list[Path] | None, typer.Option(help="Labelled failures, one JSON object a line.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for pictures and scores.")] = ROOT / ".jobmedic" / "judge",
    misses: Annotated[bool, typer.Option(help="List the ids that were not answered as labelled.")] = False,
) -> None:
    console = Console(width=None if Console().is_terminal else 110)
    files = file or corpora()
    if not files:
        console.print(f"[red]nothing to judge: name a file (--file F); neither {PUBLIC} nor {OWN} is there")
        raise typer.Exit(2)
    try:
        for corpus in files:
            judge(corpus, out, console, list_misses=misses)
    except LabelError as error:
        console.print(f"[red]{error}", soft_wrap=True)
        raise typer.Exit(2) from error
    except ClassifyError as error:
        console.print(f"[red]{error}", soft_wrap=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    typer.run(main)
