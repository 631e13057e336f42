"""What batteries of a site can take and give for a whole interval, and what they then hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.operate.site import BATTERY_COLUMNS
from gridloop.units import FloatArray


@dataclass(frozen=True)
class Stores:
    """Batteries at the begin of an interval. kept [storage] MWh; most_charge, most_discharge [storage] MW

    kept  what is left of what they hold if they rest; the most of each ends at full and at empty
    """

    kept: FloatArray
    most_charge: FloatArray
    most_discharge: FloatArray
    hours: float
    charge_efficiency: FloatArray
    discharge_efficiency: FloatArray

    @classmethod
    def of(
        cls, storage: pd.DataFrame, stored_mwh: FloatArray, hours: float, least_soc: FloatArray | None = None
    ) -> Stores:
        """storage: rows of a network; stored_mwh [storage]; least_soc [storage]  where it is not their own lowest"""
        column = {c: storage[c].to_numpy(dtype=float) for c in BATTERY_COLUMNS}
        into, out = column["charge_efficiency"], column["discharge_efficiency"]
        kept = stored_mwh * (1 - column["self_discharge_per_day"]) ** (hours / 24.0)
        room = np.clip(column["max_soc"] * column["capacity_mwh"] - kept, 0, None) / (into * hours)
        least = column["min_soc"] if least_soc is None else least_soc
        rest = np.clip(kept - least * column["capacity_mwh"], 0, None) * out / hours
        most_charge, most_discharge = column["max_charge_mw"], column["max_discharge_mw"]
        return cls(kept, np.minimum(most_charge, room), np.minimum(most_discharge, rest), hours, into, out)

    def after(self, power: FloatArray) -> FloatArray:
        """What they hold at the end. power [storage] MW, charging positive; [storage] MWh"""
        charge, discharge = np.clip(power, 0, None), np.clip(-power, 0, None)
        return self.kept + self.hours * (self.charge_efficiency * charge - discharge / self.discharge_efficiency)
