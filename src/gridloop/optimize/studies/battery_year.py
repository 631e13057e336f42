"""A battery's year: planned day by day on forecast prices and settled at the real ones, beside perfect foresight.

Both ways start with the same energy and value what is left at the end alike. Set-points and offers are those of the
plan: a day-ahead market clears them whatever the price turns out to be. Calls come as their mean (`Regulation`), so
that the energy carried from day to day is that of the plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange, SolveFailed
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.battery_depth import wear_money
from gridloop.optimize.devices.battery_services import with_calls
from gridloop.optimize.devices.connection import price_table
from gridloop.optimize.devices.services import PRICE
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.problems.schedule import schedule
from gridloop.units import FloatArray, IntArray

OFFERS = tuple(f"{service}_mw" for service in PRICE)
# A state of charge carried from one plan to the next is off by the solver's tolerance, no more.
SAME_SOC = 1e-6
YEAR_LIMIT_S = 600.0
FORESIGHT, FORECASTS = "real prices", "forecasts"


@dataclass(frozen=True, eq=False)
class BatteryYear:
    """What a battery did over a span, and what that earned at the real prices.

    planned_on  what it knew: `FORESIGHT` or `FORECASTS`
    table       index valid_at (UTC); hours, price_per_mwh (to import), p_mw (charging positive), soc (end of the
                interval), charged_mwh, discharged_mwh (at the connection, calls included), regulation_up_mw,
                regulation_down_mw, reserve_mw; energy_money, regulation_money, reserve_money (earned), wear_money (a
                cost)
    stored_money  worth of the energy that is stored at the end beyond that of the start
    """

    battery: Battery
    planned_on: str
    table: pd.DataFrame
    stored_money: float

    @property
    def revenue(self) -> float:
        """What energy and services earned, purchases paid; wear is not subtracted."""
        return float(self.table[["energy_money", "regulation_money", "reserve_money"]].to_numpy().sum())

    @property
    def profit(self) -> float:
        """Revenue less wear, with the worth of what was stored meanwhile."""
        return self.revenue - float(self.table["wear_money"].sum()) + self.stored_money

    @property
    def parts(self) -> dict[str, float]:
        """The profit by part."""
        sums = {name: float(self.table[f"{name}_money"].sum()) for name in ("energy", "regulation", "reserve")}
        return {**sums, "wear": -float(self.table["wear_money"].sum()), "stored": self.stored_money}


@dataclass(frozen=True, eq=False)
class BatteryStudy:
    """The same battery in the same span, planned on forecasts and with perfect foresight."""

    forecast: BatteryYear
    foresight: BatteryYear

    @property
    def share(self) -> float:
        """Profit on forecasts as a share of that with perfect foresight; NaN where that earns nothing."""
        most = self.foresight.profit
        return self.forecast.profit / most if most > 0 else float("nan")


def battery_study(
    battery: Battery, prices: pd.DataFrame | pd.Series, expected: pd.DataFrame | pd.Series, *, zone: str = "UTC"
) -> BatteryStudy:
    """A battery against the prices of a year or any other span, both ways.

    prices    what came: as `schedule` takes them, regular; columns of services where the battery sells them
    expected  what was expected of every local day when it was planned, the same columns and rows: whoever makes them
              answers for their knowing nothing of that day. NaN: nothing was known, the battery idles that day
    zone      of the local days

    Raises as `schedule`, and `OutOfRange` where the two tables do not have the same rows.
    """
    return BatteryStudy(rolling_year(battery, prices, expected, zone=zone), foresight_year(battery, prices))


def foresight_year(
    battery: Battery, prices: pd.DataFrame | pd.Series, *, weights: Mapping[str, float] | None = None
) -> BatteryYear:
    """The best that could have been done, by one plan over all of the span: a bound, not a way to run a battery.

    Moving early is worth nothing here: over a year its tie-break would be money. weights: as in `schedule`
    """
    table = price_table(prices)
    free = replace(battery, early_cost=0.0)
    plan = schedule([free], table, weights=weights, time_limit_s=YEAR_LIMIT_S)
    if not plan.solved:
        raise SolveFailed(f"The plan with perfect foresight ended as {plan.status}: {plan.diagnosis}")
    found = {name: plan.of(battery.id, name).to_numpy() for name in ("p_mw", "soc", *_offered(battery))}
    return _settled(battery, table, found, FORESIGHT)


def rolling_year(
    battery: Battery,
    prices: pd.DataFrame | pd.Series,
    expected: pd.DataFrame | pd.Series,
    *,
    zone: str = "UTC",
    weights: Mapping[str, float] | None = None,
) -> BatteryYear:
    """Each local day planned on what was expected of it, settled at what came, its energy carried to the next.

    The plan looks a day further than it decides, at prices as expected of the first: what stays stored overnight is
    worth what it will bring. Arguments as in `battery_study`; weights as in `schedule`: money stays money.
    """
    real, foreseen = price_table(prices), price_table(expected)
    if not real.index.equals(foreseen.index) or list(real.columns) != list(foreseen.columns):
        raise OutOfRange(
            f"{len(foreseen)} rows of {len(foreseen.columns)} expected prices for {len(real)} rows of "
            f"{len(real.columns)} real ones; both tables need the same rows and columns."
        )
    horizon = Horizon.regular(pd.DatetimeIndex(real.index))
    kept = (1.0 - battery.self_discharge_per_day) ** (horizon.hours / 24.0)
    step = horizon.ends[0] - horizon.starts[0]
    names = ("p_mw", "soc", *_offered(battery))
    found = {name: np.zeros(len(real)) for name in names}
    soc = battery.initial_soc
    for rows in _local_days(horizon.starts, zone):
        known = foreseen.iloc[rows]
        if known.isna().to_numpy().any():
            found["soc"][rows] = soc * np.cumprod(kept[rows])
        else:
            for name, values in _day(replace(battery, initial_soc=soc), known, names, step, weights).items():
                found[name][rows] = values
        soc = _inside(float(found["soc"][rows[-1]]), battery)
    return _settled(battery, real, found, FORECASTS)


def _day(
    battery: Battery,
    known: pd.DataFrame,
    names: tuple[str, ...],
    step: pd.Timedelta,
    weights: Mapping[str, float] | None,
) -> dict[str, FloatArray]:
    """A day's plan: the first half of one over the day and the same once more."""
    n, starts = len(known), pd.DatetimeIndex(known.index)
    twice = pd.concat([known, known]).set_axis(pd.date_range(starts[0], periods=2 * n, freq=step), axis=0)
    plan = schedule([battery], twice, weights=weights)
    if not plan.solved:
        raise SolveFailed(f"The plan of the day from {starts[0]} ended as {plan.status}: {plan.diagnosis}")
    return {name: plan.of(battery.id, name).to_numpy()[:n] for name in names}


def _settled(battery: Battery, prices: pd.DataFrame, found: dict[str, FloatArray], planned_on: str) -> BatteryYear:
    """Money at the prices that came."""
    hours = Horizon.regular(pd.DatetimeIndex(prices.index)).hours
    p_mw, soc = found["p_mw"], found["soc"]
    offers = {name: found.get(name, np.zeros(p_mw.size)) for name in OFFERS}
    charge, discharge = with_calls(battery, p_mw, offers["regulation_up_mw"], offers["regulation_down_mw"])
    net, buy, sell = charge - discharge, prices["import_eur_per_mwh"], prices["export_eur_per_mwh"]
    energy = -hours * np.where(net > 0, buy * net, sell * net)
    paid = {
        service: offers[f"{service}_mw"] * hours * (prices[column].to_numpy() if column in prices else 0.0)
        for service, column in PRICE.items()
    }
    table = pd.DataFrame(
        {
            "hours": hours, "price_per_mwh": buy, "p_mw": p_mw, "soc": soc,
            "charged_mwh": charge * hours, "discharged_mwh": discharge * hours, **offers,
            "energy_money": energy, "regulation_money": paid["regulation_up"] + paid["regulation_down"],
            "reserve_money": paid["reserve"], "wear_money": wear_money(battery, charge, discharge, hours),
        },
        index=pd.DatetimeIndex(prices.index, name="valid_at"),
    )  # fmt: skip
    worth = battery.end_value_per_mwh
    if worth is None:
        worth = float(np.average(sell, weights=hours)) * battery.discharge_efficiency
    stored = worth * battery.capacity_mwh * (float(soc[-1]) - battery.initial_soc)
    return BatteryYear(battery, planned_on, table, stored)


def _offered(battery: Battery) -> tuple[str, ...]:
    regulation = OFFERS[:2] if battery.regulation is not None else ()
    return regulation if battery.reserve is None else (*regulation, OFFERS[2])


def _local_days(starts: pd.DatetimeIndex, zone: str) -> list[IntArray]:
    """Rows of every local day, in order."""
    day = starts.tz_convert(zone).normalize()
    return np.split(np.arange(len(starts)), np.flatnonzero(day[1:] != day[:-1]) + 1)


def _inside(soc: float, battery: Battery) -> float:
    """The state of charge without the solver's rounding at the ends of the band."""
    banded = min(max(soc, battery.min_soc), battery.max_soc)
    return banded if abs(banded - soc) <= SAME_SOC else min(max(soc, 0.0), 1.0)
