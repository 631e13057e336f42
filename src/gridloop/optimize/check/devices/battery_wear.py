"""Wear by depth, counted anew: what is discharged comes from the top of a stack, and deeper energy is dearer.

A stack of (energy, layer) is charged at its top and discharged from it; a layer has room for its width of the capacity.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gridloop.optimize.devices.battery import Battery
from gridloop.units import FloatArray


def wear_of(battery: Battery, charge: FloatArray, discharge: FloatArray, hours: FloatArray) -> float:
    """Money for the wear of a battery. charge, discharge [step], MW in the mean of each interval"""
    cost = battery.degradation_cost
    if not isinstance(cost, Sequence):
        return float(cost) * float((discharge * hours).sum())
    upper = [float(depth) for depth, _ in cost]
    upper[-1] = 1.0
    price = [float(money) for _, money in cost]
    edges = [battery.capacity_mwh * depth for depth in [0.0, *upper]]
    empty = [edges[j + 1] - edges[j] for j in range(len(price))]
    stored = [0.0] * len(price)
    _pour(stored, empty, battery.initial_soc * battery.capacity_mwh)
    paid = 0.0
    for t, h in enumerate(hours):
        loss = 1.0 - (1.0 - battery.self_discharge_per_day) ** (h / 24.0)
        for j in range(len(price)):
            lost = loss * stored[j]
            stored[j], empty[j] = stored[j] - lost, empty[j] + lost
        taken_in = float(charge[t]) * h * battery.charge_efficiency
        drawn = float(discharge[t]) * h / battery.discharge_efficiency
        both = min(taken_in, drawn)
        paid += price[0] * both * battery.discharge_efficiency
        _pour(stored, empty, taken_in - both)
        left = drawn - both
        for j in range(len(price)):
            part = min(left, stored[j])
            stored[j], empty[j], left = stored[j] - part, empty[j] + part, left - part
            paid += price[j] * part * battery.discharge_efficiency
    return float(np.float64(paid))


def _pour(stored: list[float], empty: list[float], energy: float) -> None:
    for j in range(len(stored)):
        part = min(energy, empty[j])
        stored[j], empty[j], energy = stored[j] + part, empty[j] - part, energy - part
