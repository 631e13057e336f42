"""What is wrong with a building over a horizon: which machine or zone, in which interval, and what would help."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gridloop.optimize.devices.building_plant import BEST_BOILER, BOILER, HvacMachine, carnot
from gridloop.optimize.devices.given_numbers import clock, over_steps, wrong_lengths
from gridloop.optimize.horizon import Horizon

if TYPE_CHECKING:
    from gridloop.optimize.devices.building import Building, Zone


def building_problems(building: Building, horizon: Horizon) -> list[str]:
    """One sentence for each."""
    steps = len(horizon)
    problems = wrong_lengths(building, ("outdoor_c", "carbon_t_per_mwh"), steps)
    series = ("min_c", "max_c", "sun_w_m2", "occupancy", "gains_mw", "margin_low_k", "margin_high_k", "occupied")
    for zone in building.zones:
        problems += [f"zone {zone.id}: {p}" for p in wrong_lengths(zone, series, steps)]
    for machine in building.machines:
        there = [name for name in ("capacity_mw", "cop", "cold_c", "hot_c") if getattr(machine, name) is not None]
        problems += [f"machine {machine.id}: {p}" for p in wrong_lengths(machine, there, steps)]
    if problems:
        return problems
    for zone in building.zones:
        problems += _band(zone, horizon)
    for machine in building.machines:
        problems += _cop(building, machine, horizon)
    return problems


def _band(zone: Zone, horizon: Horizon) -> list[str]:
    low, high = over_steps(zone.min_c, len(horizon)), over_steps(zone.max_c, len(horizon))
    wrong = np.flatnonzero(low > high)
    if not wrong.size:
        return []
    first = int(wrong[np.argmax((low - high)[wrong])])
    return [
        f"zone {zone.id}: its band is upside down in {wrong.size} of {low.size} intervals, the most at "
        f"{clock(horizon.starts[first])}: min_c {low[first]:g} is above max_c {high[first]:g}. Lower min_c by "
        f"{low[first] - high[first]:.3g} K there, or raise max_c by as much"
    ]


def _cop(building: Building, machine: HvacMachine, horizon: Horizon) -> list[str]:
    steps = len(horizon)
    cop = over_steps(machine.cop, steps)
    wrong = np.flatnonzero(~(cop > 0))
    name = "efficiency" if machine.kind == BOILER else "COP"
    if wrong.size:
        first = int(wrong[0])
        return [
            f"machine {machine.id}: its {name} is {cop[first]:g} at {clock(horizon.starts[first])} ({wrong.size} of "
            f"{steps} intervals); it must be above 0. Where it cannot run, give a capacity_mw of 0 instead"
        ]
    # The best point of the part-load curve is bound by Carnot too.
    cop = cop * max(factor for _, factor in machine.part_load)
    if machine.kind == BOILER:
        most, between = np.full(steps, BEST_BOILER), "what a condensing boiler reaches"
    else:
        most, between = _carnot(building, machine, steps)
    wrong = np.flatnonzero(cop > most * (1 + 1e-9))
    if not wrong.size:
        return []
    first = int(wrong[np.argmax((cop / most)[wrong])])
    return [
        f"machine {machine.id}: its {name} reaches {cop[first]:.3g} at {clock(horizon.starts[first])}, above "
        f"{between}, {most[first]:.3g} ({wrong.size} of {steps} intervals). Multiply cop by "
        f"{most[first] / cop[first]:.3g} or less"
        + (
            ""
            if machine.kind == BOILER or machine.cold_c is not None
            else ", or give the cold_c and hot_c it works between"
        )
    ]


def _carnot(building: Building, machine: HvacMachine, steps: int) -> tuple[np.ndarray, str]:
    outdoor = over_steps(building.outdoor_c, steps)
    served = [z for z in building.zones if (z.cooling if machine.cooling else z.heating) == machine.loop]
    if machine.cooling:
        # Cold made for the warmest room that asks for it, given off outdoors.
        rooms = np.max([over_steps(z.max_c, steps) for z in served], axis=0)
        cold = rooms if machine.cold_c is None else over_steps(machine.cold_c, steps)
        hot = outdoor if machine.hot_c is None else over_steps(machine.hot_c, steps)
    else:
        rooms = np.min([over_steps(z.min_c, steps) for z in served], axis=0)
        cold = outdoor if machine.cold_c is None else over_steps(machine.cold_c, steps)
        hot = rooms if machine.hot_c is None else over_steps(machine.hot_c, steps)
    worst = int(np.argmin(carnot(cold, hot, cooling=machine.cooling)))
    return carnot(cold, hot, cooling=machine.cooling), (
        f"Carnot's limit (between {cold[worst]:.3g} and {hot[worst]:.3g} °C at the tightest)"
    )
