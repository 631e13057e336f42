"""`gridloop run`: one day of the closed loop, with live progress and a report at the end."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from gridloop.cli.output import Interrupted, print_json, say
from gridloop.errors import BadInput
from gridloop.operate.folder import latest_run
from gridloop.operate.loop import TickReport
from gridloop.operate.run import Run, operate, resume_run
from gridloop.operate.settings import read_site

ROWS = (
    ("cost_eur", "Cost", "EUR", 0),
    ("import_mwh", "Import", "MWh", 1),
    ("export_mwh", "Export", "MWh", 1),
    ("peak_import_mw", "Highest import", "MW", 2),
    ("losses_mwh", "Losses", "MWh", 2),
    ("curtailed_mwh", "Curtailed", "MWh", 2),
    ("unserved_mwh", "Unserved load", "MWh", 2),
    ("ev_short_mwh", "Vehicles left short", "MWh", 3),
    ("voltage_violations", "Voltage violations", "bus-intervals", 0),
    ("overloads", "Overloads", "branch-intervals", 0),
    ("co2_t", "CO2 of imports", "t", 2),
)


def run(
    site: Annotated[Path | None, typer.Argument(help="Site file (TOML); the built-in feeder otherwise.")] = None,
    day: Annotated[str | None, typer.Option(help="Local day, such as 2016-07-25; the site's own otherwise.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder under which the run gets its own; runs/ otherwise.")] = None,
    prices: Annotated[Path | None, typer.Option(help="File of prices instead of the dynamic tariff.")] = None,
    area: Annotated[str | None, typer.Option(help="Bidding zone to take from a price file with several.")] = None,
    ev: Annotated[Path | None, typer.Option(help="File of charging sessions (ACN or our CSV).")] = None,
    ticks: Annotated[int, typer.Option(help="Stop after so many ticks; 0 runs the whole day.")] = 0,
    resume: Annotated[Path | None, typer.Option(help="Go on with a run that was cut off.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Run one day: observe, forecast, plan, check, act; then compare with the same day without control."""
    console = Console(stderr=as_json, highlight=False)
    progress = _Progress(console, lines=not as_json)
    others = (site, day, out, prices, area, ev)
    if resume is not None and (ticks or any(option is not None for option in others)):
        raise BadInput("--resume goes on with the run's own folder, site, day, prices and vehicles: give no others.")
    under = out or Path("runs")
    before = latest_run(under)
    try:
        with progress:
            if resume is not None:
                result = resume_run(resume, on_tick=progress.tick, say=progress.say)
            else:
                result = operate(
                    read_site(site),
                    day=None if day is None else _day(day),
                    out=under,
                    prices=None if prices is None else str(prices),
                    area=area,
                    ev=None if ev is None else str(ev),
                    ticks=ticks,
                    on_tick=progress.tick,
                    say=progress.say,
                )
    except KeyboardInterrupt as stop:
        raise Interrupted(_what_now(resume or latest_run(under), before)) from stop
    if as_json:
        print_json(result.summary)
    else:
        _show(console, result)


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"--day {text!r} is no day; write it as 2016-07-25.") from error


def _what_now(folder: Path | None, before: Path | None) -> str:
    if folder is None or folder == before:
        return "Interrupted before the run began: start it again."
    return f"Interrupted. What was stored stays; go on with `gridloop run --resume {folder}`."


class _Progress:
    """One live line with the state of the day; on a console that is no terminal plain lines instead, or nothing."""

    def __init__(self, console: Console, *, lines: bool) -> None:
        self.console = console
        self.lines = lines and not console.is_terminal
        self.live = Live(console=console, refresh_per_second=8, transient=True)
        self.text = "Starting …"

    def __enter__(self) -> _Progress:
        self.live.start()
        self.live.update(self.text)
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()

    def say(self, text: str) -> None:
        self.live.update(text)
        if self.lines:
            say(self.console, text)

    def tick(self, report: TickReport) -> None:
        row: dict[str, Any] = report.row
        done = 30 * (report.tick + 1) // report.ticks
        grid = Table.grid(padding=(0, 2))
        grid.add_row(
            f"tick {report.tick + 1}/{report.ticks}",
            f"[green]{'━' * done}[/green][dim]{'━' * (30 - done)}[/dim]",
            report.clock,
            f"V {row['v_min_pu']:.3f}–{row['v_max_pu']:.3f} pu",
            f"load {row['loading_max_pct']:.0f} %",
            f"stored {row['stored_mwh']:.1f} MWh",
            f"cost {row['cost_eur']:,.0f} EUR",
            str(row["rung"]),
        )
        self.live.update(grid)
        if self.lines and (report.tick + 1) % 12 == 0:
            say(
                self.console,
                f"tick {report.tick + 1}/{report.ticks}  {report.clock}  V {row['v_max_pu']:.4f} pu  "
                f"loading {row['loading_max_pct']:.0f} %  stored {row['stored_mwh']:.1f} MWh  "
                f"cost {row['cost_eur']:,.0f} EUR",
            )


def _show(console: Console, result: Run) -> None:
    s = result.summary
    table = Table(title=f"{s['site']}, {s['day']}: {s['ticks']} ticks, {s['missed_ticks']} missed, {s['wall_s']:.0f} s")
    for column in ("", "unit", "controlled", "uncontrolled", "difference"):
        table.add_column(column, justify="left" if column in ("", "unit") else "right")
    for key, name, unit, digits in ROWS:
        with_, without = float(s["controlled"][key]), float(s["baseline"][key])
        table.add_row(name, unit, f"{with_:,.{digits}f}", f"{without:,.{digits}f}", f"{with_ - without:+,.{digits}f}")
    console.print(table)
    if s["refused_plans"]:
        say(console, f"Plans that the independent check refused: {s['refused_plans']}; the report says why.")
    f = s["forecast"]
    for kind in ("load", "solar", "wind"):
        if f.get(f"{kind}_nmae_pct") is not None:
            say(
                console,
                f"Forecast of {kind}: error {f[f'{kind}_nmae_pct']:.1f} % "
                f"(persistence {f[f'persistence_{kind}_nmae_pct']:.1f} %)",
            )
    say(console, f"Report: {result.report}")
