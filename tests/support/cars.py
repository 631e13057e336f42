"""Cars of a test by the hours of their stay, and hourly horizons, for all tests of charging."""

from __future__ import annotations

import pandas as pd

from gridloop.optimize.horizon import Horizon
from gridloop.testing import moment


def at(hours: float) -> pd.Timestamp:
    """So many hours after the tests' moment."""
    return moment() + pd.Timedelta(hours=hours)


def cars(*rows: tuple[str, float, float, float, float]) -> pd.DataFrame:
    """Sessions as (id, hour of arrival, hour of departure, MWh, MW)."""
    return pd.DataFrame(
        [("b", at(a), at(d), e, p) for _, a, d, e, p in rows],
        columns=["bus", "arrival", "departure", "energy_mwh", "max_charge_mw"],
        index=[name for name, *_ in rows],
    )


def hourly(n: int) -> Horizon:
    """So many hours from the tests' moment on."""
    return Horizon.regular(pd.date_range(moment(), periods=n, freq="1h"))
