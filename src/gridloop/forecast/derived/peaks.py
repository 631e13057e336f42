"""Peaks: when and how high the load of a day or a period will peak, and what that leaves of a capacity.

With joint scenarios the answers are shares of them. From quantiles alone the intervals are taken to be high and low
together, which is nearly so within a day; the probability that any of them exceeds a capacity then has a lower and an
upper bound, and both are told.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.forecast.value import QUANTILES, Forecast
from gridloop.units import FloatArray

LEAST_SCENARIOS = 20
"""Fewer say nothing about a P90."""

NARROWEST_MW = 1e-9
"""Quantiles closer than this are one number."""


def peaks(
    forecast: Forecast,
    point: str,
    *,
    capacity_mw: float | None = None,
    zone: str = "UTC",
    scenarios: FloatArray | None = None,
    by_day: bool = True,
) -> pd.DataFrame:
    """The peak of every local day, or of the whole period as one row.

    capacity_mw  of what carries the load, such as a transformer
    scenarios    [interval, scenario] MW, jointly drawn, in the order of `forecast.valid_at`; None: from the quantiles

    Columns: `p10`, `p50`, `p90` of the size [MW]; `at`, the interval that most probably holds the peak, and `at_share`,
    the probability of it (NaN from quantiles); with a capacity `exceeds`, the probability that any interval is above
    it, within `exceeds_least` … `exceeds_most`, and `reserve_mw`, capacity minus P90: the margin that nine days in ten
    leave. Negative is a shortfall.

    Raises `OutOfRange` where the point is unknown, the capacity is not positive or the scenarios do not fit.
    """
    table = forecast.at(point)
    if capacity_mw is not None and not (np.isfinite(capacity_mw) and capacity_mw > 0.0):
        raise OutOfRange(f"capacity: {capacity_mw} MW; it must be above zero.", capacity_mw=capacity_mw)
    if scenarios is not None and (
        scenarios.ndim != 2 or len(scenarios) != len(table) or scenarios.shape[1] < LEAST_SCENARIOS
    ):
        raise OutOfRange(
            f"scenarios: {scenarios.shape} values for {len(table)} intervals; give [interval, scenario], and at least "
            f"{LEAST_SCENARIOS} scenarios.",
            shape=scenarios.shape,
        )
    times = pd.DatetimeIndex(table.index)
    local = times.tz_convert(zone)
    days = local.normalize() if by_day else pd.DatetimeIndex([local[0].normalize()] * len(local))
    levels, values = forecast.levels, table.to_numpy(dtype=float)
    rows = []
    for day in days.unique():
        here = np.asarray(days == day)
        if scenarios is None:
            row = _of_quantiles(values[here], levels, capacity_mw)
        else:
            row = _of_scenarios(scenarios[here], capacity_mw)
        at = times[here][int(row.pop("row"))]
        reserve = {} if capacity_mw is None else {"reserve_mw": capacity_mw - row["p90"]}
        rows.append({"day": day.date(), "at": at, **row, **reserve})
    return pd.DataFrame(rows).set_index("day")


def exceedance(values: FloatArray, levels: FloatArray, threshold_mw: float) -> FloatArray:
    """Probability of being above a threshold. [row]

    values  [row, quantile] MW, ascending; levels [quantile], rising

    Between quantiles the distance in standard deviations of a normal distribution grows evenly; beyond the outer ones
    it goes on as between the two next to them: with three quantiles this is a normal distribution of two widths.
    """
    from scipy.special import ndtr, ndtri

    z = ndtri(levels)
    answer = np.empty(len(values))
    for k, row in enumerate(values):
        if threshold_mw >= row[-1]:
            width = row[-1] - row[-2]
            at = z[-1] + (threshold_mw - row[-1]) * (z[-1] - z[-2]) / width if width > NARROWEST_MW else np.inf
        elif threshold_mw < row[0]:
            width = row[1] - row[0]
            at = z[0] - (row[0] - threshold_mw) * (z[1] - z[0]) / width if width > NARROWEST_MW else -np.inf
        else:
            j = int(np.searchsorted(row, threshold_mw, side="right"))
            at = z[j - 1] + (threshold_mw - row[j - 1]) / (row[j] - row[j - 1]) * (z[j] - z[j - 1])
        answer[k] = 1.0 - ndtr(at)
    return answer


def _of_quantiles(values: FloatArray, levels: FloatArray, capacity_mw: float | None) -> dict[str, float]:
    middle = values[:, int(np.argmin(np.abs(levels - QUANTILES["p50"])))]
    row: dict[str, float] = {
        name: float(values[:, int(np.argmin(np.abs(levels - level)))].max()) for name, level in QUANTILES.items()
    }
    row |= {"row": float(np.argmax(middle)), "at_share": float("nan")}
    if capacity_mw is not None:
        above = exceedance(values, levels, capacity_mw)
        most = float(min(1.0, above.sum()))
        row |= {"exceeds": float(above.max()), "exceeds_least": float(above.max()), "exceeds_most": most}
    return row


def _of_scenarios(scenarios: FloatArray, capacity_mw: float | None) -> dict[str, float]:
    highest = scenarios.max(axis=0)
    at = np.bincount(scenarios.argmax(axis=0), minlength=len(scenarios))
    row: dict[str, float] = {name: float(np.quantile(highest, level)) for name, level in QUANTILES.items()}
    row |= {"row": float(at.argmax()), "at_share": float(at.max() / scenarios.shape[1])}
    if capacity_mw is not None:
        share = float((highest > capacity_mw).mean())
        row |= {"exceeds": share, "exceeds_least": share, "exceeds_most": share}
    return row
