"""`gridloop forecast load|solar|wind|price FILE`: the coming days in quantiles, from a file of what was."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console

from gridloop.cli.forecast_bar import Bar
from gridloop.cli.forecast_days import Coming, coming
from gridloop.cli.forecast_given import Options, with_options
from gridloop.cli.forecast_kinds import KINDS, KindName
from gridloop.cli.forecast_options import Asked, asked_for, with_capacity
from gridloop.cli.forecast_output import ENDINGS, as_json, show, write_rows
from gridloop.cli.output import Interrupted, check_out, print_json, say
from gridloop.errors import BadInput, OutsideData
from gridloop.operate.plots.forecast_page import PageTitle, build_forecast_page, forecast_charts
from gridloop.operate.plots.png import require_matplotlib, write_png

PLOTS = (".html", ".htm", ".png")
MOST_DAYS = 7


@with_options
def forecast(
    options: Options,
    kind: Annotated[KindName, typer.Argument(help="What is forecast.")],
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="Whole local days to forecast.")] = 1,
    at: Annotated[
        str | None,
        typer.Option(help="Issue the forecast at this local time, from what was over; the end of FILE else."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write every interval to this .csv or .parquet file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the forecast: a page (.html) or a picture (.png).")] = None,
) -> None:
    """Forecast the coming local days in quantiles: half of what comes is below P50, a tenth below P10.

    Whatever is not as it should be in FILE is named with its lines. Exit code 0, or 2 where the input can be mended.
    """
    check_out(out, "--out", ENDINGS)
    check_out(plot, "--plot", PLOTS)
    if plot is not None and plot.suffix.lower() == ".png":
        require_matplotlib()
    console = Console(stderr=options.as_json, highlight=False)
    bar = Bar(console, lines=not options.as_json)
    try:
        with bar:
            bar.show(f"Reading {Path(options.file).name}")
            ahead = pd.Timedelta(days=days + 2)
            asked = asked_for(options, KINDS[kind.value], before=pd.Timedelta(0), longest=ahead)
            issue = _issue(at, asked)
            asked = with_capacity(asked, issue)
            made = coming(asked, issue, days, bar.show)
    except KeyboardInterrupt as stop:
        raise Interrupted("Interrupted; nothing was written. --trees 50 learns faster, with larger errors.") from stop
    notes = [*asked.notes, *_taken_as_known(asked)]
    if out is not None:
        write_rows(made, out)
    if plot is not None:
        drawn = forecast_charts(made.rows, asked.values, zone=asked.zone, step=asked.step, unit=asked.unit.name,
                                inside=asked.unit.inside)  # fmt: skip
        if plot.suffix.lower() == ".png":
            for chart, heading, name in drawn:
                write_png(chart, _own_file(plot, name, len(drawn)), heading=heading, says=chart.summary)
        else:
            plot.write_text(build_forecast_page(drawn, _title(asked, made), notes), encoding="utf-8")
    if options.as_json:
        files = {"out": out, "plot": plot}
        print_json(as_json(made) | {"notes": notes, "files": {k: str(v) for k, v in files.items() if v is not None}})
        return
    for note in notes:
        say(console, f"Note: {note}")
    show(console, made)
    for written in (out, plot):
        if written is not None:
            say(console, f"Wrote {written}." + (" Open it in a browser." if written.suffix.startswith(".htm") else ""))


def _issue(at: str | None, asked: Asked) -> pd.Timestamp | None:
    """The moment of the issue (UTC), if any. Raises `BadInput`, `OutsideData` where the file has nothing there."""
    if at is None:
        return None
    try:
        moment = pd.Timestamp(at)
    except ValueError:
        raise BadInput(f"--at {at!r} is no time; write it like 2014-07-01T12:00.") from None
    if moment.tzinfo is None:
        local = pd.DatetimeIndex([moment]).tz_localize(asked.zone, ambiguous=True, nonexistent="shift_forward")
        moment = local[0]
    moment = moment.tz_convert("UTC").floor(asked.step)
    if moment > asked.end:
        raise OutsideData(
            f"--at {at}: the values end at {asked.end.tz_convert(asked.zone):%Y-%m-%d %H:%M} ({asked.zone}). Leave "
            "--at out to forecast from there.",
            end=asked.end,
        )
    return moment


def _taken_as_known(asked: Asked) -> list[str]:
    """What stands in for forecasts of the weather."""
    return [f"weather: {asked.weather.note}"] if asked.weather is not None and asked.weather.note else []


def _title(asked: Asked, made: Coming) -> PageTitle:
    first, last = (made.days[k].tz_convert(asked.zone) for k in (0, -2))
    span = f"{first:%a %Y-%m-%d}" + ("" if len(made.days) == 2 else f" to {last:%a %Y-%m-%d}")
    return PageTitle(
        name=Path(asked.file).stem,
        day=f"forecast of {asked.kind.name}, {span}",
        story=f"Issued {made.issued_at.tz_convert(asked.zone):%Y-%m-%d %H:%M} by model {asked.model_name}: "
        f"{asked.model.says}.",
        meta=f"times in {asked.zone}",
    )


def _own_file(file: Path, name: str, count: int) -> Path:
    """The file of one picture; of several each has its column in its name."""
    return file if count == 1 else file.with_name(f"{file.stem}-{name}{file.suffix}")
