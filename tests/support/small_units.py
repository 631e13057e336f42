"""Small unit systems that a pencil can follow."""

from __future__ import annotations

import pandas as pd

from gridloop.network.unit_system import UnitSystem


def small_system(demand, *, units=None, reserve=0.0, regulation=0.0, renewable=None, **more) -> UnitSystem:
    """Units by id: p_min, p_max, cost per MWh, no-load cost, start cost, and any column of the table by name."""
    units = units or {"base": (20, 100, 10.0, 100.0, 1000.0, {}), "peak": (5, 50, 40.0, 20.0, 50.0, {})}
    rows, curve, start = [], [], []
    for name, (low, high, per_mwh, no_load, start_cost, columns) in units.items():
        rows.append(
            {
                "id": name, "p_min_mw": low, "p_max_mw": high, "ramp_up_mw_per_h": high, "ramp_down_mw_per_h": high,
                "start_max_mw": high, "stop_max_mw": high, "min_up_h": 1, "min_down_h": 1, "on_before": False,
                "hours_before": 10, "p_before_mw": 0.0, "must_run": False,
            }
            | columns
        )  # fmt: skip
        curve += [(name, low, no_load + per_mwh * low), (name, high, no_load + per_mwh * high)]
        start.append((name, 1, start_cost))
    hours = len(demand)
    wind = pd.DataFrame({"wind": renewable} if renewable is not None else {}, index=range(hours), dtype=float)
    return UnitSystem(
        unit=pd.DataFrame(rows).set_index("id"),
        cost=pd.DataFrame(curve, columns=["unit", "p_mw", "cost_per_h"]),
        start=pd.DataFrame(start, columns=["unit", "off_h", "cost"]),
        demand_mw=pd.Series(demand, dtype=float),
        reserve_mw=pd.Series([reserve] * hours, dtype=float),
        regulation_mw=pd.Series([regulation] * hours, dtype=float),
        renewable_min_mw=wind * 0.0,
        renewable_max_mw=wind,
        **more,
    )
