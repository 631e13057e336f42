"""`gridloop study battery PRICES.csv`: what a battery earns, planned on forecasts, and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from rich.console import Console

from gridloop.cli.opf import check_page
from gridloop.cli.study_battery_unit import Unit, read_unit
from gridloop.cli.study_parts import AsJson, Plot, Stages, Zone, answer, check_zone, days_from, local_day, prices_of
from gridloop.errors import BadInput, OutsideData, listed
from gridloop.market.foreseen_prices import FORECASTER, LEAST_DAYS, foreseen_prices
from gridloop.operate.plots.study_battery import build_battery_page
from gridloop.operate.plots.study_page import Comparison
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import PRICES
from gridloop.optimize.economics import Economics, battery_economics
from gridloop.optimize.studies.battery_year import BatteryStudy, BatteryYear, foresight_year, rolling_year

DAY_BEFORE, ON_FORECASTS, FORESIGHT = "day before", "forecasts", "foresight"
RESTS = "rests"
YEAR_DAYS = 360  # less leaves out a part of the seasons
SAID = {DAY_BEFORE: "the prices of the day before", ON_FORECASTS: "forecasts"}
OPTIONS = ("capacity_mwh", "power_mw", "efficiency", "min_soc", "max_soc", "wear")
"""Options that a battery file says instead."""


class ChemistryName(StrEnum):
    """Cells that are known."""

    nmc = "nmc"
    lfp = "lfp"


@dataclass(frozen=True)
class Found:
    """What the battery did, by way of planning.

    ways   the plain ones sell energy alone; perfect foresight is the last of them
    best   the way without foresight that knows most
    bound  way → the way with foresight of the same offers
    """

    ways: dict[str, BatteryYear]
    best: str
    bound: dict[str, str]

    def share(self, way: str) -> float:
        """Profit as a share of that with perfect foresight; NaN where that earns nothing."""
        return BatteryStudy(self.ways[way], self.ways[self.bound[way]]).share


def battery(
    context: typer.Context,
    prices: Annotated[Path, typer.Argument(help="CSV: valid_at, import_eur_per_mwh; or Ember's, SMARD's, CAISO's.")],
    capacity_mwh: Annotated[float, typer.Option(help="Energy of the battery, MWh.")] = 20.0,
    power_mw: Annotated[float, typer.Option(help="Power each way, MW.")] = 5.0,
    efficiency: Annotated[float, typer.Option(help="Of each way, above 0, at most 1.")] = 0.95,
    min_soc: Annotated[float, typer.Option(help="Lowest state of charge, 0 … 1.")] = 0.1,
    max_soc: Annotated[float, typer.Option(help="Highest state of charge, 0 … 1.")] = 0.9,
    wear: Annotated[float, typer.Option(min=0.0, help="Money per MWh discharged that a plan counts.")] = 0.5,
    unit_file: Annotated[
        Path | None,
        typer.Option("--battery", help="TOML instead: [battery], the services it sells, [weights] of its plan."),
    ] = None,
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

    Beside it: the battery at rest, planned on the prices of the day before, and perfect foresight. One that sells
    services (--battery) is planned for energy alone as well as for all of them.
    """
    check_page(plot)
    check_zone(zone)
    if unit_file is None:
        unit = Unit(Battery(
            capacity_mwh, power_mw, power_mw, efficiency, efficiency, min_soc=min_soc, max_soc=max_soc,
            initial_soc=(min_soc + max_soc) / 2, degradation_cost=wear,
        ))  # fmt: skip
    else:
        _refuse_both(context)
        unit = read_unit(unit_file)
    console = Console(stderr=as_json, highlight=False)
    with Stages(console, lines=not as_json) as stage:
        begin = local_day(first, "--first", zone)
        ends = (None, None) if begin is None or days is None else (begin, begin + pd.DateOffset(days=days))
        start, end = (None if at is None else at.tz_convert("UTC") for at in ends)
        table, currency = prices_of(prices, zone, area=area, fee=fee, margin=margin, start=start, end=end)
        unit.check(table, prices.name)
        table = days_from(table, prices.name, begin, days, zone)
        table = table[[*PRICES, *unit.columns]]
        many = _days(table, zone)
        if many < 2:
            raise OutsideData(f"{prices.name} has {many} day; two are needed: the first is what the second knows.")
        stage.tell(f"Expecting the prices of {many} days")
        naive, _ = foreseen_prices(table, zone, learn_days=max(LEAST_DAYS, many + 1))
        expected, by = foreseen_prices(table, zone, seed=seed) if forecaster and many > LEAST_DAYS else (naive, None)
        found = _plan(stage, unit, table, naive, None if by is None else expected, zone)
        terms: dict[str, Any] = {
            "chemistry": chemistry.value, "capital_cost": capital_cost, "om_cost": om_cost,
            "replacement_cost": replacement_cost, "project_lifetime": years, "discount_rate": discount_rate,
        }  # fmt: skip
        worth = {way: battery_economics(year, **terms) for way, year in found.ways.items()}
    figures = _figures(found, worth, currency, services=bool(unit.sells))
    by_forecaster = 0 if by is None else _days(by[by == FORECASTER], zone)
    story = _story(unit, found, many, currency)
    told = _with(unit) if unit.sells else found.best
    story.append(
        f"As a project of {years} years at {discount_rate:.0%}: net present value {worth[told].npv:,.0f} {currency}."
    )
    if many < YEAR_DAYS:
        story.append(
            f"That takes the {many} days for every day of {years} years: a season that is missing is not in the value, "
            "and a good or bad spell counts for all of it. Give a year of prices to judge a project."
        )
    if plot is not None:
        over = f"battery study, {many} days from {pd.DatetimeIndex(table.index)[0].tz_convert(zone):%Y-%m-%d} {zone}"
        page = build_battery_page(
            prices.stem, over, story, figures, found.ways, told, table, expected, zone, currency
        )  # fmt: skip
        plot.write_text(page, encoding="utf-8")
    data = {
        "file": str(prices), "days": many, "days_by_forecaster": by_forecaster, "currency": currency,
        "planned_on": found.best, "share_of_foresight": found.share(found.best), "sells": list(unit.sells),
        "weights": unit.weights,
        "ways": {RESTS: {"revenue": 0.0, "profit": 0.0},
                 **{way: _way(found, way, worth[way]) for way in found.ways}},
    }  # fmt: skip
    answer(console, f"{prices.name}, {many} days, {currency}", figures, story, plot, data if as_json else None)


def _refuse_both(context: typer.Context) -> None:
    """Raise `BadInput` for options of the battery beside its file."""
    given = [
        f"--{name.replace('_', '-')}"
        for name in OPTIONS
        if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
    ]
    if given:
        raise BadInput(f"--battery names a file of the battery, and {listed(given)} says it again; give one of them.")


def _plan(
    stage: Stages, unit: Unit, table: pd.DataFrame, naive: pd.DataFrame, expected: pd.DataFrame | None, zone: str
) -> Found:
    """All ways: energy alone, and where services are sold, these too, by money and by weights."""
    many, energy = _days(table, zone), list(PRICES)
    plain = replace(unit.battery, regulation=None, reserve=None)
    stage.tell(f"Planning {many} days")
    ways = {DAY_BEFORE: rolling_year(plain, table[energy], naive[energy], zone=zone)}
    if expected is not None:
        ways[ON_FORECASTS] = rolling_year(plain, table[energy], expected[energy], zone=zone)
    best = list(ways)[-1]
    stage.tell("Planning with perfect foresight")
    ways[FORESIGHT] = foresight_year(plain, table[energy])
    bound = dict.fromkeys(ways, FORESIGHT)
    if unit.sells:
        name = _with(unit)
        known = naive if expected is None else expected
        stage.tell(f"Planning {many} days {name}")
        ways[name] = rolling_year(unit.battery, table, known, zone=zone)
        if unit.weights is not None:
            stage.tell(f"Planning {many} days {name}, weighted")
            ways[f"{name}, weighted"] = rolling_year(unit.battery, table, known, zone=zone, weights=unit.weights)
        stage.tell(f"Planning with perfect foresight {name}")
        ways[f"{name}, foresight"] = foresight_year(unit.battery, table)
        bound |= {way: f"{name}, foresight" for way in ways if way not in bound}
    return Found(ways, best, bound)


def _with(unit: Unit) -> str:
    return "with " + " and ".join(unit.sells)


def _story(unit: Unit, found: Found, many: int, currency: str) -> list[str]:
    best, battery = found.ways[found.best], unit.battery
    size = f"{battery.capacity_mwh:g} MWh and {max(battery.max_charge_mw, battery.max_discharge_mw):g} MW"
    story = [
        f"Planned on {SAID[found.best]}, {size} earn {best.profit:,.0f} {currency} in {many} days: "
        f"{found.share(found.best):.1%} of perfect foresight. At rest they earn nothing."
    ]
    if not unit.sells:
        return story
    name, services = _with(unit), found.ways[_with(unit)]
    story.append(
        f"{name.capitalize()}, on the same forecasts, {services.profit:,.0f} {currency}: "
        f"{services.profit - best.profit:,.0f} more, and {found.share(name):.1%} of foresight {name}."
    )
    if unit.weights is not None:
        weighted = found.ways[f"{name}, weighted"]
        words = ", ".join(f"{word} {weight:g}" for word, weight in unit.weights.items())
        story.append(f"Planned by weights ({words}), {weighted.profit:,.0f} {currency}.")
    if battery.regulation is not None:
        called = battery.regulation
        story.append(
            f"That {called.called_up:.0%} of what is offered up and {called.called_down:.0%} of what is offered down "
            "are called, and that every offer is taken, is assumed."
        )
    return story


def _days(table: pd.DataFrame | pd.Series, zone: str) -> int:
    """Local days that have a row."""
    return int(pd.DatetimeIndex(table.index).tz_convert(zone).normalize().nunique())


def _cycles(year: BatteryYear) -> float:
    return float(year.table["discharged_mwh"].sum()) / year.battery.capacity_mwh


def _figures(found: Found, worth: dict[str, Economics], currency: str, *, services: bool) -> Comparison:
    nan = float("nan")
    years, money = list(found.ways.values()), list(worth.values())

    def row(name: str, rest: float, values: list[float], digits: int = 0) -> tuple[str, tuple[float, ...], int]:
        return name, (rest, *values), digits

    lives = [nan if m.ageing is None else m.ageing.life_years for m in money]
    parts = [
        row(f"{part}, {currency}", 0.0, [y.parts[part] for y in years]) for part in ("energy", "regulation", "reserve")
    ]
    return Comparison(
        (RESTS, *found.ways),
        (
            *([part for part in parts if any(part[1])] if services else []),
            row(f"revenue, {currency}", 0.0, [y.revenue for y in years]),
            row(f"wear, {currency}", 0.0, [-y.parts["wear"] for y in years]),
            row(f"profit, {currency}", 0.0, [y.profit for y in years]),
            row("share of foresight, %", 0.0, [100 * found.share(way) for way in found.ways], 1),
            row("full cycles", 0.0, [_cycles(y) for y in years], 1),
            row("life of the cells, years", nan, lives, 1),
            row(f"net present value, {currency}", nan, [m.npv for m in money]),
            row("internal rate of return, %", nan, [m.irr_pct for m in money], 1),
            row("payback, years", nan, [m.payback_years for m in money], 1),
        ),
    )


def _way(found: Found, way: str, worth: Economics) -> dict[str, Any]:
    year = found.ways[way]
    life = np.nan if worth.ageing is None else float(worth.ageing.life_years)
    return {
        "revenue": year.revenue,
        "profit": year.profit,
        "share_of_foresight": found.share(way),
        "parts": year.parts,
        "full_cycles": _cycles(year),
        "life_years": life,
        "npv": worth.npv,
        "irr_pct": worth.irr_pct,
        "payback_years": worth.payback_years,
    }
