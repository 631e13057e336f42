"""Island reserves: each is lived through, interval by interval, from the energy that the plan leaves in every battery.

Where the model counts back from the end, this goes forward from every moment: what goes short is what was told.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gridloop.optimize.check.checked import Ledger
from gridloop.optimize.check.devices.base import Found, Kind, Span, Values
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.island_reserve import IslandReserve
from gridloop.units import FloatArray

SAME_MWH = 1e-9  # a thousandth of a watt-hour: rounding of sums
HALVINGS = 60  # to the last bit of a double


def _check(reserves: Sequence[IslandReserve], values: Values, span: Span, ledger: Ledger, found: Found) -> None:
    told = values["island_reserve", "short_mwh"]
    names = [r.id for r in reserves]
    ledger.at_least("energy missing for an island", names, told, 0.0, "MWh", span.starts)
    cost = 0.0
    for row, reserve in enumerate(reserves):
        lost = [b.id for b in reserve.batteries if b.id not in found.soc]
        if lost:
            ledger.missing("battery of an island reserve", lost)
            return
        missing = np.zeros(len(span.hours))
        short = np.zeros(len(span.hours))
        for k in range(len(span.hours)):
            missing[k], short[k] = _live(reserve, found, span.hours, k)
        # What loads miss is less than what would have to be stored for it, by the losses.
        ledger.at_most(
            "island that goes short untold", [reserve.id], missing[None, :], told[row][None, :], "MWh", span.starts
        )
        cost += reserve.shortfall_price * float(short @ span.hours)
    found.cost["island_short"] = cost


def _live(reserve: IslandReserve, found: Found, hours: FloatArray, k: int) -> tuple[float, float]:
    """What loads miss in an island that opens at the end of interval k, and what would have to be stored more. MWh"""
    needed = np.broadcast_to(np.asarray(reserve.needed, dtype=bool), hours.shape)
    if not needed[k]:
        return 0.0, 0.0
    powers = [max(0.0, b.max_discharge_mw - (reserve.headroom_mw if i == 0 else 0.0)) for i, b in
              enumerate(reserve.batteries)]  # fmt: skip
    total = sum(powers)
    missing, short = 0.0, 0.0
    for battery, power in zip(reserve.batteries, powers, strict=True):
        share = power / total if total > 0 else 1.0 / len(powers)
        empty, full = battery.min_soc * battery.capacity_mwh, battery.max_soc * battery.capacity_mwh
        energy = float(found.soc[battery.id][k]) * battery.capacity_mwh - empty
        now = _missed(reserve, battery, share, power, energy, hours, k)
        best = _missed(reserve, battery, share, power, full - empty, hours, k)
        missing += now
        if now > best + SAME_MWH:
            low, high = energy, full - empty
            for _ in range(HALVINGS):
                middle = 0.5 * (low + high)
                enough = _missed(reserve, battery, share, power, middle, hours, k) <= best + SAME_MWH
                low, high = (low, middle) if enough else (middle, high)
            short += high - energy
    return missing, short


def _missed(
    reserve: IslandReserve, battery: Battery, share: float, power: float, energy: float, hours: FloatArray, k: int
) -> float:
    """What loads miss of one battery's share in an island that opens at the end of interval k with so much energy."""
    room = (battery.max_soc - battery.min_soc) * battery.capacity_mwh
    sure = np.broadcast_to(np.asarray(reserve.sure_mw, dtype=float), hours.shape)
    wanted = np.broadcast_to(np.asarray(reserve.priority_mw, dtype=float), hours.shape)
    missed, left, j = 0.0, reserve.duration_h, k + 1
    while left > SAME_MWH:
        i = min(j, len(hours) - 1)
        h = min(float(hours[i]), left)
        gap = share * float(wanted[i] - sure[i])
        if gap > 0:
            give = min(gap, power, max(0.0, energy) * battery.discharge_efficiency / h)
            missed += (gap - give) * h
            energy -= give * h / battery.discharge_efficiency
        else:
            energy = min(room, energy + battery.charge_efficiency * min(-gap, battery.max_charge_mw) * h)
        left -= h
        j += 1
    return missed


KIND = Kind(IslandReserve, "island_reserve", (("reserve_mwh", True), ("short_mwh", False)), _check)
