"""`gridloop study microgrid HOMES`: what energy kept for an island costs, and how long one would live."""

from __future__ import annotations

import math
from typing import Annotated

import typer
from rich.console import Console

from gridloop.cli.opf import check_page
from gridloop.cli.study_dr import Unit
from gridloop.cli.study_homes import FlatPrice, Meters, Roofs, Start, Tariff, homes_of
from gridloop.cli.study_parts import AsJson, Plot, Stages, Zone, answer, check_zone, money
from gridloop.operate.plots.study_microgrid import build_microgrid_page
from gridloop.operate.plots.study_page import Comparison
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.microgrid.black_start import BlackStart, ColdLoad, black_start
from gridloop.optimize.microgrid.former import GridFormer
from gridloop.optimize.studies.microgrid import KEEP, TRADE, WAYS, IslandDays, IslandPlan, island_days

PRIORITY = "priority"


def microgrid(
    homes: Meters,
    solar: Roofs = None,
    unit: Annotated[Unit, typer.Option(help="Of the CSVs: mean power, or energy per interval (kwh).")] = Unit.kw,
    start: Start = "2016-08-01T00:00-08:00",
    prices: Tariff = None,
    price: FlatPrice = None,
    battery_kwh: Annotated[
        float | None, typer.Option(help="The battery that forms the grid, kWh; of all homes together otherwise.")
    ] = None,
    battery_kw: Annotated[float | None, typer.Option(help="Its power, kW.")] = None,
    efficiency: Annotated[float, typer.Option(help="Its round trip, above 0, at most 1.")] = 0.9,
    wear: Annotated[float, typer.Option(min=0, help="Money per MWh discharged that a plan counts.")] = 5.0,
    survive_h: Annotated[float, typer.Option(help="How long an island should be lived through.")] = 4.0,
    priority_share: Annotated[float, typer.Option(help="Of the load that must be served in it, 0 … 1.")] = 0.5,
    droop_pct: Annotated[float, typer.Option(help="Droop of the source.")] = 2.0,
    inertia_s: Annotated[float, typer.Option(help="Inertia that it imitates.")] = 2.0,
    days: Annotated[int, typer.Option(min=1, help="Days.")] = 28,
    skip: Annotated[int, typer.Option(min=0, help="Days left out after the four weeks that are learned from.")] = 0,
    zone: Zone = "UTC",
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Keep energy for an island that nobody announces: what that costs, and how long priority load would be served.

    The baselines are the same battery resting full, and trading without keeping anything. Four weeks are learned from.
    """
    check_page(plot)
    check_zone(zone)
    plan = IslandPlan(survive_h, priority_share, max(12, math.ceil(survive_h)))
    name = homes.resolve().name
    console = Console(stderr=as_json, highlight=False)
    with Stages(console, lines=not as_json) as stage:
        stage.tell(f"Reading {name}")
        data, currency = homes_of(homes, solar, unit.value, start, prices, price, zone, (6.4e-3, 5e-3, efficiency))
        capacity = float(data.battery["capacity_mwh"].sum()) if battery_kwh is None else battery_kwh / 1e3
        power = float(data.battery["power_mw"].sum()) if battery_kw is None else battery_kw / 1e3
        way = math.sqrt(efficiency) if 0 < efficiency <= 1 else efficiency
        battery = Battery(capacity, power, power, way, way, degradation_cost=wear, id="battery")
        source = GridFormer.of_battery(battery, droop=droop_pct / 100.0, inertia_s=inertia_s)
        stage.tell(f"Planning {days} days, two ways")
        found = island_days(
            data.load_mw.sum(axis=1), data.solar_mw.sum(axis=1), data.import_eur_per_mwh, battery, plan,
            days=days, first=28 + skip, former=source,
            on_day=lambda day: stage.further(f"Planning: day {day + 1} of {days}"),
        )  # fmt: skip
        stage.tell("Starting from black")
        circuits = [
            ColdLoad(f"{home}, {part}", float(share * load.mean()), rank)
            for home, load in data.load_mw.items()
            for part, share, rank in ((PRIORITY, priority_share, 0), ("rest", 1.0 - priority_share, 1))
            if share > 0
        ]
        lowest = float(found.hours[f"{KEEP}/soc"].min())
        black = black_start(source, circuits, initial_soc=lowest, until_h=survive_h)
    facts = found.facts()
    figures = _figures(facts, currency)
    story = _story(found, black, lowest, currency)
    if plot is not None:
        span = f"study of a microgrid, {days} days from {found.hours.index[0].tz_convert(zone):%Y-%m-%d}"
        plot.write_text(build_microgrid_page(name, span, story, figures, found, black, zone), encoding="utf-8")
    said = {
        "file": str(homes), "days": days, "currency": currency, "survive_h": survive_h,
        "priority_share": priority_share, "capacity_mwh": capacity, "power_mw": power, "ways": facts,
        "black_start": {"from_soc": lowest, "steps": len(black.steps), "left": list(black.left),
                        "why": None if black.diagnosis is None else black.diagnosis.causes[0],
                        "last_h": black.steps[-1].at_h if black.steps else None},
    }  # fmt: skip
    answer(console, f"{name}, {days} days", figures, story, plot, said if as_json else None)


def _figures(facts: dict[str, dict[str, float]], currency: str) -> Comparison:
    rows = [
        (f"cost, {currency}", "cost", 1.0, 2),
        ("islands of that length lived through, % of hours", "lived_share", 100.0, 1),
        ("an island lives, mean, h", "survived_mean_h", 1.0, 2),
        ("an island lives, worst 5 % of hours, h", "survived_p05_h", 1.0, 2),
        ("priority load not served per island, kWh", "unserved_mwh", 1e3, 2),
        ("lowest frequency when it opens, Hz", "hz_min", 1.0, 2),
        ("openings without load shedding, % of hours", "above_first_stage_share", 100.0, 1),
    ]
    return Comparison(WAYS, tuple((name, tuple(k * facts[w][key] for w in WAYS), d) for name, key, k, d in rows))


def _story(found: IslandDays, black: BlackStart, lowest: float, currency: str) -> list[str]:
    facts = found.facts()
    keep, trade = facts[KEEP], facts[TRADE]
    days = len(found.hours) / 24
    of_priority = sum(step.id.endswith(PRIORITY) for step in black.steps)
    every = of_priority + sum(i.endswith(PRIORITY) for i in black.left)
    why = "" if black.diagnosis is None else f" {' '.join(black.diagnosis.causes)} {black.diagnosis.advice}"
    a_day = money((keep["cost"] - trade["cost"]) / days, currency)
    return [
        f"Of {len(found.hours)} islands of {found.plan.survive_h:g} h, one in every hour, {keep['lived_share']:.1%} "
        f"are lived through with {found.plan.priority_share:.0%} of the load; where nothing is kept "
        f"{trade['lived_share']:.1%}.",
        f"That costs {a_day} a day of what trading saves.",
        f"Scenarios of the four weeks before foresaw {keep['foreseen_share']:.1%} (Brier score {keep['brier']:.3f}).",
        f"From black at {lowest:.0%} charge, their lowest, {len(black.steps)} of "
        f"{len(black.steps) + len(black.left)} circuits are back, {of_priority} of {every} with priority"
        + (f", after {60 * black.steps[-1].at_h:.0f} min." if black.steps else ".")
        + why,
    ]
