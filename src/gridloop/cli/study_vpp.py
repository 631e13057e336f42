"""`gridloop study vpp HOMES`: homes with roofs and batteries run as one plant, beside batteries that rest."""

from __future__ import annotations

from math import nan
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gridloop.cli.opf import check_page
from gridloop.cli.output import records
from gridloop.cli.study_dr import Unit
from gridloop.cli.study_homes import FlatPrice, Meters, Roofs, Start, Tariff, homes_of
from gridloop.cli.study_parts import AsJson, Plot, Stages, Zone, answer, check_zone, money
from gridloop.errors import OutsideData
from gridloop.io.citylearn import Homes
from gridloop.operate.plots.study_homes import build_homes_page
from gridloop.operate.plots.study_page import Comparison
from gridloop.optimize.studies.community import (
    DAYS_KNOWN,
    CommunityPlan,
    CommunityYear,
    Expect,
    community_year,
    perfect,
    warm_day,
)
from gridloop.units import FloatArray

REST, PLANNED, FORESIGHT = "batteries rest", "planned", "foresight"


def vpp(
    homes: Meters,
    solar: Roofs = None,
    unit: Annotated[Unit, typer.Option(help="Of the CSVs: mean power, or energy per interval (kwh).")] = Unit.kw,
    start: Start = "2016-08-01T00:00-08:00",
    prices: Tariff = None,
    price: FlatPrice = None,
    carbon: Annotated[
        Path | None, typer.Option(help="CSV of the grid: valid_at, carbon_t_per_mwh; a folder has its own.")
    ] = None,
    battery_kwh: Annotated[float, typer.Option(help="Battery of every home, kWh; a folder has its own.")] = 6.4,
    battery_kw: Annotated[float, typer.Option(help="Its power, kW.")] = 5.0,
    efficiency: Annotated[float, typer.Option(help="Its round trip, above 0, at most 1.")] = 0.9,
    carbon_price: Annotated[float, typer.Option(min=0, help="Money per tonne that a plan counts.")] = 50.0,
    peak_price: Annotated[float, typer.Option(min=0, help="Money per MW of the month's highest import.")] = 10_000.0,
    wear: Annotated[float, typer.Option(min=0, help="Money per MWh discharged that a plan counts.")] = 5.0,
    reserve_share: Annotated[float, typer.Option(help="Of the capacity, kept for unforeseen imports, 0 … 1.")] = 0.25,
    horizon_h: Annotated[int, typer.Option(min=1, max=168, help="Hours that a plan looks ahead.")] = 36,
    every_h: Annotated[int, typer.Option(min=1, help="Hours between two plans.")] = 6,
    days: Annotated[int | None, typer.Option(min=1, help="Days; all that there are otherwise.")] = None,
    foresight: Annotated[bool, typer.Option(help="Also plan knowing everything: the bound.")] = False,
    zone: Zone = "UTC",
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Plan the batteries of homes together on forecasts, settle what the common meter shows, and share the bill.

    The baseline is the same homes with the same roofs whose batteries rest. The first week is learned from.
    """
    check_page(plot)
    check_zone(zone)
    how = CommunityPlan(
        carbon_price=carbon_price, peak_price=peak_price, wear=wear, reserve_share=reserve_share, horizon_h=horizon_h,
        every_h=every_h,
    )  # fmt: skip
    name = homes.resolve().name
    console = Console(stderr=as_json, highlight=False)
    with Stages(console, lines=not as_json) as stage:
        stage.tell(f"Reading {name}")
        size = (battery_kwh / 1e3, battery_kw / 1e3, efficiency)
        data, currency = homes_of(homes, solar, unit.value, start, prices, price, zone, size, carbon)
        emits = bool((data.carbon_t_per_mwh != 0).any())
        there = len(data.load_mw) // 24 - DAYS_KNOWN
        many = there if days is None else days
        if not 0 < many <= there:
            raise OutsideData(
                f"{name} has {len(data.load_mw) // 24} days; {DAYS_KNOWN} are learned from, so --days can be "
                f"1 … {max(there, 0)}."
                if there > 0
                else f"{name} has {len(data.load_mw) // 24} days; more than {DAYS_KNOWN}, which are learned "
                "from, are needed."
            )

        def told(expect: Expect, what: str) -> Expect:
            def forecast(all_homes: Homes, now: int, hours: int) -> tuple[FloatArray, FloatArray, FloatArray]:
                stage.further(f"{what}: day {now // 24 - DAYS_KNOWN + 1} of {many}")
                return expect(all_homes, now, hours)

            return forecast

        stage.tell(f"Planning {data.load_mw.shape[1]} homes, {many} days")
        year = community_year(data, how, days=many, expect=told(warm_day, "Planning"), zone=zone)
        ways = {PLANNED: year}
        if foresight:
            stage.tell("Planning with foresight")
            knowing = told(perfect, "Planning with foresight")
            ways[FORESIGHT] = community_year(data, how, days=many, expect=knowing, zone=zone)
    figures = _figures(ways, currency, carbon=emits)
    facts = year.facts()
    better = int((year.homes["saved"] > 0).sum())
    story = [
        f"{len(year.homes)} homes, {many} days: planned together they pay {money(facts['cost'], currency)} instead of "
        f"{money(facts['baseline_cost'], currency)}, and import {facts['peak_kw']:,.1f} kW at most instead of "
        f"{facts['baseline_peak_kw']:,.1f}.",
        f"{better} of {len(year.homes)} homes pay less.",
        f"What they import emits {facts['carbon_t']:,.3f} t of carbon instead of {facts['baseline_carbon_t']:,.3f}."
        if emits
        else "Carbon is not known, and no plan counted it: give --carbon FILE.",
    ]
    if plot is not None:
        span = f"study of a virtual power plant, {many} days from {year.hours.index[0].tz_convert(zone):%Y-%m-%d}"
        page = build_homes_page(
            name, span, story, figures, year, data.import_eur_per_mwh.reindex(year.hours.index),
            float(data.battery["capacity_mwh"].sum()), zone,
        )  # fmt: skip
        plot.write_text(page, encoding="utf-8")
    found = {
        "file": str(homes), "homes": len(year.homes), "days": many, "currency": currency,
        "ways": {
            way: side if emits else side | {"carbon_t": nan}
            for way, side in {REST: _baseline(facts), **{way: _own(one) for way, one in ways.items()}}.items()
        },
        "by_home": records(year.homes),
    }  # fmt: skip
    answer(console, f"{name}, {len(year.homes)} homes, {many} days", figures, story, plot, found if as_json else None)


def _baseline(facts: dict[str, float]) -> dict[str, float]:
    return {name.removeprefix("baseline_"): value for name, value in facts.items() if name.startswith("baseline_")}


def _own(year: CommunityYear) -> dict[str, float]:
    return {name: value for name, value in year.facts().items() if not name.startswith("baseline_")}


def _figures(ways: dict[str, CommunityYear], currency: str, *, carbon: bool) -> Comparison:
    sides = [_baseline(next(iter(ways.values())).facts()), *(_own(year) for year in ways.values())]
    rows = [
        (f"cost, {currency}", "cost", 2),
        ("highest import, kW", "peak_kw", 1),
        ("highest import of the months, mean, kW", "monthly_peak_kw", 1),
        ("highest import of the days, mean, kW", "daily_peak_kw", 1),
        ("import, MWh", "import_mwh", 3),
        *([("carbon, t", "carbon_t", 3)] if carbon else []),
    ]
    return Comparison(
        (REST, *ways), tuple((name, tuple(side[key] for side in sides), digits) for name, key, digits in rows)
    )
