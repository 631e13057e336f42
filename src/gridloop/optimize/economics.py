"""Economics: what a battery is worth over a project, with capacity that fades and is replaced."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.optimize.ageing.chemistry import Chemistry
from gridloop.optimize.ageing.report import Ageing, battery_ageing
from gridloop.optimize.ageing.use import HOURS_PER_YEAR
from gridloop.optimize.cash_flow import InternalRate, internal_rate, net_present_value, payback_years
from gridloop.optimize.devices.battery import Battery

# Nobody buys a battery for less than this share of its life: the old one goes on with what it has left.
WORTH_REPLACING = 0.5
COLUMNS = ["retention", "revenue", "om", "replacement", "capital", "net", "discounted", "cumulative"]


@runtime_checkable
class Year(Protocol):
    """A year of a battery as it was run, such as a `BatteryYear`; `revenue` is money with purchases paid."""

    @property
    def battery(self) -> Battery:
        """The battery as it was when new."""

    @property
    def table(self) -> pd.DataFrame:
        """One row per interval: soc at its end, hours; charged_mwh and discharged_mwh where it went both ways."""

    @property
    def revenue(self) -> float:
        """Earned at real prices, wear not taken off."""


@runtime_checkable
class TwoYears(Protocol):
    """The same year twice: planned with forecasts, and knowing all prices."""

    @property
    def forecast(self) -> Year:
        """Planned on what was known."""

    @property
    def foresight(self) -> Year:
        """Planned on what came."""


@dataclass(frozen=True)
class Economics:
    """What a battery costs and earns over a project.

    capital_cost    money, spent before the first year
    annual_revenue  money in a year with the first capacity
    npv             net present value in money
    irr             internal rate of return (`rate`, `status`, `rates`)
    payback_years   years until the money is back for good; infinite where it never is
    replacement_years  years (from 1) at whose end the battery is replaced
    break_even_capital_cost  money per MWh of capacity at which the net present value would be zero
    flow            year × (retention, revenue, om, replacement, capital, net, discounted, cumulative), in money;
                    year 0 is before the first, the others are at their ends. `retention` is the mean over the year
    ageing          how the battery fades; None where it was said not to
    foresight       the same with perfect foresight, where the year has both
    """

    capital_cost: float
    annual_revenue: float
    npv: float
    irr: InternalRate
    payback_years: float
    replacement_years: tuple[int, ...]
    break_even_capital_cost: float
    flow: pd.DataFrame
    ageing: Ageing | None
    foresight: Economics | None = None

    @property
    def irr_pct(self) -> float:
        """Internal rate of return in percent; NaN where there is not exactly one."""
        return 100.0 * self.irr.rate

    def table(self) -> pd.DataFrame:
        """The figures, one column per way of knowing prices."""
        if self.foresight is None:
            return pd.DataFrame({"as given": self._figures()})
        return pd.DataFrame({"forecast": self._figures(), "perfect foresight": self.foresight._figures()})

    def _figures(self) -> dict[str, float]:
        return {
            "annual_revenue": self.annual_revenue,
            "capital_cost": self.capital_cost,
            "npv": self.npv,
            "irr_pct": self.irr_pct,
            "payback_years": self.payback_years,
            "replacements": float(len(self.replacement_years)),
            "break_even_capital_cost": self.break_even_capital_cost,
        }


def battery_economics(
    year: float | Year | TwoYears,
    *,
    capacity_mwh: float | None = None,
    ageing: Ageing | None = None,
    chemistry: str | Chemistry | None = "nmc",
    temperature_c: float | pd.Series = 25.0,
    end_of_life: float = 0.8,
    capital_cost: float = 400_000.0,
    om_cost: float = 10_000.0,
    replacement_cost: float | None = 250_000.0,
    project_lifetime: int = 20,
    discount_rate: float = 0.08,
) -> Economics:
    """Net present value, internal rate of return, payback and replacements of a battery.

    year              money that a year earns with the first capacity, purchases paid; or a year as it was run; or that
                      year planned both with forecasts and knowing all prices: then the answer has both
    capacity_mwh      energy that the battery was bought with; of the year's battery where left out
    ageing            how it fades and when it is replaced, where `year` is a number; without, it never ages
    chemistry, temperature_c, end_of_life  of a year as it was run: its profile ages the battery (`battery_ageing`);
                      chemistry None for a battery that never ages
    capital_cost      money per MWh of capacity
    om_cost           money per year
    replacement_cost  money per MWh of capacity; None for a battery that goes on with what is left
    project_lifetime  years
    discount_rate     share per year, such as 0.08

    Revenue falls in proportion to the capacity that is left. A replacement comes at the end of the year in which the
    end of life is reached, unless the project ends within half a life of it: then the old battery goes on. The new
    one ages as the first did. Wear is not taken off the revenue: it is what the replacements cost. Nothing is got back
    at the end of the project.

    Raises `OutOfRange` and `GapInSeries` for wrong input.
    """
    if isinstance(year, TwoYears):
        both = [
            battery_economics(
                one,
                capacity_mwh=capacity_mwh,
                ageing=ageing,
                chemistry=chemistry,
                temperature_c=temperature_c,
                end_of_life=end_of_life,
                capital_cost=capital_cost,
                om_cost=om_cost,
                replacement_cost=replacement_cost,
                project_lifetime=project_lifetime,
                discount_rate=discount_rate,
            )
            for one in (year.forecast, year.foresight)
        ]
        return replace(both[0], foresight=both[1])
    if isinstance(year, Year):
        capacity_mwh = year.battery.capacity_mwh if capacity_mwh is None else capacity_mwh
        if ageing is None and chemistry is not None:
            ageing = _ageing_of(year, chemistry, temperature_c, end_of_life, replacement_cost or 0.0)
        revenue = float(year.revenue) * HOURS_PER_YEAR / float(year.table["hours"].sum())
    else:
        revenue = float(year)
    _check(revenue, capacity_mwh, capital_cost, om_cost, replacement_cost, project_lifetime, discount_rate)
    capacity = float(capacity_mwh or 0.0)
    renewal = None if replacement_cost is None else capacity * replacement_cost
    kept, replaced = _capacity_by_year(ageing, project_lifetime, renewal is not None)
    flow = _flow(revenue, kept, replaced, capacity * capital_cost, om_cost, renewal or 0.0)
    flow["discounted"] = flow["net"] / (1.0 + discount_rate) ** flow.index.to_numpy(dtype=float)
    net = flow["net"].to_numpy()
    npv = net_present_value(net, discount_rate)
    return Economics(
        capital_cost=capacity * capital_cost,
        annual_revenue=revenue,
        npv=npv,
        irr=internal_rate(net),
        payback_years=payback_years(net),
        replacement_years=tuple(replaced),
        break_even_capital_cost=npv / capacity + capital_cost,
        flow=flow[COLUMNS],
        ageing=ageing,
    )


def _ageing_of(
    year: Year, chemistry: str | Chemistry, temperature_c: float | pd.Series, end_of_life: float, replacement: float
) -> Ageing:
    """The ageing that the year's own profile means."""
    hours = year.table["hours"].to_numpy(dtype=float)
    if (hours != hours[0]).any():
        raise OutOfRange("The intervals of the year differ in length; resample its state of charge first.")
    return battery_ageing(
        year.table["soc"],
        chemistry=chemistry,
        temperature_c=temperature_c,
        battery=year.battery,
        end_of_life=end_of_life,
        replacement_cost=replacement,
        hours=float(hours[0]),
        within=_within(year),
    )


def _within(year: Year) -> pd.Series | None:
    """Share of the capacity that went out and back in within every interval, where the year tells both ways."""
    if not {"charged_mwh", "discharged_mwh"} <= set(year.table.columns):
        return None
    battery = year.battery
    into = year.table["charged_mwh"] * battery.charge_efficiency
    out = year.table["discharged_mwh"] / battery.discharge_efficiency
    return into.combine(out, min) / battery.capacity_mwh


def _capacity_by_year(ageing: Ageing | None, years: int, renewed: bool) -> tuple[list[float], list[int]]:
    """Mean share of the capacity in every year of the project, and the years at whose end it is replaced."""
    if ageing is None:
        return [1.0] * years, []
    kept, replaced, born = [], [], 0
    for year in range(1, years + 1):
        kept.append(ageing.fade.mean_retention(year - 1.0 - born, float(year - born)))
        due = year - born >= ageing.life_years
        if renewed and due and years - year >= WORTH_REPLACING * ageing.life_years:
            replaced.append(year)
            born = year
    return kept, replaced


def _flow(
    revenue: float, kept: list[float], replaced: list[int], capital: float, om: float, renewal: float
) -> pd.DataFrame:
    """Money by year and by part."""
    years = pd.RangeIndex(len(kept) + 1, name="year")
    flow = pd.DataFrame({"retention": [np.nan, *kept]}, index=years)
    flow["revenue"] = [0.0, *(revenue * share for share in kept)]
    flow["om"] = [0.0, *([-om] * len(kept))]
    flow["replacement"] = [-renewal if year in replaced else 0.0 for year in years]
    flow["capital"] = [-capital, *([0.0] * len(kept))]
    flow["net"] = flow[["revenue", "om", "replacement", "capital"]].sum(axis=1)
    flow["cumulative"] = flow["net"].cumsum()
    return flow


def _check(
    revenue: float,
    capacity_mwh: float | None,
    capital_cost: float,
    om_cost: float,
    replacement_cost: float | None,
    project_lifetime: int,
    discount_rate: float,
) -> None:
    if not np.isfinite(revenue):
        raise GapInSeries(f"The revenue of the year is {revenue}; a study needs a sum of money.")
    problems = []
    if capacity_mwh is None or not 0.0 < capacity_mwh < np.inf:
        problems.append(f"capacity_mwh is {capacity_mwh}; it must be positive")
    for name, value in (("capital_cost", capital_cost), ("om_cost", om_cost), ("replacement_cost", replacement_cost)):
        if value is not None and not 0.0 <= value < np.inf:
            problems.append(f"{name} is {value}; it must not be negative")
    if project_lifetime != int(project_lifetime) or project_lifetime < 1:
        problems.append(f"project_lifetime is {project_lifetime}; it must be a whole number of years, 1 or more")
    if not -1.0 < discount_rate < np.inf:
        problems.append(f"discount_rate is {discount_rate}; it must be above −1 (a share: 0.08 is 8 %)")
    if problems:
        raise OutOfRange(f"Battery economics: {'; '.join(problems)}.", problems=problems)
