"""Two units without memory: coal 50 … 150 MW, gas 10 … 40 MW, both free to start and stop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridloop.network.unit_system import UnitSystem


def two_units(demand_mw: Sequence[float], reserve_mw: float = 0.0) -> UnitSystem:
    """Coal at 20 per MWh was off, gas at 60 per MWh too; ramps that never bind."""
    unit = pd.DataFrame(
        {
            "p_min_mw": [50.0, 10.0], "p_max_mw": [150.0, 40.0],
            "ramp_up_mw_per_h": [150.0, 40.0], "ramp_down_mw_per_h": [150.0, 40.0],
            "start_max_mw": [150.0, 40.0], "stop_max_mw": [150.0, 40.0],
            "min_up_h": [1.0, 1.0], "min_down_h": [1.0, 1.0],
            "on_before": [False, False], "hours_before": [9.0, 9.0], "p_before_mw": [0.0, 0.0],
            "must_run": [False, False],
        },
        index=pd.Index(["coal", "gas"], name="id"),
    )  # fmt: skip
    cost = [("coal", 50.0, 1000.0), ("coal", 150.0, 3000.0), ("gas", 10.0, 600.0), ("gas", 40.0, 2400.0)]
    hours = len(demand_mw)
    none = pd.DataFrame(index=pd.RangeIndex(hours))
    return UnitSystem(
        unit=unit,
        cost=pd.DataFrame(cost, columns=["unit", "p_mw", "cost_per_h"]),
        start=pd.DataFrame([("coal", 1.0, 100.0), ("gas", 1.0, 50.0)], columns=["unit", "off_h", "cost"]),
        demand_mw=pd.Series(demand_mw, dtype=float),
        reserve_mw=pd.Series(np.full(hours, reserve_mw)),
        regulation_mw=pd.Series(np.zeros(hours)),
        renewable_min_mw=none,
        renewable_max_mw=none,
    )
