"""Scores in the tracker: one run a period, with the same figures as the table, the versions and pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from jobmedic.pipeline.learn.pictures import Bin, calibration_picture, confusion_picture, trend_picture
from jobmedic.pipeline.learn.printed import Figure
from jobmedic.pipeline.learn.score_book import Page, Period
from jobmedic.ports.tracker import Tracker

_LOGGED_DIMENSIONS = {"all", "action", "category"}
_TREND = {
    "accuracy": "decisions right",
    "retry_success_rate": "retries that recovered",
    "wrong_retry_rate": "retries that could not work",
    "macro_f1": "macro-F1 of the category",
}


def log_pages(
    tracker: Tracker,
    pages: Sequence[Page],
    history: Sequence[Page],
    params: Mapping[Period, Mapping[str, str]],
    folder: Path,
) -> list[Page]:
    """Logs each page as the one run of its period and returns those that were taken, with the run's id.

    Stops at the first that the tracker did not take: it cannot be reached, and the rest can wait in the table.
    `params` are the versions that were in force, where they are known.
    """
    logged: list[Page] = []
    for page in pages:
        run_id = _log(tracker, page, history, params.get(page.period, {}), folder)
        if run_id is None:
            break
        logged.append(replace(page, run_id=run_id))
    return logged


def metric_name(metric: str, dimension: str, member: str) -> str:
    """As it stands in MLflow: `accuracy`, `accuracy.category.network`."""
    return metric if dimension == "all" else f"{metric}.{dimension}.{member}"


def _log(tracker: Tracker, page: Page, history: Sequence[Page], params: Mapping[str, str], folder: Path) -> str | None:
    tags = {
        "jobmedic.kind": "learn",
        "jobmedic.period_start": page.period.start.isoformat(),
        "jobmedic.period_end": page.period.end.isoformat(),
    }
    values = {
        metric_name(*key): figure.value
        for key, figure in page.figures.items()
        if figure.value is not None and key[1] in _LOGGED_DIMENSIONS
    }
    with tracker.run(f"learn {page.period.end:%Y-%m-%d %H:%M}", tags=tags, one=True) as run:
        if run.run_id is None:
            return None
        run.metrics(values)
        run.params(params)
        # A folder of its own a period: trackers may read the files later than this returns.
        for path in _pictures(page, history, folder / f"{page.period.end:%Y%m%dT%H%M%S}"):
            run.artifact(path)
    return run.run_id if run.complete else None


def _pictures(page: Page, history: Sequence[Page], folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    until = f"up to {page.period.end:%Y-%m-%d %H:%M} UTC"
    past = [p for p in history if p.period.end <= page.period.end]
    series = {words: [p.figures.get((name, "all", "all")) for p in past] for name, words in _TREND.items()}
    drawn = {"trend.svg": trend_picture([p.period.end for p in past], series, f"How often it was right, {until}")}
    if counts := {(m[0], m[2]): f.n for who, f in _members(page, "confusion").items() if (m := who.partition(">"))}:
        drawn["confusion.svg"] = confusion_picture(counts, f"Categories {until}")
    right, sure = _members(page, "calibration_accuracy"), _members(page, "calibration_confidence")
    if bins := [Bin(sure[at].value or 0.0, right[at].value or 0.0, right[at].n) for at in right if at in sure]:
        drawn["calibration.svg"] = calibration_picture(bins, f"Confidence {until}")
    for name, picture in drawn.items():
        (folder / name).write_text(picture, encoding="utf-8")
    return [folder / name for name in drawn]


def _members(page: Page, metric: str) -> dict[str, Figure]:
    """Those that anything stands behind."""
    return {member: figure for (name, _, member), figure in page.figures.items() if name == metric and figure.n}
