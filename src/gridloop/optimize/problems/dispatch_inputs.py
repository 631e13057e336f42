"""What a dispatch is asked, as series over steps: demand, reserve, forecasts, and the length of a step."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, GapInSeries, OutOfRange, listed

Forecast = pd.DataFrame | pd.Series | Mapping[str, float]


def as_checked(available: Forecast | None) -> pd.DataFrame | pd.Series | None:
    """Forecasts as the checker reads them."""
    if available is None or isinstance(available, pd.DataFrame):
        return available
    return pd.Series(dict(available), dtype=float)


def check_hours(hours: float) -> None:
    """Raises `OutOfRange`, or `BadInput`, for what is no length of a step."""
    if not isinstance(hours, (int, float, np.number)):
        raise BadInput(f"hours {hours!r} is no number; give the length of a step, such as 0.25.")
    if not 0 < hours < np.inf:
        raise OutOfRange(f"a step of {hours:g} h is none; give hours above 0, such as 0.25.", hours=hours)


def reserve_of(reserve_mw: float | pd.Series, times: pd.Index) -> pd.Series:
    """Reserve to hold in every step. Raises `OutOfRange` where it is negative, and as `series_of`."""
    reserve = series_of("reserve_mw", reserve_mw, times)
    if (reserve < 0).any():
        raise OutOfRange(f"the reserve is negative, down to {reserve.min():g} MW; give 0 or more.")
    return reserve


def series_of(name: str, value: float | pd.Series | None, times: pd.Index | None = None) -> pd.Series:
    """A series over steps. Raises `GapInSeries` where one is missing, `BadInput` for what is no number."""
    if isinstance(value, pd.Series):
        try:
            series = value.astype(float)
        except (TypeError, ValueError) as error:
            raise BadInput(f"{name} is no number in places: {error}.") from error
        if times is not None:
            missing = [str(t) for t in times if t not in series.index]
            if missing:
                raise GapInSeries(f"{name} is missing in {len(missing)} steps: {listed(missing)}.", steps=missing)
            series = series.loc[list(times)]
        if series.index.has_duplicates or not len(series):
            raise BadInput(f"{name} needs one value for each of its times, and at least one.")
    else:
        if value is None:
            raise BadInput(f"{name} is needed for a table of units: a number, or a series by time.")
        if not isinstance(value, (int, float, np.number)):
            raise BadInput(f"{name} is a {type(value).__name__}; give a number, or a pandas Series by time.")
        series = pd.Series(float(value), index=pd.RangeIndex(1) if times is None else times)
    if not np.isfinite(series.to_numpy()).all():
        count = int((~np.isfinite(series.to_numpy())).sum())
        raise GapInSeries(f"{name} is missing or infinite in {count} of {len(series)} steps; fill it by name first.")
    return series.rename_axis("time")
