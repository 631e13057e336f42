"""`gridloop study process LOAD.csv`: a plant's batches planned against prices and its peak, beside its record."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console

from gridloop.cli.opf import check_page
from gridloop.cli.output import records
from gridloop.cli.study_dr import Unit
from gridloop.cli.study_parts import (
    AsJson,
    Plot,
    Stages,
    answer,
    check_zone,
    money,
    prices_of,
)
from gridloop.cli.study_process_plant import plant_of
from gridloop.errors import BadInput
from gridloop.io.columns import read_text
from gridloop.io.steel_plant import USED, ZONE
from gridloop.market.savings.savings import Savings, savings
from gridloop.market.time_of_use import KRW_PER_MW_MONTH, korean_industrial_2012
from gridloop.operate.plots.process_page import build_process_page
from gridloop.operate.plots.study_page import Comparison
from gridloop.operate.studies.process import ProcessStudy, process_study
from gridloop.optimize.process.orders import OrderBook
from gridloop.optimize.studies.process_month import GAP

RECORDED, PLANNED, CEILING = "by itself", "planned", "base load known"
PEAK_PRICE = 10_000.0


class Tariff(StrEnum):
    """Tariffs that are known."""

    korea2012 = "korea-2012"


def process(
    load: Annotated[
        Path | None,
        typer.Argument(
            help="The steel plant's file (UCI 851), or CSV: valid_at and one column. None: a synthetic plant."
        ),
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(help="CSV of day-ahead prices: Ember's, SMARD's, CAISO's, ours.")
    ] = None,
    tariff: Annotated[Tariff | None, typer.Option(help="A published tariff instead: KEPCO's of 2012.")] = None,
    unit: Annotated[Unit, typer.Option(help="Of a CSV: mean power, or energy per interval (kwh).")] = Unit.kw,
    zone: Annotated[
        str | None, typer.Option(help="Zone of the plant's clock (IANA); Asia/Seoul for the steel plant, else UTC.")
    ] = None,
    area: Annotated[str | None, typer.Option(help="Bidding zone of a price file with several.")] = None,
    first: Annotated[str | None, typer.Option(help="First local day, such as 2018-01-01.")] = None,
    days: Annotated[int, typer.Option(min=1, help="Local days.")] = 31,
    lines: Annotated[int, typer.Option(min=1, max=12, help="Machines or lines that the recorded load is read as.")] = 3,
    longest_h: Annotated[float, typer.Option(min=0.25, help="Longest batch of a recorded load, hours.")] = 2.0,
    hot_h: Annotated[float, typer.Option(min=0, help="Longest wait between batches cut from one run, hours.")] = 1.0,
    shift: Annotated[str, typer.Option(help="Local hours between which the batches of a day lie.")] = "0-24",
    peak_price: Annotated[
        float | None, typer.Option(min=0, help="Money per MW of the highest load, once; 10000, or the tariff's.")
    ] = None,
    day_limit_s: Annotated[
        float, typer.Option(min=0.5, help="Seconds of search for a plan; then its best counts.")
    ] = 10.0,
    ceiling: Annotated[bool, typer.Option(help="Also plan with the base load as it came: a ceiling.")] = True,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Plan a plant's batches day by day against prices and its peak, each within its window.

    What the plant takes beside its batches is forecast from the days before; days of the file before --first are the
    history of that forecast, and of the month's peak target. The baseline is the plant as recorded, on the same
    tariff. Batches are read off the recorded load as docs/guides/process.md says; without a file the plant is
    synthetic.
    """
    check_page(plot)
    steel = load is not None and USED in read_text(load, "load").columns
    zone = zone or (ZONE if steel else "UTC")
    check_zone(zone)
    window = _window(shift)
    if load is not None and (prices is None) == (tariff is None):
        raise BadInput("Give --prices or --tariff, one of them: what energy costs is what the plan is about.")
    console = Console(stderr=as_json, highlight=False)
    with Stages(console, lines=not as_json) as stage:
        stage.tell("Reading the load" if load is not None else "Making up a plant")
        book, before = plant_of(load, steel, unit.value, zone, first, days, lines, longest_h, hot_h, window)
        table, currency = _prices(prices, tariff, book, zone, area)
        peak = peak_price if peak_price is not None else (KRW_PER_MW_MONTH if tariff is not None else PEAK_PRICE)
        stage.tell(f"Planning {len(book.tasks)} batches of {days} days")
        study = process_study(
            book, table, zone=zone, before=before, peak_price=peak, ceiling=ceiling, time_limit_s=day_limit_s,
            mip_gap=GAP, say=stage.further,
        )  # fmt: skip
    month = study.ahead
    saved = savings(
        month.hours["planned_mw"], month.hours["recorded_mw"], prices=month.hours["price"], zone=zone
    )  # fmt: skip
    figures, facts = _figures(study, currency), study.facts()
    name = load.stem if load is not None else "synthetic plant"
    story = _story(study, facts, saved, currency, load, prices, tariff)
    if plot is not None:
        span = f"process study, {days} days from {month.days.index[0]:%Y-%m-%d} {zone}"
        plot.write_text(build_process_page(name, span, story, figures, month, saved, currency), encoding="utf-8")
    data: dict[str, Any] = {
        "file": None if load is None else str(load), "synthetic": load is None, "currency": currency,
        "prices": tariff.value if tariff is not None else ("synthetic" if prices is None else str(prices)),
        "peak_price_per_mw": peak, **facts, "savings": saved.facts(),
        "by_day": records(month.days.set_axis([f"{day:%Y-%m-%d}" for day in month.days.index], axis=0)),
    }  # fmt: skip
    answer(console, f"{name}, {len(month.began)} batches, {days} days, {currency}", figures, story, plot,
           data if as_json else None)  # fmt: skip


def _prices(
    prices: Path | None, tariff: Tariff | None, book: OrderBook, zone: str, area: str | None
) -> tuple[pd.Series, str]:
    """Price to import of every interval, and its currency."""
    index = pd.DatetimeIndex(book.base_mw.index)
    if tariff is not None:
        return korean_industrial_2012(index, zone), "KRW"
    if prices is None:
        hour = index.tz_convert(zone).hour
        day = pd.Series(60.0, index=index)
        day[(hour >= 7) & (hour < 10)] = 95.0
        day[(hour >= 17) & (hour < 21)] = 120.0
        day[(hour < 6) | (hour >= 23)] = 35.0
        return day, "money"
    table, currency = prices_of(prices, zone, area=area, start=index[0], end=index[-1] + book.step)
    return table["import_eur_per_mwh"].reindex(index, method="ffill"), currency


def _yearly_cost(saved: Savings, currency: str) -> str:
    """What a year like these days would save for energy, with its ends where there are any."""
    row = saved.yearly.index.get_loc("cost")
    found, low, high = (float(saved.yearly[name].to_numpy()[row]) for name in ("saved", "low", "high"))
    ends = "" if math.isnan(low) else f" ({low:,.0f} … {high:,.0f}, {saved.level:.0%})"
    return money(found, currency, 0) + ends


def _window(shift: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in shift.split("-"))
    except ValueError as error:
        raise BadInput(f"--shift {shift!r} is no window; write it as 6-22, hours of the local day.") from error
    if not 0 <= low < high <= 24:
        raise BadInput(f"--shift {shift!r}: hours must rise within 0-24, such as 6-22.")
    return low, high


def _figures(study: ProcessStudy, currency: str) -> Comparison:
    ways = {RECORDED: study.ahead.bill("recorded_mw"), PLANNED: study.ahead.bill("planned_mw")}
    late = [float(len(study.ahead.book.late(study.ahead.book.began))), float(len(study.ahead.late))]
    if study.known is not None:
        ways[CEILING] = study.known.bill("planned_mw")
        late.append(float(len(study.known.late)))
    rows = [
        (f"cost, {currency}", "cost", 0),
        (f"for energy, {currency}", "energy_cost", 0),
        (f"for the peak, {currency}", "peak_cost", 0),
        ("highest load, kW", "peak_mw", 1),
        ("energy, MWh", "energy_mwh", 3),
    ]
    factor = {"peak_mw": 1e3}
    made = tuple(
        (name, tuple(side[key] * factor.get(key, 1.0) for side in ways.values()), digits) for name, key, digits in rows
    )
    return Comparison(tuple(ways), (*made, ("batches late", tuple(late), 0)))


def _story(
    study: ProcessStudy,
    facts: dict[str, Any],
    saved: Savings,
    currency: str,
    load: Path | None,
    prices: Path | None,
    tariff: Tariff | None,
) -> list[str]:
    share, now, was = facts["saved_share"], facts["planned"], facts["recorded"]
    said = [
        f"{facts['batches']} batches of {facts['days']} days: planned they cost {money(now['cost'], currency, 0)} "
        f"instead of {money(was['cost'], currency, 0)} ({share['cost']:.1%} less; energy {share['energy_cost']:.1%}, "
        f"peak {share['peak_mw']:.1%}). {facts['late']} batches miss their due time; they move by "
        f"{facts['mean_shift_h']:.1f} hours on average.",
    ]
    if study.known is not None:
        best = facts["base_as_it_came"]["saved_share"]
        said.append(
            f"With the base load known as it came, which no plant has, it would be {best['cost']:.1%} less "
            f"(energy {best['energy_cost']:.1%}, peak {best['peak_mw']:.1%})."
        )
    said.append(_known(study, facts))
    if load is None:
        said.append("All of it is synthetic, plant and prices: a demonstration, no evidence.")
    else:
        said.append(
            "Orders are known beforehand. Batches, lines and windows are read off one meter by a stated rule: which "
            "machine ran, and what night work costs, it does not say."
        )
    if prices is not None:
        said.append("Prices are a market's, not this plant's tariff; taxes and fees are not in them.")
    elif tariff is not None:
        said.append("The tariff is KEPCO's of 2012 without its milder weekends, not the plant's own contract.")
    if facts["incumbents"]:
        said.append(
            f"{facts['incumbents']} of {facts['days']} days are not proven to be the best: their plans hold, and may "
            "be beaten."
        )
    if len(saved.yearly):
        said.append(
            f"As if every day of a year were like these: {_yearly_cost(saved, currency)} a year for energy, without "
            "the peak; seasons that are not in these days are not in it."
        )
    return said


def _known(study: ProcessStudy, facts: dict[str, Any]) -> str:
    """What the plans knew of base load and peak."""
    forecast, first = facts["base_forecast"], facts["by_itself"]
    error = f"{1e3 * forecast['mae_mw']:.1f} of {1e3 * forecast['mean_mw']:.1f} kW on average"
    target = (
        f"The peak target of {1e3 * facts['target_mw']:.0f} kW is of {study.target_days} days before"
        if study.target_days
        else "Without days before the first there was no peak target"
    )
    left = f" {_days(first)} left to the plant as it was: nothing was known." if first else ""
    return (
        f"Planned beside a forecast of the base load (off by {error}) and prices of the day only. {target}; the "
        f"highest load was raised on {_days(facts['target_broken_days'])}.{left}"
    )


def _days(many: int) -> str:
    return f"{many} day{'' if many == 1 else 's'}"
