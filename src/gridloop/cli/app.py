"""The commands as one application; one file per command, imported when it is called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from gridloop.cli import study
from gridloop.cli.later import commands
from gridloop.cli.output import Interrupted
from gridloop.errors import BadInput

# What a parser of arguments raises: typer shows one of its kinds only, and newer versions carry a click of their own.
UsageError: type[Any] = typer.BadParameter.__mro__[1]
STOPPED = 130

COMMANDS = {
    "run": "gridloop.cli.run:run",
    "flow": "gridloop.cli.flow:flow",
    "flows": "gridloop.cli.flows:flows",
    "commit": "gridloop.cli.commit:commit",
    "compile": "gridloop.cli.compile:compile_",
    "contingencies": "gridloop.cli.contingencies:contingencies",
    "dispatch": "gridloop.cli.dispatch:dispatch",
    "forecast": "gridloop.cli.forecast:forecast",
    "opf": "gridloop.cli.opf:opf",
    "plot": "gridloop.cli.plot:plot",
    "query": "gridloop.cli.query:query",
    "replay": "gridloop.cli.replay:replay",
    "schedule": "gridloop.cli.schedule:schedule",
    "simulate": "gridloop.cli.simulate:simulate",
    "backtest": "gridloop.cli.backtest:backtest",
    "bench": "gridloop.cli.bench:bench",
}

app = commands("Run a power grid as one closed loop: observe, forecast, plan, check, act, learn.", COMMANDS, "gridloop")
app.add_typer(study.app, name="study")


def call(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code. Without arguments it shows the help.

    Raises what the command raises, `BadInput` for arguments that no command takes, `KeyboardInterrupt` with what to
    do next where it was interrupted.
    """
    try:
        code = app(args=list(arguments) or ["--help"], prog_name="gridloop", standalone_mode=False)
    except UsageError as error:
        where = getattr(getattr(error, "ctx", None), "command_path", "gridloop")
        raise BadInput(f"{error.format_message().rstrip('.')}. `{where} --help` shows what is allowed.") from error
    except Interrupted as error:
        raise KeyboardInterrupt(str(error)) from error
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    if code == STOPPED:
        raise KeyboardInterrupt
    return code if isinstance(code, int) else 0
