"""The wheel's entry point: the command line on a terminal, and the same command line as the task of a Databricks job.

A task differs in two ways. Databricks calls the function itself and takes whatever it returns for success, so a failed
command must raise. And serverless tasks have no environment variables, so that any setting can come as
`--set NAME=VALUE`; a parameter that the job left empty counts as missing.
"""

import os
import sys
from collections.abc import Iterator, Sequence

from jobmedic.garbage import collect_rarely

FAILED = 1
BAD_USE = 2

OPTION = "--set"

# Beside jobmedic's own settings: what the SDK's unified auth and MLflow read for themselves.
FOREIGN_PREFIXES = ("DATABRICKS_", "ARM_", "GOOGLE_", "MLFLOW_")


class ParameterError(ValueError):
    """A `--set` that cannot be used; the message names it and what to write instead."""


def main() -> None:
    """Runs `jobmedic` with the arguments of the process. Raises SystemExit when the command failed, never on success."""
    collect_rarely()
    try:
        arguments, settings = split_settings(sys.argv[1:])
    except ParameterError as error:
        sys.stderr.write(f"jobmedic: {error}\n")
        raise SystemExit(BAD_USE) from None
    os.environ.update(settings)
    if code := _run(arguments):
        raise SystemExit(code)


def _run(arguments: list[str]) -> int:
    from jobmedic.cli.app import main as command_line

    try:
        return command_line(arguments)
    except ModuleNotFoundError as error:
        # The wheel brings no Spark of its own: one of another version would fight that of the runtime.
        if (error.name or "").partition(".")[0] != "pyspark":
            raise
        sys.stderr.write("jobmedic: no Spark is installed; run on Databricks, or: pip install 'jobmedic[local]'\n")
        return FAILED


def split_settings(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The arguments without their `--set NAME=VALUE`, and those settings by name. Raises ParameterError."""
    rest: list[str] = []
    settings: dict[str, str] = {}
    waiting = iter(arguments)
    for argument in waiting:
        if argument == OPTION or argument.startswith(f"{OPTION}="):
            settings |= _setting(_value_of(argument, waiting))
        elif argument == "--":
            rest += [argument, *waiting]
        else:
            rest.append(argument)
    return rest, settings


def _value_of(argument: str, following: Iterator[str]) -> str:
    value = argument.removeprefix(OPTION).removeprefix("=") or next(following, None)
    if value is None:
        raise ParameterError(f"{OPTION} at the end needs NAME=VALUE behind it")
    return value


def _setting(text: str) -> dict[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ParameterError(f"{OPTION} {name[:40]!r} has no equals sign; write {OPTION} NAME=VALUE")
    if not _known(name):
        raise ParameterError(f"{OPTION} {name}: there is no such setting; `jobmedic check` lists them")
    # Where nothing fills them in, references such as {{job.id}} arrive as they were written.
    missing = not value.strip() or (value.startswith("{{") and value.endswith("}}"))
    return {} if missing else {name: value}


def _known(name: str) -> bool:
    if name.startswith(FOREIGN_PREFIXES):
        return True
    from jobmedic.settings import Settings

    return name.lower() in Settings.model_fields and name.isupper()
