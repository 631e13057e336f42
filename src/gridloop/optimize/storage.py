"""Batteries that take prices as they are, each for itself: their cheapest schedules, exactly and thousands at once.

No solver: `kernel/storage.py` has the method, docs/math/flexibility-storage.md the equations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange, listed
from gridloop.kernel.storage import store_schedules
from gridloop.optimize.devices.battery import BAND_PRICE, Battery
from gridloop.optimize.devices.battery_group import BatteryGroup
from gridloop.optimize.devices.connection import PRICES, price_table
from gridloop.optimize.devices.market import Market
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.problems.inputs import check_input
from gridloop.powerflow.threads import in_threads
from gridloop.units import FloatArray

# What the kernel knows of a battery. Any other field has to stand at its default, which means: not used.
KNOWN = frozenset({
    "capacity_mwh", "max_charge_mw", "max_discharge_mw", "charge_efficiency", "discharge_efficiency", "min_soc",
    "max_soc", "initial_soc", "degradation_cost", "self_discharge_per_day", "end_value_per_mwh", "early_cost", "id",
    "bus",
})  # fmt: skip
_OTHERS: dict[str, Any] = {
    f.name: f.default if f.default_factory is MISSING else f.default_factory()
    for f in fields(Battery)
    if f.name not in KNOWN
}
# Fewer battery-intervals than this are done before a second thread has begun.
WORTH_A_THREAD = 10_000


@dataclass(frozen=True)
class BatterySchedules:
    """The cheapest schedules of batteries, each alone against the prices.

    p_mw        interval × battery: mean power; charging positive, discharging negative (convention 2)
    energy_mwh  interval × battery: stored at the end of the interval
    worth_eur_per_mwh  interval × battery: what one MWh more in the battery would be worth in the interval, before it
                moves: the slope of its least cost. It charges where energy costs less than this (times the efficiency)
    table       one row per battery: cost [money], its parts as in `Plan.parts`, bought_mwh, sold_mwh, and full_cycles
                (what was discharged over what the band holds)
    """

    horizon: Horizon
    p_mw: pd.DataFrame
    energy_mwh: pd.DataFrame
    worth_eur_per_mwh: pd.DataFrame
    table: pd.DataFrame


@dataclass(frozen=True)
class Stored:
    """The same as arrays: power, energy, worth [step, battery], cost [battery]."""

    power: FloatArray
    energy: FloatArray
    worth: FloatArray
    cost: FloatArray


def battery_schedules(
    batteries: Sequence[Battery],
    prices: pd.DataFrame | pd.Series,
    horizon: Horizon | None = None,
    *,
    threads: int | None = None,
) -> BatterySchedules:
    """The cheapest schedule of every battery by itself: exact, also at negative prices, never both directions at once.

    prices   index = starts of the intervals (UTC); import_eur_per_mwh and export_eur_per_mwh, or one series for both
    horizon  lengths of the intervals where they differ; regular from the prices' index otherwise
    threads  threads that share the batteries; all cores where None, and one for a few. The result is the same for any

    Each battery buys and sells for itself: where importing costs more than exporting earns, one does not feed another;
    `schedule` plans them together. Batteries that offer more than energy are refused: that is `schedule`'s too.

    Raises `OutOfRange`, `GapInSeries`, `MissingColumn` for wrong input.
    """
    table = price_table(prices)
    horizon = horizon or Horizon.regular(pd.DatetimeIndex(table.index))
    more = [battery.id for battery in batteries if not isinstance(battery, Battery) or not energy_only(battery)]
    if more:
        raise OutOfRange(
            f"{len(more)} of {len(batteries)} are not batteries that buy and sell energy alone ({listed(more)}). "
            "Plan them with `schedule`.",
            ids=more,
        )
    check_input(batteries, table, horizon)
    market = Market(table, horizon)
    group = BatteryGroup(batteries, market)
    found = solve(group, market, threads)
    parts = cost_parts(group, market, found.power, found.energy)

    def wide(values: FloatArray) -> pd.DataFrame:
        return pd.DataFrame(values, index=horizon.starts, columns=pd.Index(group.ids, dtype=object), copy=False)

    hours = horizon.hours[:, None]
    bought, sold = (hours * np.clip(sign * found.power, 0.0, None) for sign in (1.0, -1.0))
    usable = (group.most - group.least) * group.eta_out
    columns = {
        "cost": found.cost, **parts, "bought_mwh": bought.sum(axis=0), "sold_mwh": sold.sum(axis=0),
        "full_cycles": np.divide(sold.sum(axis=0), usable, out=np.zeros_like(usable), where=usable > 0.0),
    }  # fmt: skip
    rows = pd.DataFrame(columns, index=pd.Index(group.ids, name="id", dtype=object))
    return BatterySchedules(horizon, wide(found.power), wide(found.energy), wide(found.worth), rows)


def energy_only(battery: Battery) -> bool:
    """True where a battery does nothing but buy and sell energy, as far as its fields tell."""
    one_wear = not isinstance(battery.degradation_cost, Sequence)
    return one_wear and all(bool(getattr(battery, name) == default) for name, default in _OTHERS.items())


def solve(group: BatteryGroup, market: Market, threads: int | None = None) -> Stored:
    """Schedules of a group whose every battery pays and is paid the market's prices for itself."""
    hours, n = np.array(market.horizon.hours, dtype=float), len(group.ids)
    store = np.stack([
        group.eta_in, group.eta_out, group.loss_per_day, group.wear, group.early, group.start, group.least, group.most,
        group.end_value,
    ])  # fmt: skip
    buy, sell = (market.prices[name].to_numpy(dtype=float, copy=True)[:, None] for name in PRICES)
    power, energy, worth = (np.empty((hours.size, n)) for _ in range(3))
    cost = np.empty(n)

    def work(first: int, last: int) -> None:
        store_schedules(
            store, group.charge_max[None, :], group.discharge_max[None, :], buy, sell, hours, market.horizon.waiting,
            BAND_PRICE, first, last, power, energy, worth, cost,
        )  # fmt: skip

    step = max(1, WORTH_A_THREAD // hours.size)
    in_threads(((k, min(k + step, n)) for k in range(0, n, step)), work, threads)
    return Stored(power, energy, worth, cost)


def cost_parts(group: BatteryGroup, market: Market, power: FloatArray, energy: FloatArray) -> dict[str, FloatArray]:
    """Money by part, as `schedule` names them, of batteries that each trade for themselves. [battery]

    power, energy  [step, battery]  MW, and MWh at the end
    """
    hours, waiting = (values[:, None] for values in (market.horizon.hours, market.horizon.waiting))
    charge, discharge = np.clip(power, 0.0, None), np.clip(-power, 0.0, None)
    buy, sell = (market.prices[name].to_numpy(dtype=float)[:, None] for name in PRICES)
    outside = np.clip(np.maximum(group.least - energy, energy - group.most), 0.0, None)
    return {
        "import": (buy * hours * charge).sum(axis=0),
        "export": -(sell * hours * discharge).sum(axis=0),
        "battery_wear": group.wear * (hours * discharge).sum(axis=0),
        "battery_waiting": group.early * (waiting * hours * (charge + discharge)).sum(axis=0),
        "stored_energy": -group.end_value * energy[-1],
        "battery_band": BAND_PRICE * (hours * outside).sum(axis=0),
    }
