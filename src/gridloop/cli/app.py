"""The commands as one application; one file per command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from gridloop.cli import (
    backtest,
    bench,
    commit,
    compile,
    contingencies,
    dispatch,
    flow,
    flows,
    forecast,
    opf,
    plot,
    query,
    replay,
    run,
    schedule,
    simulate,
    study,
)
from gridloop.cli.output import Interrupted
from gridloop.errors import BadInput

# What a parser of arguments raises: typer shows one of its kinds only, and newer versions carry a click of their own.
UsageError: type[Any] = typer.BadParameter.__mro__[1]
STOPPED = 130

app = typer.Typer(
    name="gridloop",
    help="Run a power grid as one closed loop: observe, forecast, plan, check, act, learn.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(run.run)
app.command("flow")(flow.flow)
app.command("flows")(flows.flows)
app.command("commit")(commit.commit)
app.command("compile")(compile.compile_)
app.command("contingencies")(contingencies.contingencies)
app.command("dispatch")(dispatch.dispatch)
app.command("forecast")(forecast.forecast)
app.command("opf")(opf.opf)
app.command("plot")(plot.plot)
app.command("query")(query.query)
app.command("replay")(replay.replay)
app.command("schedule")(schedule.schedule)
app.command("simulate")(simulate.simulate)
app.add_typer(study.app, name="study")
app.command("backtest")(backtest.backtest)
app.command("bench")(bench.bench)


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
