"""The four units of the reference text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def four_units() -> pd.DataFrame:
    """Coal and gas with quadratic costs, sun and wind for nothing; the last two follow a forecast."""
    return pd.DataFrame(
        {
            "p_min_mw": [50.0, 30.0, 0.0, 0.0],
            "p_max_mw": [200.0, 150.0, 100.0, 80.0],
            "cost_quadratic_per_mw2h": [0.05, 0.07, 0.0, 0.0],
            "cost_linear_per_mwh": [20.0, 15.0, 0.0, 0.0],
            "cost_fixed_per_h": [1000.0, 500.0, 0.0, 0.0],
            "kind": ["thermal", "thermal", "solar", "wind"],
            "emissions_t_per_mwh": [0.9, 0.4, 0.0, 0.0],
        },
        index=["G1", "G2", "G3", "G4"],
    )


@pytest.fixture
def forecast() -> dict[str, float]:
    return {"G3": 75.0, "G4": 60.0}


@pytest.fixture
def two_lines() -> pd.DataFrame:
    """Two units with straight costs: 10 up to 100 MW, 30 up to 100 MW."""
    return pd.DataFrame(
        {"p_max_mw": [100.0, 100.0], "cost_linear_per_mwh": [10.0, 30.0], "ramp_mw_per_h": [np.nan, np.nan]},
        index=["cheap", "dear"],
    )
