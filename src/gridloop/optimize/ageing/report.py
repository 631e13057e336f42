"""Ageing: what a year's use does to a battery, in cycles, capacity, years and money."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, isfinite

import numpy as np
import pandas as pd

from gridloop.optimize.ageing.chemistry import ZERO_CELSIUS_K, Chemistry
from gridloop.optimize.ageing.fade import Fade
from gridloop.optimize.ageing.inputs import Profile, profile_of
from gridloop.optimize.ageing.models import chemistry_of
from gridloop.optimize.ageing.use import Use, use_of
from gridloop.optimize.ageing.wear import marginal_cost
from gridloop.optimize.devices.battery import Battery

ONE_MWH = Battery(1.0, 1.0, 1.0, 1.0, 1.0)
# Less than this of the energy beyond the tests is not worth a note.
WORTH_A_NOTE = 0.05


@dataclass(frozen=True)
class Ageing:
    """How a battery ages under a profile that comes again year after year.

    chemistry         name of the model, and `source` where it is published
    years             length of the projection
    total_cycles      cycles of any depth over the projection, counted by rainflow
    cycles_per_year   equivalent full cycles in a year
    retention         share of the first capacity left after 0, 1, … `years` years
    parts             year × (calendar, cycle, knee): shares lost; their sum is 1 − retention
    end_of_life       share of the capacity at which the battery is replaced
    life_years        when that is; it may lie beyond the projection
    discharged_mwh    energy discharged in the first year, at the terminals
    replacement_cost  money per MWh of capacity
    marginal_cost_per_mwh  what one more MWh discharged costs: `Battery(degradation_cost=…)`; NaN without cycles
    notes             where the use leaves what the cells were tested at
    """

    chemistry: str
    source: str
    years: int
    total_cycles: float
    cycles_per_year: float
    retention: pd.Series
    parts: pd.DataFrame
    end_of_life: float
    life_years: float
    discharged_mwh: float
    replacement_cost: float
    marginal_cost_per_mwh: float
    notes: tuple[str, ...]
    fade: Fade

    @property
    def capacity_retention_pct(self) -> float:
        """Capacity left at the end of the projection, in percent of the first."""
        return 100.0 * float(self.retention.iloc[-1])

    @property
    def replacement_year(self) -> int | None:
        """Year of service, from 1, in which the end of life is reached; None where it never is."""
        return max(1, ceil(self.life_years)) if isfinite(self.life_years) else None

    def priced(self, battery: Battery) -> Battery:
        """The battery with this wear as its `degradation_cost`; as it is where there are no cycles to price."""
        priceless = np.isnan(self.marginal_cost_per_mwh)
        return battery if priceless else replace(battery, degradation_cost=self.marginal_cost_per_mwh)


def battery_ageing(
    soc: pd.Series,
    *,
    chemistry: str | Chemistry = "nmc",
    temperature_c: float | pd.Series = 25.0,
    years: int = 10,
    battery: Battery | None = None,
    end_of_life: float = 0.8,
    replacement_cost: float = 250_000.0,
    hours: float | None = None,
    within: pd.Series | None = None,
) -> Ageing:
    """Cycles, capacity by year, end of life and cost of wear of a battery under a profile.

    soc            state of charge at the end of every interval, 0 … 1, by time: `plan.of("battery", "soc")`. It stands
                   for all years to come, whatever its length: after its last interval follows its first
    chemistry      `nmc`, `lfp` (large cells of grids), `nmc_18650`, `lfp_26650` (small ones), or a `Chemistry`
    temperature_c  of the cells: one number, or a value for every interval
    battery        gives capacity and discharge efficiency; one lossless MWh where left out
    end_of_life    share of the first capacity at which it is replaced
    replacement_cost  money per MWh of capacity
    hours          length of the intervals where the index of `soc` does not tell it
    within         depth of a cycle that each interval hides, as a share of the capacity: what goes out and back in
                   before the interval ends, as calls of regulation do

    The profile stays what it is in shares of the capacity: as that fades, each cycle moves less energy.
    Raises `OutOfRange` and `GapInSeries` for wrong input.
    Equations and sources: docs/math/flexibility-ageing.md.
    """
    model = chemistry_of(chemistry)
    profile = profile_of(soc.to_frame("battery"), temperature_c, hours, years, end_of_life, replacement_cost, within)
    return _aged(model, _use(profile, 0), battery or ONE_MWH, years, end_of_life, replacement_cost)


def fleet_ageing(
    soc: pd.DataFrame,
    *,
    chemistry: str | Chemistry = "nmc",
    temperature_c: float | pd.Series = 25.0,
    years: int = 10,
    end_of_life: float = 0.8,
    replacement_cost: float = 250_000.0,
    hours: float | None = None,
) -> pd.DataFrame:
    """The same for many batteries: soc is interval × battery, the answer has one row per battery.

    Columns: total_cycles, cycles_per_year, capacity_retention_pct, life_years, marginal_cost_per_mwh (at the cells:
    divide by the discharge efficiency). Arguments and errors are those of `battery_ageing`.
    """
    model = chemistry_of(chemistry)
    profile = profile_of(soc, temperature_c, hours, years, end_of_life, replacement_cost)
    rows = []
    for k in range(soc.shape[1]):
        use = _use(profile, k)
        fade = Fade.under(model, use)
        life = fade.life(end_of_life)
        full = use.full_cycles_per_year
        rows.append(
            (
                float(use.per_year.sum()) * years,
                full,
                100.0 * float(fade.retention(years)),
                life,
                marginal_cost(fade, full, life, replacement_cost, 1.0),
            )
        )
    columns = ["total_cycles", "cycles_per_year", "capacity_retention_pct", "life_years", "marginal_cost_per_mwh"]
    return pd.DataFrame(rows, index=soc.columns, columns=columns)


def _use(profile: Profile, battery: int) -> Use:
    return use_of(profile.soc[battery], profile.hours, profile.temperature_c, profile.within)


def _aged(
    model: Chemistry, use: Use, battery: Battery, years: int, end_of_life: float, replacement_cost: float
) -> Ageing:
    fade = Fade.under(model, use)
    life, full = fade.life(end_of_life), use.full_cycles_per_year
    at = pd.RangeIndex(years + 1, name="year")
    losses = fade.losses(np.arange(years + 1.0))
    parts = pd.DataFrame({"calendar": losses.calendar, "cycle": losses.cycle, "knee": losses.knee}, index=at)
    first_year = full * fade.mean_retention(0.0, 1.0) * battery.capacity_mwh * battery.discharge_efficiency
    return Ageing(
        chemistry=model.name,
        source=model.source,
        years=years,
        total_cycles=float(use.per_year.sum()) * years,
        cycles_per_year=full,
        retention=pd.Series(fade.retention(np.arange(years + 1.0)), index=at, name="retention"),
        parts=parts,
        end_of_life=end_of_life,
        life_years=life,
        discharged_mwh=first_year,
        replacement_cost=replacement_cost,
        marginal_cost_per_mwh=marginal_cost(fade, full, life, replacement_cost, battery.discharge_efficiency),
        notes=_notes(model, use),
        fade=fade,
    )


def _notes(model: Chemistry, use: Use) -> tuple[str, ...]:
    """Where more than a little of the use lies beyond the tests."""
    tested, notes = model.tested, []
    low, high = tested.temperature_c
    celsius = use.temperature_k - ZERO_CELSIUS_K
    beyond = float(use.hours[(celsius < low) | (celsius > high)].sum() / use.hours.sum())
    if beyond > WORTH_A_NOTE:
        notes.append(f"{beyond:.0%} of the time the cells are outside the {low:.0f} … {high:.0f} °C of the tests")
    moved = use.stress.depth * use.per_year
    every = float(moved.sum())
    if every <= 0.0:
        return (*notes, "no cycles: only time ages this battery")
    shallow, deep = tested.depth
    # A depth of 0.8 as a solver writes it is still one of 0.8.
    beyond = float(moved[(use.stress.depth < shallow - 1e-6) | (use.stress.depth > deep + 1e-6)].sum() / every)
    if beyond > WORTH_A_NOTE:
        notes.append(f"{beyond:.0%} of the energy moves in cycles of other depths than the {shallow} … {deep} tested")
    beyond = float(moved[use.stress.c_rate > tested.c_rate * (1 + 1e-6)].sum() / every)
    if beyond > WORTH_A_NOTE:
        notes.append(f"{beyond:.0%} of the energy moves faster than the {tested.c_rate} C of the tests")
    return tuple(notes)
