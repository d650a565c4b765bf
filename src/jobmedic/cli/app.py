"""The command line. Commands live in modules of their own and import what they need when they are called."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from jobmedic.cli import check, classify, demo, feedback, learn, passes, replay, report, tables, tune
from jobmedic.cli.errors import explained

# Newer typers carry a Click of their own instead of the package; both are found through what typer exports.
ClickException: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")

app = typer.Typer(
    name="jobmedic",
    help="First aid for failed Databricks job runs.",
    epilog="Every command takes --set NAME=VALUE for a setting that has no flag; `jobmedic check` lists the settings.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"jobmedic {version('jobmedic')}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """First aid for failed Databricks job runs."""


app.command("demo")(demo.demo)
app.command("triage")(passes.triage)
app.command("watch")(passes.watch)
app.command("classify")(classify.classify)
app.command("feedback")(feedback.feedback)
app.command("learn")(learn.learn)
app.add_typer(tune.app, name="tune")
app.command("replay")(replay.replay)
app.command("report")(report.report)
app.command("check")(check.check)
app.add_typer(tables.app, name="tables")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; the exit code is 0, 1 for a pass that failed, 2 for bad use."""
    try:
        result = typer.main.get_command(app)(
            args=list(sys.argv[1:] if arguments is None else arguments), standalone_mode=False
        )
    except typer.Exit as leaving:
        return leaving.exit_code
    except typer.Abort:
        return _failed("stopped", 1)
    except ClickException as error:
        error.show()
        return 2
    except KeyboardInterrupt:
        return _failed("stopped", 1)
    except Exception as error:
        told = explained(error)
        if told is None:
            raise
        return _failed(*told)
    return int(result or 0)


def _failed(message: str, code: int) -> int:
    for line in message.splitlines() or [""]:
        typer.echo(f"jobmedic: {line}", err=True)
    return code
