"""What the same devices would do by themselves: the state before a plan, and its bill at the real prices.

Left alone, nobody answers a price or a limit. That is the schedule against one flat price, the mean of what is asked,
without limits: vehicles charge as they come and give nothing back, batteries rest and offer no services, what may run
early runs early. It is then billed at the prices as they are, and what batteries keep is worth what they say. Costs are
recomputed by the rules of `gridloop.optimize.check`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gridloop.optimize.check.checked import Ledger
from gridloop.optimize.check.devices.base import Span
from gridloop.optimize.check.devices.kinds import check_devices
from gridloop.optimize.check.plan_table import read_table
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection, price_table
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.island_reserve import IslandReserve
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.reducible import Reducible
from gridloop.optimize.devices.sheddable import Sheddable
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule

LEAST_PRICE = 1.0
"""Money per MWh that is asked at least: at no price at all it would not matter whether the sun's energy is taken."""


@dataclass(frozen=True)
class Before:
    """Devices left alone.

    plan   what they do; its costs are those of the flat price
    parts  costs by part at the real prices, as of a plan; limits of the connection cost nothing here
    net_mw   [step]  import less export
    beyond   limits of the connection that are exceeded, and by how many MW at most
    """

    plan: Plan
    parts: Mapping[str, float]
    net_mw: pd.Series
    beyond: Mapping[str, float]

    @property
    def cost(self) -> float:
        """Total in money over the horizon."""
        return float(sum(self.parts.values()))


def left_alone(
    devices: Sequence[Device],
    prices: pd.DataFrame | pd.Series,
    *,
    connection: Connection | None = None,
    horizon: Horizon | None = None,
) -> Before | None:
    """The state before a plan; None where even that has no solution. Arguments and errors as of `schedule`."""
    table = price_table(prices)
    horizon = horizon or Horizon.regular(pd.DatetimeIndex(table.index))
    flat = max(LEAST_PRICE, float(np.average(table["import_eur_per_mwh"], weights=horizon.hours)))
    devices = [_unmoved(device) for device in devices if not isinstance(device, IslandReserve)]
    plan = schedule(devices, pd.Series(flat, index=table.index), horizon=horizon)
    if not plan.solved:
        return None
    connection = connection or Connection()
    buy, sell = (table[name].to_numpy(dtype=float) for name in ("import_eur_per_mwh", "export_eur_per_mwh"))
    span = Span(horizon.starts, horizon.hours, table, float(np.average(sell, weights=horizon.hours)))
    ledger = Ledger(np.inf, base_mva=1.0)
    values = read_table(plan.table, devices, Connection().id, span, ledger)
    found = check_devices(devices, values, span, ledger)
    net = found.taken_mw
    parts = dict(found.cost)
    parts["import"] = float(buy * horizon.hours @ np.clip(net, 0, None))
    parts["export"] = -float(sell * horizon.hours @ np.clip(-net, 0, None))
    if connection.contracted_peak_mw is not None and connection.peak_price_per_mw > 0:
        over = max(0.0, float(net.max()) - connection.contracted_peak_mw)
        parts["peak"] = connection.peak_price_per_mw * over
    limits = {"import": connection.import_limit_mw, "export": connection.export_limit_mw}
    most = {"import": float(net.max()), "export": float(-net.min())}
    beyond = {f"{way}_limit": most[way] - limit for way, limit in limits.items() if most[way] > limit + 1e-9}
    return Before(plan, parts, pd.Series(net, index=horizon.starts), beyond)


def _unmoved(device: Device) -> Device:
    """The device without what only answers a price: a battery moves nothing, vehicles give nothing back,
    loads take what they take."""
    if isinstance(device, Battery):
        return replace(device, max_charge_mw=0.0, max_discharge_mw=0.0, regulation=None, reserve=None)
    if isinstance(device, EVFleet):
        return replace(device, sessions=device.sessions.assign(v2g=False))
    if isinstance(device, Reducible):
        return replace(device, max_reduction=0.0)
    if isinstance(device, Load):
        return replace(device, sheddable=0.0)
    if isinstance(device, Sheddable):
        return replace(device, classes=[part._replace(share=0.0) for part in device.classes])
    return device
