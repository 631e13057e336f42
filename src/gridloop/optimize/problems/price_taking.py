"""Schedules of batteries that face prices alone: the same plan without a linear model, exact at negative prices too.

Nothing couples such batteries. One battery on a copper plate always trades at the connection's prices; several do where
buying and selling cost the same, for then it makes no difference which of them a MWh comes from.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.optimize.devices.battery import BAND_PRICE, Battery
from gridloop.optimize.devices.battery_group import BatteryGroup
from gridloop.optimize.devices.battery_reasons import Comparison
from gridloop.optimize.devices.connection import PRICES, Connection
from gridloop.optimize.devices.group import LIMIT_COLUMNS, LocalPrices, Quantity
from gridloop.optimize.devices.market import Market
from gridloop.optimize.physics.base import Physics
from gridloop.optimize.plan import Plan, plan_table
from gridloop.optimize.storage import Stored, cost_parts, energy_only, solve
from gridloop.units import FloatArray


def suits(
    devices: Sequence[Any],
    prices: pd.DataFrame,
    connection: Connection,
    network: Network | Feeder | None,
    physics: Physics | None,
    previous: Plan | pd.DataFrame | None,
) -> bool:
    """True where nothing but prices decides: batteries alone, and no network, limit, peak or last plan to mind."""
    if not devices or network is not None or physics is not None or previous is not None:
        return False
    if not all(type(device) is Battery and energy_only(device) for device in devices):
        return False
    if connection.outages or (connection.contracted_peak_mw is not None and connection.peak_price_per_mw > 0):
        return False
    most_in, most_out = (sum(getattr(b, f"max_{way}_mw") for b in devices) for way in ("charge", "discharge"))
    if connection.import_limit_mw <= most_in or connection.export_limit_mw <= most_out:
        return False
    buy, sell = (prices[name].to_numpy(dtype=float) for name in PRICES)
    return len(devices) == 1 or bool((buy == sell).all())


def plan(devices: Sequence[Any], market: Market, connection: Connection) -> Plan:
    """The cheapest plan of the batteries, as `schedule` gives it; only for what `suits`."""
    started = time.perf_counter()
    group, horizon = BatteryGroup(devices, market), market.horizon
    found = solve(group, market)
    seconds = time.perf_counter() - started
    net = found.power.sum(axis=1)
    local = _local_prices(group, market, found, net)
    worth = _worth(group, found.worth[0])
    quantities = [
        *((group.kind, q) for q in group.quantities(found.power.T, found.energy.T, worth, local)),
        ("connection", Quantity("import_mw", [connection.id], [""], np.maximum(net, 0.0)[None, :])),
        ("connection", Quantity("export_mw", [connection.id], [""], np.maximum(-net, 0.0)[None, :])),
    ]
    parts = _parts(group, market, found, net)
    return Plan(
        horizon=horizon,
        table=plan_table(horizon, quantities),
        cost=sum(parts.values()),
        parts=parts,
        check=pd.DataFrame(index=horizon.starts),
        gave_way={},
        status="optimal",
        rounds=1,
        solver_s=seconds,
        local_price=pd.DataFrame(local.p.T, index=horizon.starts, columns=local.bus),
        limits=pd.DataFrame(columns=LIMIT_COLUMNS),
    )


def _worth(group: BatteryGroup, stored: FloatArray) -> Comparison:
    """What decides in the first interval. stored [battery]  worth of a MWh stored"""
    return Comparison(group.eta_in * stored, stored / group.eta_out + group.wear, group.least, group.most)


def _parts(group: BatteryGroup, market: Market, found: Stored, net: FloatArray) -> dict[str, float]:
    """Money by part; what batteries give each other is not traded."""
    own = {name: float(money.sum()) for name, money in cost_parts(group, market, found.power, found.energy).items()}
    buy, sell = (market.prices[name].to_numpy(dtype=float) * market.horizon.hours for name in PRICES)
    own["import"] = float(buy @ np.maximum(net, 0.0))
    own["export"] = -float(sell @ np.maximum(-net, 0.0))
    if not _may_leave_band(group, market.horizon.hours):
        own.pop("battery_band")
    return {"import": own.pop("import"), "export": own.pop("export"), "connection_limit": 0.0, **own}


def _may_leave_band(group: BatteryGroup, hours: FloatArray) -> bool:
    """True where a battery begins outside its band, or cannot charge what it loses: then the band is in the bill."""
    kept = (1.0 - group.loss_per_day) ** (hours[:, None] / 24.0)
    can_hold = group.charge_max * group.eta_in * hours[:, None] >= group.least * (1.0 - kept)
    falls = ~((group.start >= group.least) & can_hold.all(axis=0)) & (group.start * kept.prod(axis=0) < group.least)
    return bool((falls | (group.start * kept[0] > group.most)).any())


def _local_prices(group: BatteryGroup, market: Market, found: Stored, net: FloatArray) -> LocalPrices:
    """What one more MWh is worth: it saves a purchase, or is sold; while all wait, it may also be stored instead."""
    hours = market.horizon.hours
    buy, sell = (market.prices[name].to_numpy(dtype=float) for name in PRICES)
    energy = np.where(net > 0.0, buy, sell)
    waits = (net == 0.0) & (sell < buy)
    if waits.any():  # then it is one battery
        kept = (1.0 - group.loss_per_day[0]) ** (hours / 24.0)
        later = np.append(kept[1:] * found.worth[1:, 0], group.end_value[0])
        later += BAND_PRICE * hours * (found.energy[:, 0] < group.least[0])
        stored = group.eta_in[0] * later - group.early[0] * market.horizon.waiting
        room = (found.energy[:, 0] < group.most[0]) & (group.charge_max[0] > 0.0)
        energy = np.where(waits & room, np.clip(stored, sell, buy), energy)
    buses = pd.Index(sorted(set(group.bus)))
    shape = (len(buses), hours.size)
    none, unnamed = np.zeros(shape), np.full(shape, "", dtype=object)
    return LocalPrices(buses, energy, np.broadcast_to(energy, shape), none, unnamed, none, none, unnamed, none)
