"""`gridloop backtest FILE`: a model tested day by day on what was, beside persistence; tables, a page, pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console

from gridloop.cli.backtest_output import as_json, figures, show, write_rows
from gridloop.cli.backtest_run import Tested, tested, tested_days
from gridloop.cli.forecast_bar import Bar
from gridloop.cli.forecast_days import refuse_too_far
from gridloop.cli.forecast_given import Options, with_options
from gridloop.cli.forecast_kinds import KINDS, KindName
from gridloop.cli.forecast_options import asked_for, length, with_capacity
from gridloop.cli.forecast_output import ENDINGS
from gridloop.cli.opf import check_page
from gridloop.cli.output import Interrupted, check_out, print_json, say
from gridloop.errors import BadInput
from gridloop.operate.plots.backtest_page import backtest_parts, build_backtest_page, days_said, named_charts
from gridloop.operate.plots.forecast_page import PageTitle
from gridloop.operate.plots.png import require_matplotlib, write_png
from gridloop.series.clock import day_start

DAY = pd.Timedelta(hours=25)


@with_options
def backtest(
    options: Options,
    kind: Annotated[KindName, typer.Option(help="What is forecast.")] = KindName.load,
    first: Annotated[str | None, typer.Option(help="First local day to test, such as 2014-01-01.")] = None,
    last: Annotated[str | None, typer.Option(help="Last local day to test.")] = None,
    before: Annotated[
        str, typer.Option(help="How long before its midnight a day is issued: 12h is noon before.")
    ] = "12h",
    days: Annotated[
        int, typer.Option(min=1, max=7, help="Local days that each issue covers: more than one tests a week ahead.")
    ] = 1,
    retrain_days: Annotated[
        int | None, typer.Option(min=1, help="Learn anew every so many days; once before the first otherwise.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write forecasts beside what came: .csv or .parquet.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Write all figures to this .html page.")] = None,
    png: Annotated[Path | None, typer.Option(help="Write each figure as a picture to this folder.")] = None,
) -> None:
    """Forecast each local day as it would have been, from what was known then, and compare with what came.

    Errors stand beside those of persistence, by month and by hours ahead. Exit code 0, or 2 where the input can be
    mended.
    """
    check_out(out, "--out", ENDINGS)
    check_page(plot)
    if png is not None:
        _check_folder(png)
    console = Console(stderr=options.as_json, highlight=False)
    bar = Bar(console, lines=not options.as_json)
    issued = length(before, "--before")
    try:
        with bar:
            bar.show(f"Reading {Path(options.file).name}")
            asked = asked_for(options, KINDS[kind.value], before=issued, longest=issued + days * DAY, days=days)
            refuse_too_far(asked, days)
            begin, end, notes = tested_days(asked, first, last)
            asked = with_capacity(asked, day_start(pd.Timestamp(begin).date(), asked.zone) - issued)
            done = tested(asked, begin, end, retrain_days=retrain_days, told=bar.show)
            if plot is not None or png is not None:
                bar.show("Drawing")
                _draw(done, plot, png, [*asked.notes, *notes])
    except KeyboardInterrupt as stop:
        raise Interrupted(
            "Interrupted; nothing was kept. --first and --last make it shorter, --trees 50 too."
        ) from stop
    if out is not None:
        write_rows(done, out)
    files = {"out": out, "page": plot, "pictures": png}
    if options.as_json:
        data = as_json(done, retrain_days=retrain_days)
        data["notes"] += notes
        print_json(data | {"files": {k: str(v) for k, v in files.items() if v is not None}})
        return
    for note in (*done.result.notes, *asked.notes, *notes):
        say(console, f"Note: {note}")
    show(console, done)
    for name, written in files.items():
        if written is not None:
            say(console, f"Wrote {written}." + (" Open it in a browser." if name == "page" else ""))


def _check_folder(folder: Path) -> None:
    """Make the folder of pictures. Raises `BadInput`, `MissingExtra` before anything is computed."""
    require_matplotlib()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"--png {str(folder)!r} is no folder that can be made ({error.strerror}).") from error


def _draw(done: Tested, plot: Path | None, png: Path | None, notes: list[str]) -> None:
    data = figures(done)
    if plot is not None:
        plot.write_text(build_backtest_page(data, _title(done), notes), encoding="utf-8")
    if png is not None:
        for chart, heading, says in named_charts(backtest_parts(data)):
            write_png(chart, png / f"{chart.id.removeprefix('chart-')}.png", heading=heading, says=says)


def _title(done: Tested) -> PageTitle:
    asked = done.asked
    hours = asked.task.before / pd.Timedelta(hours=1)
    fits = "one fit" if done.fits == 1 else f"{done.fits} fits"
    points = asked.task.points
    what = points[0] if len(points) == 1 else f"{len(points)} columns"
    return PageTitle(
        name=Path(asked.file).stem,
        day=f"backtest of {asked.kind.name}, {done.first} to {done.last}",
        story=f"{what}: {days_said(done.result)}, each forecast as a whole {hours:g} h before it begins, by model "
        f"{asked.model_name} ({asked.model.says}), {fits}.",
        meta=f"times in {asked.zone}",
    )
