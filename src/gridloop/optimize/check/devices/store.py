"""Water heaters, heat pumps and pumps: a level that adds up, its band, and the power that moves it.

The physics of each is written anew here, step by step, from the differential equation that its device states.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp
from typing import Any

import numpy as np

from gridloop.optimize.check.checked import Ledger
from gridloop.optimize.check.devices.base import Found, Kind, Span, Values, number
from gridloop.optimize.devices.heat_pump import HeatPump
from gridloop.optimize.devices.pump import Pump
from gridloop.optimize.devices.water_heater import WaterHeater
from gridloop.units import FloatArray

WATER_J_PER_LITRE_K, J_PER_MWH = 4186.0, 3.6e9

# level at the end of interval t, from that at its beginning, with a power, after so many hours
After = Callable[[Any, int, float, float, float], float]
Band = Callable[[Any, int], tuple[FloatArray, FloatArray, float]]


def _at(value: Any, t: int) -> float:
    values = np.ravel(np.asarray(value, dtype=float))
    return float(values[t if values.size > 1 else 0])


def _mass(start: float, outside: float, heat_mw: float, mwh_per_k: float, mw_per_k: float, hours: float) -> float:
    """C dT/dt = Q − K (T − T_out)"""
    if mw_per_k * hours < 1e-12 * mwh_per_k:
        return start + heat_mw * hours / mwh_per_k
    steady = outside + heat_mw / mw_per_k
    return steady + (start - steady) * exp(-mw_per_k * hours / mwh_per_k)


def _tank(d: WaterHeater, t: int, start: float, mw: float, hours: float) -> float:
    per_k = d.volume_l * WATER_J_PER_LITRE_K / J_PER_MWH
    drawn_mwh = _at(d.draw_l, t) * WATER_J_PER_LITRE_K * (d.use_c - d.inlet_c) / J_PER_MWH
    return _mass(start, d.ambient_c, d.cop * mw - drawn_mwh / hours, per_k, d.loss_mw_per_k, hours)


def _house(d: HeatPump, t: int, start: float, mw: float, hours: float) -> float:
    heat = (-1.0 if d.cooling else 1.0) * _at(d.cop, t) * mw + _at(d.gains_mw, t)
    return _mass(start, _at(d.outdoor_c, t), heat, d.mwh_per_k, d.loss_mw_per_k, hours)


def _reservoir(d: Pump, t: int, start: float, mw: float, hours: float) -> float:
    return start + (d.m3_per_mwh * mw - _at(d.demand_m3_per_h, t)) * hours


def _degrees(d: Any, n: int) -> tuple[FloatArray, FloatArray, float]:
    return np.array([_at(d.min_c, t) for t in range(n)]), np.array([_at(d.max_c, t) for t in range(n)]), d.initial_c


def _water(d: Pump, n: int) -> tuple[FloatArray, FloatArray, float]:
    return np.full(n, d.min_m3), np.full(n, d.max_m3), d.initial_m3


def _rules(
    kind: str, quantity: str, unit: str, after: After, band: Band
) -> Callable[[Sequence[Any], Values, Span, Ledger, Found], None]:
    def check(devices: Sequence[Any], values: Values, span: Span, ledger: Ledger, found: Found) -> None:
        names, p, level, h = [d.id for d in devices], values[kind, "p_mw"], values[kind, quantity], span.hours
        ledger.at_least("power", names, p, 0.0, "MW", span.starts)
        ledger.at_most("power", names, p, number(devices, "max_mw"), "MW", span.starts)
        outside_cost = left = 0.0
        for k, d in enumerate(devices):
            low, high, start = band(d, h.size)
            before = np.append(start, level[k, :-1])
            right = [after(d, t, before[t], p[k, t], h[t]) for t in range(h.size)]
            ledger.equal(f"level in {unit}", [d.id], level[k : k + 1], np.array(right)[None, :], "", span.starts)
            if d.end_value is None:
                low, high = _no_emptier(d, low, high, start, after, h)
            out = np.clip(np.maximum(low - level[k], level[k] - high), 0, None)
            if d.outside_cost is None:
                ledger.at_most(f"{unit} outside the band", [d.id], out[None, :], 0.0, "", span.starts)
            else:
                outside_cost += d.outside_cost * float(out @ h)
            left += (d.end_value or 0.0) * level[k, -1]
        found.take([d.bus for d in devices], p)
        waiting = np.cumsum(h) - h
        found.cost[f"{kind}_waiting"] = float((number(devices, "early_cost") * p * (waiting * h)).sum())
        found.cost[f"{kind}_outside"] = outside_cost
        found.cost[f"{kind}_left"] = -float(left)
        found.sent |= {(name, "p_mw"): float(p[k, 0]) for k, name in enumerate(names)}

    return check


def _no_emptier(
    d: Any, low: FloatArray, high: FloatArray, start: float, after: After, h: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The band with its last end moved to where the store began, as far as band and power allow."""
    cooling = getattr(d, "cooling", False)
    reach = start
    for t in range(h.size):
        idle, full = after(d, t, reach, 0.0, h[t]), after(d, t, reach, d.max_mw, h[t])
        # Towards the end of the band that power reaches for, and no further; beyond it only where idling leads there.
        reach = min(idle, max(full, low[t])) if cooling else max(idle, min(full, high[t]))
    if cooling:
        end = min(high[-1], max(start, low[-1], reach))
        return low, np.append(high[:-1], end)
    end = max(low[-1], min(start, high[-1], reach))
    return np.append(low[:-1], end), high


WATER_HEATER = Kind(
    WaterHeater, "water_heater", (("p_mw", True), ("temperature_c", False)),
    _rules("water_heater", "temperature_c", "K", _tank, _degrees),
)  # fmt: skip
HEAT_PUMP = Kind(
    HeatPump, "heat_pump", (("p_mw", True), ("temperature_c", False)),
    _rules("heat_pump", "temperature_c", "K", _house, _degrees),
)  # fmt: skip
PUMP = Kind(Pump, "pump", (("p_mw", True), ("level_m3", False)), _rules("pump", "level_m3", "m³", _reservoir, _water))
