"""What batteries do within an hour: their plan, corrected by what their common meter says.

A plan is made on a forecast. Batteries keep to its set-points, but where it meant the meter to stand at zero they do
not buy for a surplus that does not come, nor give more than is taken. They never discharge into an export that earns
nothing, take a surplus that would be given away, and hold the import below the highest that was planned or paid for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.units import FloatArray

# A plan whose exchange is below this meant zero: the solver's tolerance is 1e-7.
ZERO_MW = 1e-6


@dataclass(frozen=True)
class Pool:
    """Batteries that are alike, as one.

    capacity_mwh, power_mw   their sums
    efficiency               of each way: the square root of the round trip
    share                    [home]  of the pool
    """

    capacity_mwh: float
    power_mw: float
    efficiency: float
    share: FloatArray

    @classmethod
    def of(cls, battery: pd.DataFrame) -> Pool:
        """Pool the batteries of homes. Raises `OutOfRange` where they are not alike: then one's limit is not all's."""
        hours = battery["capacity_mwh"] / battery["power_mw"]
        for what, values in (("hours of storage", hours), ("efficiency", battery["round_trip_efficiency"])):
            if not np.allclose(values, values.iloc[0], rtol=1e-9):
                raise OutOfRange(
                    f"Batteries of {what} {values.min():.4g} … {values.max():.4g} are not alike; pool equal ones only."
                )
        total = float(battery["capacity_mwh"].sum())
        each = float(np.sqrt(battery["round_trip_efficiency"].iloc[0]))
        share = battery["capacity_mwh"].to_numpy(dtype=float) / total
        return cls(total, float(battery["power_mw"].sum()), each, share)


def follow(
    pool: Pool,
    energy_mwh: float,
    planned_mw: float,
    exchange_mw: float,
    residual_mw: float,
    hold_mw: float,
    reserve_mwh: float = 0.0,
) -> tuple[float, float]:
    """Power of the pool in an hour (charging positive), and the energy it ends with.

    planned_mw    what the plan has for the pool
    exchange_mw   import the plan meant the meter to show; negative for export
    residual_mw   load less sun, as it came
    hold_mw       import not to be exceeded while there is energy
    reserve_mwh   energy that is there to hold the import, and not to be sold to a price
    """
    power = planned_mw
    if abs(exchange_mw) <= ZERO_MW:  # more load than planned is not its to cover: its energy is meant for later too
        power = max(planned_mw, -residual_mw) if planned_mw < 0 else -residual_mw
    power = max(power, -max(energy_mwh - reserve_mwh, 0.0) * pool.efficiency)
    power = min(power, hold_mw - residual_mw)
    power = max(power, -max(residual_mw, 0.0))  # no discharge into an export
    power = max(power, -residual_mw) if residual_mw < 0 else power  # a surplus is taken, not given away
    most = min(pool.power_mw, (pool.capacity_mwh - energy_mwh) / pool.efficiency)
    least = -min(pool.power_mw, energy_mwh * pool.efficiency)
    power = min(max(power, least), most)
    into = pool.efficiency * power if power > 0 else power / pool.efficiency
    return power, min(max(energy_mwh + into, 0.0), pool.capacity_mwh)
