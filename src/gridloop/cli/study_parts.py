"""What the commands of `gridloop study` share: stages, prices, meters, and the table of the ways side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import available_timezones

import numpy as np
import pandas as pd
import typer
from rich.console import Console
from rich.spinner import Spinner
from rich.table import Table

from gridloop.cli.live_line import LiveLine
from gridloop.cli.output import print_json, say
from gridloop.errors import BadInput, MissingColumn, OutOfRange, OutsideData, listed
from gridloop.io.columns import as_numbers, clock_times, need, read_text
from gridloop.io.prices import read_prices, usual_step
from gridloop.operate.plots.study_page import Comparison
from gridloop.series.clock import to_utc

# To MW: mean powers, and energies of an interval that are divided by its hours.
UNITS = {"mw": 1.0, "kw": 1e-3, "kwh": 1e-3}
MONEY = "money"
"""The currency of a tariff that does not say it."""

MOST_WAYS, FEWER_WAYS = 5, 3
"""Ways that a terminal has room for in one table, and of each table where there are more."""

PLOT = typer.Option(help="Write figures to this .html page: before and after, prices, limits.")
JSON = typer.Option("--json", help="Print one JSON object and nothing else.")
ZONE = typer.Option(help="Time zone of the site (IANA): its days, and times in files without an offset.")
Plot = Annotated[Path | None, PLOT]
AsJson = Annotated[bool, JSON]
Zone = Annotated[str, ZONE]


class Stages(LiveLine):
    """A live line that says at once which part of the work is done; without a terminal a plain line per part."""

    def tell(self, text: str) -> None:
        """Say what is done now."""
        if self.console.is_terminal:
            self.live.update(Spinner("dots", text))
        elif self.lines:
            say(self.console, f"{text} …")

    def further(self, text: str) -> None:
        """Say how far that is; without a terminal every few seconds only."""
        if self.console.is_terminal:
            self.tell(text)
        else:
            super().tell(text)


def check_zone(zone: str, what: str = "--zone") -> None:
    """Refuse a zone that nobody knows; `what` opens the message. Raises `BadInput`."""
    if zone not in available_timezones():
        raise BadInput(f"{what} {zone!r} is unknown; give an IANA name such as Europe/Berlin.")


def local_day(text: str | None, option: str, zone: str) -> pd.Timestamp | None:
    """Local midnight of a day such as 2019-09-01. Raises `BadInput`."""
    if text is None:
        return None
    try:
        return pd.Timestamp(pd.Timestamp(text).date(), tz=zone)
    except (ValueError, TypeError) as error:
        raise BadInput(f"{option} {text!r} is no day; write it as 2019-09-01.") from error


def prices_of(
    file: Path,
    zone: str,
    *,
    area: str | None = None,
    fee: float = 0.0,
    margin: float = 0.0,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
) -> tuple[pd.DataFrame, str]:
    """Prices as `schedule` takes them, those of services too, and their currency; all that there are, or a span.

    Raises as `read_prices`: only gaps within the span matter.
    """
    table = read_prices(
        file, zone, area=area, start=start, end=end, network_fee_per_mwh=fee, margin_per_mwh=margin, currency=None
    )
    currency = str(table.columns[0]).split("_")[1]
    return table.rename(columns=lambda name: str(name).replace(f"_{currency}_", "_eur_")), currency.upper()


def over(values: pd.Series, starts: pd.Index, file: str, what: str, whose: str) -> pd.Series:
    """Values of a file on other intervals: means of shorter ones, longer ones as they are.

    file, what, whose  for the message: "c.csv lacks …: the meters go from …, the carbon from …"

    Raises `OutsideData` where the file does not cover them.
    """
    index = pd.DatetimeIndex(starts)
    step, own = usual_step(pd.DatetimeIndex(values.index)), usual_step(index)
    missing = int(((index < values.index[0]) | (index + own > values.index[-1] + step)).sum())
    if missing:
        raise OutsideData(
            f"{file} lacks {missing} of {len(index)} intervals: the {whose} go from {index[0]} to "
            f"{index[-1]}, the {what} from {values.index[0]} to {values.index[-1]}."
        )
    if step < own:
        values = values.resample(own, origin=index[0]).mean()
    return values.reindex(index, method="ffill")


def days_from(
    table: pd.DataFrame, file: str, first: pd.Timestamp | None, days: int | None, zone: str
) -> pd.DataFrame:  # fmt: skip
    """So many local days from the first on; all that there are by default. Raises `OutsideData`."""
    index = pd.DatetimeIndex(table.index)
    begin = index[0].tz_convert(zone) if first is None else first
    end = index[-1].tz_convert(zone) if days is None else begin.normalize() + pd.DateOffset(days=days)
    inside = table[(index >= begin) & ((index < end) if days is not None else True)]
    over = end - usual_step(index) if days is not None else end
    if inside.empty or begin < index[0] or over > index[-1]:
        raise OutsideData(
            f"{file} covers {index[0].tz_convert(zone)} to {index[-1].tz_convert(zone)}; asked are "
            f"{'all' if days is None else days} days from {begin:%Y-%m-%d}. Lower --days or move --first."
        )
    return inside


def meters_of(file: Path, unit: str, zone: str) -> pd.DataFrame:
    """Meters of a CSV: valid_at, and a column per customer. interval × customer, MW, UTC; NaN where missing.

    Raises `MissingFile`, `MissingColumn`, `OutOfRange` for times that stand twice or are off the usual step.
    """
    text = read_text(file, "meters")
    need(["valid_at"], text, file.name)
    names = [name for name in map(str, text.columns) if name != "valid_at"]
    if not names or text.empty:
        raise MissingColumn(
            f"{file.name}: {len(text)} rows, {len(names)} columns beside valid_at; a row per interval and a column "
            "per customer are needed."
        )
    clock, utc = clock_times(text["valid_at"], file.name)
    index = to_utc(pd.DatetimeIndex(clock), zone) if utc is None else pd.DatetimeIndex(utc)
    table = pd.DataFrame({name: as_numbers(text[name], file.name) for name in names}).set_axis(index).sort_index()
    twice = int(index.duplicated().sum())
    if twice:
        first = table.index[table.index.duplicated()][0]
        raise OutOfRange(
            f"{file.name}: {twice} of {len(index)} times stand twice, the first {first}. Keep one of each."
        )
    step = usual_step(pd.DatetimeIndex(table.index))
    regular = pd.date_range(table.index[0], table.index[-1], freq=step, name="valid_at")
    off = table.index.difference(regular)
    if len(off):
        raise OutOfRange(
            f"{file.name}: {len(off)} of {len(table)} times are off the usual step of {step}, the first {off[0]}; "
            "intervals of one length are needed."
        )
    hours = step / pd.Timedelta(hours=1) if unit == "kwh" else 1.0
    return table.reindex(regular) * (UNITS[unit] / hours)


def refuse_negative(table: pd.DataFrame, file: str, what: str) -> None:
    """Raises `OutOfRange` where a value is below zero: which, how many, what is allowed."""
    below = table.lt(0.0)
    if below.to_numpy().any():
        which = [str(name) for name in table.columns[below.any()]]
        raise OutOfRange(
            f"{file}: {int(below.to_numpy().sum())} of {table.size} values of {what} are below zero (columns "
            f"{listed(which)}); they must be zero or more."
        )


def answer(
    console: Console,
    title: str,
    figures: Comparison,
    story: Sequence[str],
    plot: Path | None,
    data: Mapping[str, Any] | None,
) -> None:
    """What a study found: for programs where `data` is given, else the ways side by side and the story.

    console, title  of the table
    story           sentences, a line each
    plot            the page that was written
    data            plain values for --json; what has a unit wears it
    """
    if data is not None:
        print_json({**data, **({} if plot is None else {"page": str(plot)})})
        return
    show(console, title, figures)
    for text in story:
        say(console, text)
    if plot is not None:
        say(console, f"Wrote {plot}.")


def show(console: Console, title: str, figures: Comparison) -> None:
    """The ways side by side, for people; many of them in several tables, each with the baseline."""
    many = len(figures.ways)
    size = many if many <= MOST_WAYS else FEWER_WAYS
    for first in range(1, many, size):
        shown = [0, *range(first, min(first + size, many))]
        table = Table(title=title if first == 1 else None)
        for k, name in enumerate(("", *(figures.ways[way] for way in shown))):
            table.add_column(name, justify="right" if k else "left")
        for name, values, digits in figures.rows:
            table.add_row(name, *(_cell(values[way], digits) for way in shown))
        console.print(table)


def _cell(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else "never" if np.isinf(value) else f"{value:,.{digits}f}"


def money(value: float, currency: str, digits: int = 2) -> str:
    """An amount; without its currency where nobody knows it."""
    return f"{value:,.{digits}f}" if currency == MONEY else f"{value:,.{digits}f} {currency}"
