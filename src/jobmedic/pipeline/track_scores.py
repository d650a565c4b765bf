"""Scores in the tracker: one run a period, with the same figures as the table, the versions and two pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from jobmedic.pipeline.pictures import confusion_picture, trend_picture
from jobmedic.pipeline.score_book import Page
from jobmedic.ports.tracker import Tracker

_LOGGED_DIMENSIONS = {"all", "action", "category"}
_TREND = ("accuracy", "retry_success_rate", "wrong_retry_rate", "macro_f1")


def log_pages(
    tracker: Tracker, pages: Sequence[Page], history: Sequence[Page], params: Mapping[str, str], folder: Path
) -> list[Page]:
    """Logs each page as a run and returns those that got one, with its id.

    Stops at the first that the tracker did not take: it cannot be reached, and the rest can wait in the table.
    `params` hold for the newest page alone; who logs late does not know what was in force then.
    """
    logged: list[Page] = []
    for page in pages:
        newest = page is pages[-1]
        run_id = _log(tracker, page, history, params if newest else {}, folder)
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
    with tracker.run(f"learn {page.period.end:%Y-%m-%d %H:%M}", tags=tags) as run:
        if run.run_id is None:
            return None
        run.metrics(values)
        run.params(params)
        # A folder of its own a period: trackers may read the files later than this returns.
        for path in _pictures(page, history, folder / f"{page.period.end:%Y%m%dT%H%M%S}"):
            run.artifact(path)
        return run.run_id


def _pictures(page: Page, history: Sequence[Page], folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    until = f"up to {page.period.end:%Y-%m-%d %H:%M} UTC"
    past = [p for p in history if p.period.end <= page.period.end]
    series = {name: [_value(p, name) for p in past] for name in _TREND}
    drawn = {"trend.svg": trend_picture([f"{p.period.end:%m-%d}" for p in past], series, f"Trend {until}")}
    counts = {
        (key[2].split(">")[0], key[2].split(">")[1]): figure.n
        for key, figure in page.figures.items()
        if key[0] == "confusion" and figure.n
    }
    if counts:
        drawn["confusion.svg"] = confusion_picture(counts, f"Categories {until}")
    for name, picture in drawn.items():
        (folder / name).write_text(picture, encoding="utf-8")
    return [folder / name for name in drawn]


def _value(page: Page, metric: str) -> float | None:
    figure = page.figures.get((metric, "all", "all"))
    return figure.value if figure else None
