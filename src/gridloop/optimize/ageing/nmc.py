"""Nickel-manganese-cobalt cells: a large one as grids use it, and a small one of the published classic."""

from __future__ import annotations

import numpy as np

from gridloop.optimize.ageing.chemistry import ZERO_CELSIUS_K, Chemistry, Knee, KnownRange, Stress
from gridloop.optimize.ageing.graphite import anode_potential
from gridloop.units import FloatArray

# 75 Ah pouch cell: rates at 35 °C and 0.123 V, where temperature and potential are one.
_WARM_K, _POTENTIAL_V = ZERO_CELSIUS_K + 35.0, 0.123
# Beyond the tests (cold, full and deep at once) the linear law of the knee would turn negative; fewer full cycles than
# this no pouch cell of the kind has been seen to end with.
_FEWEST_FULL_CYCLES = 1_000.0


def _pouch_calendar(temperature_k: FloatArray, soc: FloatArray) -> FloatArray:
    warm = temperature_k / _WARM_K
    return np.asarray(2.66e7 * np.exp((-17.8 - 5.21 * anode_potential(soc) / _POTENTIAL_V) / warm))


def _pouch_cycling(stress: Stress) -> FloatArray:
    warm = stress.temperature_k / _WARM_K
    return np.asarray(3.80e3 * np.exp(-18.4 / warm + 1.04 * np.exp(stress.depth**2)))


def _pouch_full_cycles(stress: Stress) -> FloatArray:
    celsius = stress.temperature_k - ZERO_CELSIUS_K
    worn_by = 153.0 * (celsius - 55.0) * stress.depth * stress.middle / 0.6
    return np.asarray(np.maximum(1e4 + worn_by, _FEWEST_FULL_CYCLES))


NMC_POUCH = Chemistry(
    name="nmc",
    cell="Kokam 75 Ah NMC/graphite pouch",
    source=(
        "K. Smith et al., Life prediction model for grid-connected Li-ion battery energy storage system, American "
        "Control Conference 2017; refitted by NREL in BLAST-Lite, model nmc111_gr_Kokam75Ah_2017"
    ),
    tested=KnownRange(temperature_c=(0.0, 45.0), depth=(0.8, 1.0), c_rate=1.0),
    calendar=_pouch_calendar,
    calendar_power=0.357,
    cycling=_pouch_cycling,
    cycling_power=0.778,
    # A new cell starts with 1e-8 of its material lost, which the tenth power makes 17 % of the way.
    knee=Knee(full_cycles=_pouch_full_cycles, sharpness=10.0, begun=(2.0 * np.arctanh(1e-8)) ** 0.1, spare=0.01),
)

# Open-circuit voltage of the small cell to 3 mV (Schmalstieg, figure 1; Ecker et al., J. Power Sources 248 (2014) 839).
_SOC = np.array([0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 1.0])
_VOLTAGE = np.array(
    [
        3.331, 3.367, 3.420, 3.491, 3.544, 3.581, 3.627, 3.655, 3.672, 3.697, 3.732, 3.775, 3.821, 3.869, 3.915, 3.965,
        4.019, 4.073, 4.162,
    ]
)  # fmt: skip
_CHARGE_PER_FULL_CYCLE_AH = 2.0 * 2.15  # of 2.15 Ah, in and out


def _square_voltage_up_to(soc: FloatArray) -> FloatArray:
    """∫ V² from empty to a state of charge, exact for straight lines between the points. [V²]"""
    v, width = _VOLTAGE, np.diff(_SOC)
    whole = np.append(0.0, np.cumsum(width * (v[:-1] ** 2 + v[:-1] * v[1:] + v[1:] ** 2) / 3.0))
    at = np.clip(np.searchsorted(_SOC, soc, side="right") - 1, 0, _SOC.size - 2)
    here = np.interp(soc, _SOC, v)
    return np.asarray(whole[at] + (soc - _SOC[at]) * (v[at] ** 2 + v[at] * here + here**2) / 3.0)


def _mean_voltage(middle: FloatArray, depth: FloatArray) -> FloatArray:
    """Root mean square of the voltage over the range of a cycle. [V]"""
    low, high = np.clip(middle - depth / 2.0, 0.0, 1.0), np.clip(middle + depth / 2.0, 0.0, 1.0)
    width = high - low
    narrow = width < 1e-9  # no range to speak of: rounding would decide
    square = (_square_voltage_up_to(high) - _square_voltage_up_to(low)) / np.where(narrow, 1.0, width)
    return np.asarray(np.where(narrow, np.interp(middle, _SOC, _VOLTAGE), np.sqrt(np.where(narrow, 1.0, square))))


def _small_calendar(temperature_k: FloatArray, soc: FloatArray) -> FloatArray:
    volts = np.interp(soc, _SOC, _VOLTAGE)
    return np.asarray((7.543 * volts - 23.75) * 1e6 * np.exp(-6976.0 / temperature_k))


def _small_cycling(stress: Stress) -> FloatArray:
    beyond = _mean_voltage(stress.middle, stress.depth) - 3.667
    per_root_ah = 7.348e-3 * beyond**2 + 7.600e-4 + 4.081e-3 * stress.depth
    return np.asarray(per_root_ah * np.sqrt(_CHARGE_PER_FULL_CYCLE_AH))


NMC_SMALL = Chemistry(
    name="nmc_18650",
    cell="Sanyo UR18650E 2.15 Ah NMC/graphite, a cell of laptops",
    source="J. Schmalstieg et al., J. Power Sources 257 (2014) 325",
    tested=KnownRange(temperature_c=(20.0, 50.0), depth=(0.05, 1.0), c_rate=1.0),
    calendar=_small_calendar,
    calendar_power=0.75,
    cycling=_small_cycling,
    cycling_power=0.5,
)
