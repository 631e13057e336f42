"""Two buses and a line: the network of the plans by pencil, and loads by the hour."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.network.model import Network


def hours(values):
    return pd.Series([float(v) for v in values], pd.date_range("2026-01-01", periods=len(values), freq="h", tz="UTC"))


def two_buses(rating=50.0, storage=None, ramp=(np.nan, np.nan)):
    """A cheap unit at a, a dear one and 1 MW of load at b, a line of x = 0.1 per unit between them."""
    tables = {
        "bus": [{"id": b, "v_nom_kv": 100.0} for b in "ab"],
        "line": [
            {"id": "ab", "tail_bus": "a", "head_bus": "b", "length_km": 1.0, "r_ohm_per_km": 0.0, "x_ohm_per_km": 10.0,
             "i_max_ka": rating / (3**0.5 * 100.0)}
        ],
        "load": [{"id": "town", "bus": "b", "p_mw": 1.0}],
        "generator": [
            {"id": "cheap", "bus": "a", "p_max_mw": 200.0, "cost_linear_per_mwh": 10.0, "ramp_mw_per_h": ramp[0]},
            {"id": "dear", "bus": "b", "p_max_mw": 200.0, "cost_linear_per_mwh": 40.0, "ramp_mw_per_h": ramp[1]},
        ],
        "source": [{"id": "s", "bus": "a", "p_min_mw": 0.0, "p_max_mw": 0.0, "q_min_mvar": 0.0, "q_max_mvar": 0.0}],
        "storage": [] if storage is None else [{"id": "store", "bus": "b", "p_mw": 0.0} | storage],
    }  # fmt: skip
    return Network.from_tables(tables, owner="test")
