"""Why a building takes what it takes now, and why each of its zones is warmed, cooled or left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gridloop.optimize.devices.group import MOVING_MW, LocalPrices
from gridloop.units import FloatArray, IntArray

if TYPE_CHECKING:
    from gridloop.optimize.devices.building_group import BuildingGroup

AT_BAND_K = 1e-4  # a temperature this close to an end of its band stands at it


def zone_reasons(
    group: BuildingGroup, heat: FloatArray, cold: FloatArray, air: FloatArray, idle: FloatArray
) -> list[str]:
    """One code per zone for the first interval; see `gridloop.optimize.explain`."""
    low, high = group.low[:, 0], group.high[:, 0]
    found = []
    for k in range(len(heat)):
        if heat[k] > MOVING_MW:
            needed = idle[k] < low[k] - AT_BAND_K and air[k] <= low[k] + AT_BAND_K
            found.append("run_for_comfort" if needed else "heat_ahead")
        elif cold[k] > MOVING_MW:
            needed = idle[k] > high[k] + AT_BAND_K and air[k] >= high[k] - AT_BAND_K
            found.append("run_for_comfort" if needed else "cool_ahead")
        elif low[k] - AT_BAND_K <= idle[k] <= high[k] + AT_BAND_K:
            found.append("stays_in_band")
        else:
            found.append("no_heat_left" if (idle[k] < low[k]) else "no_cold_left")
    return found


def building_reasons(
    group: BuildingGroup, power: FloatArray, zones: list[str], prices: LocalPrices, at: IntArray
) -> tuple[list[str], list[str]]:
    """Code and limit per building, from what its zones do."""
    here, effect, limit = prices.p[at, 0], prices.limit_effect[at, 0], prices.limit[at, 0]
    code, binding = [], []
    for k in range(len(power)):
        mine = {zones[z] for z in np.flatnonzero(group.home == k)}
        limited = bool(limit[k]) and abs(effect[k]) > 0.01 * max(1.0, abs(here[k]))
        if power[k] > MOVING_MW:
            if "run_for_comfort" in mine:
                code.append("run_for_comfort")
                binding.append("band")
            elif limited and effect[k] < 0:
                code.append("relieve_limit")
                binding.append(str(limit[k]))
            else:
                code.append("run_low_price")
                binding.append("")
        elif limited and effect[k] > 0:
            code.append("wait_for_limit")
            binding.append(str(limit[k]))
        else:
            code.append("stays_in_band" if mine <= {"stays_in_band"} else "wait_cheaper")
            binding.append("")
    return code, binding
