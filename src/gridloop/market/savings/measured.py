"""Avoided energy: what a meter would have shown by a fitted baseline, less what it showed (IPMVP option C)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange, OutsideData
from gridloop.market.savings.days import days_of, spread
from gridloop.market.savings.drift import ends_with_drift
from gridloop.market.savings.energy_baseline import EnergyBaseline
from gridloop.market.savings.result import Savings, about_the_year, saved_table, yearly_of
from gridloop.market.savings.season import UNSEEN_DAYS, days_beyond, unseen_variances
from gridloop.market.savings.series import hours_of, over
from gridloop.market.savings.uncertainty import ashrae, half_width, of_blocks
from gridloop.units import FloatArray


def measured(
    meter: pd.Series,
    baseline: EnergyBaseline,
    drivers: pd.DataFrame | None,
    prices: pd.Series | pd.DataFrame | None,
    carbon: pd.Series | None,
    level: float,
    method: str,
    seed: int,
) -> Savings:
    """Avoided energy under the reporting period's own drivers."""
    if drivers is None and len(baseline.drivers.columns):
        raise OutOfRange(
            f"savings: the baseline was fitted with {', '.join(map(str, baseline.drivers.columns))}; give `drivers` of "
            "the reporting period."
        )
    found = days_of(meter, drivers, baseline.zone)
    if len(found) == 0:
        raise OutsideData("savings: the reporting period has no whole day with its drivers.")
    last = baseline.days.index[-1]
    overlap = int((found.energy_mwh.index <= last).sum())
    if overlap:
        raise OutOfRange(
            f"savings: {overlap} of {len(found)} days of the reporting period are days of the baseline too (it ends on "
            f"{last:%Y-%m-%d}); a measure is judged by days that the baseline was not fitted to.",
            overlap=overlap,
        )
    days = pd.DatetimeIndex(found.energy_mwh.index)
    z = baseline.rows(days, found.drivers)
    predicted = z[:, : len(baseline.terms)] @ baseline.terms["value"].to_numpy(dtype=float)
    actual = found.energy_mwh.to_numpy(dtype=float)
    ends = _ends(baseline, days, z, float(predicted.sum()), level, method, seed)
    saved = float(predicted.sum() - actual.sum())
    rows = {"energy_mwh": (float(predicted.sum()), float(actual.sum()))}
    table_ends = {"energy_mwh": (saved + ends[0], saved + ends[1])}
    daily = pd.DataFrame(
        {"baseline_mwh": predicted, "actual_mwh": actual, "saved_mwh": predicted - actual}, index=days.rename("day")
    )
    if prices is not None or carbon is not None:
        _priced(rows, table_ends, meter, baseline, daily, prices, carbon, ends)
    table = saved_table(rows, table_ends)
    beyond = baseline.beyond(found.drivers)
    assumptions = [
        f"Without the measure energy would have gone on as in the {len(baseline.days)} days of the baseline "
        f"({baseline.model}, calendar: {baseline.calendar}); nothing else has changed.",
        *baseline.sentences(),
    ]
    if beyond:
        assumptions.append(
            f"{beyond} of {len(days)} days lie more than 10 % outside the weather or production of the baseline: there "
            "it is extrapolated."
        )
    seen = pd.DatetimeIndex(baseline.days.index)
    apart = days_beyond(days, seen)
    if (apart > UNSEEN_DAYS).any():
        assumptions.append(_of_seasons(apart, seen, method))
    if found.left_out:
        assumptions.append(f"{found.left_out} days lack values and are in neither sum.")
    saved_daily = daily["saved_mwh"].to_numpy(dtype=float)
    worth = {name: base / rows["energy_mwh"][0] if rows["energy_mwh"][0] else 0.0 for name, (base, _) in rows.items()}
    by_day = {name: saved_daily * each for name, each in worth.items()}
    yearly = yearly_of(table, by_day, float(len(days)), level, table_ends)
    return Savings(table, daily, yearly, level, method, (*assumptions, *about_the_year(yearly, float(len(days)))),
                   baseline=baseline)  # fmt: skip


def _ends(
    baseline: EnergyBaseline,
    days: pd.DatetimeIndex,
    z: FloatArray,
    predicted: float,
    level: float,
    method: str,
    seed: int,
) -> tuple[float, float]:
    """Ends of the error of the predictions' sum: (low, high) to be added to what was saved."""
    left = baseline.days["left_mwh"].to_numpy(dtype=float)
    n, k = len(left), baseline.design.shape[1]
    if method == "drift":
        old, new = (_numbers(pd.DatetimeIndex(index)) for index in (baseline.days.index, days))
        y = baseline.days["energy_mwh"].to_numpy(dtype=float)
        apart = days_beyond(days, pd.DatetimeIndex(baseline.days.index))
        return ends_with_drift(baseline.design, y, old, z, new, level, unseen_variances(apart, float(np.var(left))))
    if method == "ashrae":
        half = ashrae(baseline.cv_rmse, baseline.autocorrelation, n, k, len(z), predicted, level)
    elif method == "covariance":
        half = half_width(baseline.design, left, z, level)
    else:
        low, high = of_blocks(baseline.design, left, z, level, np.random.default_rng(seed))
        return low, high
    return -half, half


def _of_seasons(apart: FloatArray, seen: pd.DatetimeIndex, method: str) -> str:
    """Said of days in a season that the baseline has not seen."""
    many = int((apart > UNSEEN_DAYS).sum())
    widened = (
        "the interval is widened by how far other meters strayed there, which is no knowledge of this one"
        if method == "drift"
        else f"the interval by {method} does not know of it, and is too narrow"
    )
    return (
        f"{many} of {len(apart)} days lie in a season that the baseline ({seen[0]:%Y-%m-%d} to {seen[-1]:%Y-%m-%d}) "
        f"has not seen, up to {apart.max():.0f} days from it: {widened}. A year of baseline is what IPMVP asks for."
    )


def _numbers(days: pd.DatetimeIndex) -> FloatArray:
    """Days since 1970."""
    return np.asarray(days.as_unit("ns").asi8 / pd.Timedelta(days=1).value, dtype=float)


def _priced(
    rows: dict[str, tuple[float, float]],
    ends_of: dict[str, tuple[float, float]],
    meter: pd.Series,
    baseline: EnergyBaseline,
    daily: pd.DataFrame,
    prices: pd.Series | pd.DataFrame | None,
    carbon: pd.Series | None,
    ends: tuple[float, float],
) -> None:
    """Money and carbon: the baseline's day lies over its hours as it did before the measure."""
    index = pd.DatetimeIndex(meter.index)
    hours = hours_of(meter, meter)
    inside = index.tz_convert(baseline.zone).tz_localize(None).normalize().isin(daily.index)
    expected = spread(daily["baseline_mwh"], index, baseline.shape, baseline.zone, baseline.holidays)
    would, took = expected.to_numpy(dtype=float)[inside], (meter.to_numpy(dtype=float) * hours)[inside]
    for name, series in (("cost", prices), ("carbon_t", carbon)):
        if series is None:
            continue
        one = series["import_eur_per_mwh"] if isinstance(series, pd.DataFrame) else series
        worth = over(one, meter, name)[inside]
        rows[name] = (float(worth @ would), float(worth @ took))
        mean = rows[name][0] / max(rows["energy_mwh"][0], 1e-12)
        saved = rows[name][0] - rows[name][1]
        low, high = sorted((ends[0] * mean, ends[1] * mean))
        ends_of[name] = (saved + low, saved + high)


def normalised(
    found: Savings, before: EnergyBaseline, after: EnergyBaseline | None, normal: pd.DataFrame, level: float
) -> Savings:
    """Baseline less reporting model, both under the drivers of a normal year."""
    if after is None:
        raise OutOfRange(
            "savings: normalised savings need `reporting`, an EnergyBaseline fitted to the time after the measure."
        )
    half, sums = 0.0, []
    for fit in (before, after):
        table = fit.days_of_drivers(normal).dropna()
        rows = fit.rows(pd.DatetimeIndex(table.index), table)
        sums.append(float((rows[:, : len(fit.terms)] @ fit.terms["value"].to_numpy(dtype=float)).sum()))
        left = fit.days["left_mwh"].to_numpy(dtype=float)
        half += half_width(fit.design, left, rows, level) ** 2
    saved, half = sums[0] - sums[1], float(np.sqrt(half))
    share = saved / sums[0] if sums[0] else float("nan")
    normal_mwh = {"baseline": sums[0], "reporting": sums[1], "saved": saved, "saved_share": share,
                  "low": saved - half, "high": saved + half, "days": float(len(table))}  # fmt: skip
    return Savings(found.table, found.days, found.yearly, found.level, found.method,
                   (*found.assumptions, "Normalised: both models hold for the whole of the normal year's weather."),
                   normal_mwh, found.baseline)  # fmt: skip
