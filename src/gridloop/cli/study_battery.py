"""`gridloop study battery PRICES.csv`: what a battery earns, planned on forecasts, and what it is worth."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from rich.console import Console

from gridloop.cli.opf import check_page
from gridloop.cli.output import print_json, say
from gridloop.cli.study_parts import (
    AsJson,
    Plot,
    Stages,
    Zone,
    check_zone,
    days_from,
    local_day,
    prices_of,
    show,
    wrote,
)
from gridloop.errors import OutsideData
from gridloop.market.foreseen_prices import FORECASTER, LEAST_DAYS, foreseen_prices
from gridloop.operate.plots.study_battery import build_battery_page
from gridloop.operate.plots.study_page import Comparison
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.economics import Economics, battery_economics
from gridloop.optimize.studies.battery_year import BatteryStudy, BatteryYear, foresight_year, rolling_year

DAY_BEFORE, ON_FORECASTS, FORESIGHT = "day before", "forecasts", "foresight"
RESTS = "rests"
YEAR_DAYS = 360  # less leaves out a part of the seasons
SAID = {DAY_BEFORE: "the prices of the day before", ON_FORECASTS: "forecasts"}


class ChemistryName(StrEnum):
    """Cells that are known."""

    nmc = "nmc"
    lfp = "lfp"


def battery(
    prices: Annotated[Path, typer.Argument(help="CSV: valid_at, import_eur_per_mwh; or Ember's, SMARD's, CAISO's.")],
    capacity_mwh: Annotated[float, typer.Option(help="Energy of the battery, MWh.")] = 20.0,
    power_mw: Annotated[float, typer.Option(help="Power each way, MW.")] = 5.0,
    efficiency: Annotated[float, typer.Option(help="Of each way, above 0, at most 1.")] = 0.95,
    min_soc: Annotated[float, typer.Option(help="Lowest state of charge, 0 … 1.")] = 0.1,
    max_soc: Annotated[float, typer.Option(help="Highest state of charge, 0 … 1.")] = 0.9,
    wear: Annotated[float, typer.Option(min=0.0, help="Money per MWh discharged that a plan counts.")] = 0.5,
    zone: Zone = "UTC",
    area: Annotated[str | None, typer.Option(help="Bidding zone of a file with several.")] = None,
    fee: Annotated[float, typer.Option(help="Network fee on imports, money per MWh.")] = 0.0,
    margin: Annotated[float, typer.Option(help="Taken off what exports earn, money per MWh.")] = 0.0,
    first: Annotated[str | None, typer.Option(help="First local day, such as 2020-01-01.")] = None,
    days: Annotated[int | None, typer.Option(min=2, help="Local days; all of the file otherwise.")] = None,
    forecaster: Annotated[
        bool, typer.Option(help=f"Forecast prices from {LEAST_DAYS} days of past on; the day before otherwise.")
    ] = True,
    chemistry: Annotated[ChemistryName, typer.Option(help="Cells, of which the ageing is reckoned.")] = (
        ChemistryName.nmc
    ),
    capital_cost: Annotated[float, typer.Option(min=0.0, help="Money per MWh of capacity.")] = 400_000.0,
    om_cost: Annotated[float, typer.Option(min=0.0, help="Operation, money per year.")] = 10_000.0,
    replacement_cost: Annotated[float, typer.Option(min=0.0, help="Money per MWh of capacity.")] = 250_000.0,
    years: Annotated[int, typer.Option(min=1, help="Years of the project.")] = 20,
    discount_rate: Annotated[float, typer.Option(help="Per year: 0.08 is 8 %.")] = 0.08,
    seed: Annotated[int, typer.Option(min=0, help="Of all random numbers: the same seed, the same study.")] = 0,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Plan a battery day by day on what was known of prices, settle it at what came, and value it as a project.

    Beside it: the battery at rest, planned on the prices of the day before, and perfect foresight.
    """
    check_page(plot)
    check_zone(zone)
    unit = Battery(
        capacity_mwh, power_mw, power_mw, efficiency, efficiency, min_soc=min_soc, max_soc=max_soc,
        initial_soc=(min_soc + max_soc) / 2, degradation_cost=wear,
    )  # fmt: skip
    console = Console(stderr=as_json, highlight=False)
    with Stages(console, lines=not as_json) as stage:
        table, currency = prices_of(prices, zone, area=area, fee=fee, margin=margin)
        table = days_from(table, prices.name, local_day(first, "--first", zone), days, zone)
        many = _days(table, zone)
        if many < 2:
            raise OutsideData(f"{prices.name} has {many} day; two are needed: the first is what the second knows.")
        stage.tell(f"Expecting the prices of {many} days")
        naive, _ = foreseen_prices(table, zone, learn_days=max(LEAST_DAYS, many + 1))
        expected, by = foreseen_prices(table, zone, seed=seed) if forecaster and many > LEAST_DAYS else (naive, None)
        stage.tell(f"Planning {many} days")
        found: dict[str, BatteryYear] = {DAY_BEFORE: rolling_year(unit, table, naive, zone=zone)}
        if by is not None:
            found[ON_FORECASTS] = rolling_year(unit, table, expected, zone=zone)
        stage.tell("Planning with perfect foresight")
        found[FORESIGHT] = foresight_year(unit, table)
        terms: dict[str, Any] = {
            "chemistry": chemistry.value, "capital_cost": capital_cost, "om_cost": om_cost,
            "replacement_cost": replacement_cost, "project_lifetime": years, "discount_rate": discount_rate,
        }  # fmt: skip
        worth = {way: battery_economics(year, **terms) for way, year in found.items()}
    best = list(found)[-2]
    study = BatteryStudy(found[best], found[FORESIGHT])
    figures = _figures(found, worth, currency)
    by_forecaster = 0 if by is None else _days(by[by == FORECASTER], zone)
    story = [
        f"Planned on {SAID[best]}, {capacity_mwh:g} MWh and {power_mw:g} MW earn {study.forecast.profit:,.0f} "
        f"{currency} in {many} days: {study.share:.1%} of perfect foresight. At rest they earn nothing.",
        f"As a project of {years} years at {discount_rate:.0%}: net present value {worth[best].npv:,.0f} {currency}.",
    ]
    if many < YEAR_DAYS:
        story.append(
            f"That takes the {many} days for every day of {years} years: a season that is missing is not in the value, "
            "and a good or bad spell counts for all of it. Give a year of prices to judge a project."
        )
    if plot is not None:
        span = f"battery study, {many} days from {pd.DatetimeIndex(table.index)[0].tz_convert(zone):%Y-%m-%d} {zone}"
        page = build_battery_page(
            prices.stem, span, story, figures, found, expected["import_eur_per_mwh"], zone, currency
        )  # fmt: skip
        plot.write_text(page, encoding="utf-8")
    if as_json:
        print_json({
            "file": str(prices), "days": many, "days_by_forecaster": by_forecaster, "currency": currency,
            "planned_on": best, "share_of_foresight": study.share,
            "ways": {RESTS: {"revenue": 0.0, "profit": 0.0}, **{way: _way(found[way], worth[way]) for way in found}},
            **wrote(plot),
        })  # fmt: skip
        return
    show(console, f"{prices.name}, {many} days, {currency}", figures)
    for text in story:
        say(console, text)
    if plot is not None:
        say(console, f"Wrote {plot}.")


def _days(table: pd.DataFrame | pd.Series, zone: str) -> int:
    """Local days that have a row."""
    return int(pd.DatetimeIndex(table.index).tz_convert(zone).normalize().nunique())


def _cycles(year: BatteryYear) -> float:
    return float(year.table["discharged_mwh"].sum()) / year.battery.capacity_mwh


def _figures(found: dict[str, BatteryYear], worth: dict[str, Economics], currency: str) -> Comparison:
    most = found[FORESIGHT].profit
    nan = float("nan")

    def row(name: str, rest: float, values: list[float], digits: int = 0) -> tuple[str, tuple[float, ...], int]:
        return name, (rest, *values), digits

    money = list(worth.values())
    lives = [nan if m.ageing is None else m.ageing.life_years for m in money]
    return Comparison(
        (RESTS, *found),
        (
            row(f"revenue, {currency}", 0.0, [y.revenue for y in found.values()]),
            row(f"wear, {currency}", 0.0, [-y.parts["wear"] for y in found.values()]),
            row(f"profit, {currency}", 0.0, [y.profit for y in found.values()]),
            row("share of foresight, %", 0.0, [100 * y.profit / most if most > 0 else nan for y in found.values()], 1),
            row("full cycles", 0.0, [_cycles(y) for y in found.values()], 1),
            row("life of the cells, years", nan, lives, 1),
            row(f"net present value, {currency}", nan, [m.npv for m in money]),
            row("internal rate of return, %", nan, [m.irr_pct for m in money], 1),
            row("payback, years", nan, [m.payback_years for m in money], 1),
        ),
    )


def _way(year: BatteryYear, worth: Economics) -> dict[str, Any]:
    life = np.nan if worth.ageing is None else float(worth.ageing.life_years)
    return {
        "revenue": year.revenue,
        "profit": year.profit,
        "parts": year.parts,
        "full_cycles": _cycles(year),
        "life_years": life,
        "npv": worth.npv,
        "irr_pct": worth.irr_pct,
        "payback_years": worth.payback_years,
    }
