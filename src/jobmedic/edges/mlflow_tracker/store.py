"""MLflow as it is opened: its waits bounded, and a local store there before anybody uses it."""

import logging
import os
import threading
from pathlib import Path

from jobmedic.edges.whole_file import made_whole

_SQLITE = "sqlite:///"
_making = threading.Lock()

_BOUNDS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_DATABRICKS_ENDPOINT_HTTP_RETRY_TIMEOUT": "20",
    "MLFLOW_ASYNC_TRACE_LOGGING_RETRY_TIMEOUT": "20",
    # The background thread is the asynchrony; a queue of MLflow's own would hold up the exit of the process.
    "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
}


def bound_mlflow() -> None:
    """Before MLflow is imported: its waits (minutes by default) and its own reporting home. What is set already stays."""
    for name, value in _BOUNDS.items():
        os.environ.setdefault(name, value)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def local_store(uri: str) -> Path | None:
    """The SQLite file; None for any other place."""
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None


def make_store(uri: str) -> None:
    """MLflow makes its tables in dozens of steps: two at it at once, or one that dies, would leave a store broken for ever."""
    path = local_store(uri)
    if path is not None:
        with _making:  # its migrations keep global state
            made_whole(path, _make)


def _make(path: Path) -> None:
    import mlflow

    mlflow.MlflowClient(tracking_uri=f"{_SQLITE}{path.absolute().as_posix()}").search_experiments(max_results=1)
