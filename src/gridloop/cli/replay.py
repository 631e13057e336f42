"""`gridloop replay RUN --tick N`: make a past decision again, as it was known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gridloop.cli.output import print_json, say
from gridloop.operate.replay import replay_tick


def replay(
    run: Annotated[Path, typer.Argument(help="Folder of the run.")],
    tick: Annotated[int, typer.Option(help="Number of the tick, from 0.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Plan a stored tick again from what was known then, and compare with what was planned.

    Exit code 0 where every number is the same, 3 where not.
    """
    result = replay_tick(run, tick)
    if as_json:
        print_json({"run": str(run), "tick": tick, "same": result.same, "rows": result.rows, "differ": result.differ})
    else:
        verdict = "the same plan, bit for bit" if result.same else f"{result.differ} of {result.rows} rows differ"
        say(Console(), f"Tick {tick} of {run}: {verdict}.")
    if not result.same:
        raise typer.Exit(3)
