"""The dynamic tariff of a feeder: the day-ahead price that the feeder's own surplus lowers.

Formula, for an interval with the residual load r = load − solar − wind of the feeder, as it was forecast
when the tariff was published, and the largest residual load or surplus P that the feeder has had:

    energy price = clip(base + slope · r / P, floor, cap)      [EUR/MWh]
    import price = energy price + network fee
    export price = energy price − margin

The numbers of the default, and why:

    base    80   what a MWh costs where the feeder neither lacks nor has a surplus: the level of the German
                 day-ahead market in recent years (about 80 EUR/MWh in 2024)
    slope   60   at the largest residual load the price is 140, at a surplus as large
                 it is 20: the spread between evening and noon that day-ahead markets show on sunny days
    floor  −20   a large surplus makes the energy worth less than nothing, so that curtailment can pay
    cap    250   shelters customers from a scarcity that they cannot answer
    fee     25   network fee and levies per MWh taken from the grid above: local use saves them
    margin   5   what the supplier keeps of each MWh that it sells on

Fee and margin are never negative, so that the export price never exceeds the import price: otherwise
importing and exporting at once would pay. The price rises with the residual load.

A tariff is published once a day, at 14:00 local time for the next local day (day-ahead auctions clear
before that). Beyond what is published the price is unknown; `expected_prices` says what to expect, and
marks it as expected.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, MissingColumn, OutOfRange, OutsideData, listed
from gridloop.io.prices import usual_step
from gridloop.series import clock
from gridloop.series.clock import day_of, require_utc, to_local
from gridloop.units import BoolArray, FloatArray, IntArray

CO2_INTENSITY_T_PER_MWH = 0.527
"""CO2 of a MWh taken from the grid above: the German mix of 2016.

Source: Umweltbundesamt, first estimate for 2016, published on 30 May 2017 (527 g/kWh; 534 g/kWh for 2015).
"""

PRICES = ["import_eur_per_mwh", "export_eur_per_mwh"]
"""The two price columns of every price table, indexed by `valid_at` (UTC)."""

PUBLISHED_AT = dt.time(14, 0)
"""Local clock time at which the prices of the next local day become known."""


@dataclass(frozen=True)
class DynamicTariff:
    """A tariff that falls with local surplus and rises with the residual load. Formula above.

    scale_mw  P: the largest residual load or surplus of the past [MW]; all prices in EUR/MWh
    Raises `OutOfRange` where a number is not finite, `scale_mw` is not positive, slope, fee or margin is
    negative, or the floor is above the cap.
    """

    scale_mw: float
    base_eur_per_mwh: float = 80.0
    slope_eur_per_mwh: float = 60.0
    floor_eur_per_mwh: float = -20.0
    cap_eur_per_mwh: float = 250.0
    network_fee_eur_per_mwh: float = 25.0
    margin_eur_per_mwh: float = 5.0

    def __post_init__(self) -> None:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        wrong = [name for name, value in values.items() if not math.isfinite(value)]
        if wrong:
            raise OutOfRange(f"tariff: {listed(wrong)} must be a finite number.", names=wrong)
        if self.scale_mw <= 0.0:
            raise OutOfRange(
                f"tariff: scale_mw is {self.scale_mw:g}; it must be positive: give the largest residual load or "
                "surplus of the past in MW.",
                scale_mw=self.scale_mw,
            )
        for name in ("slope_eur_per_mwh", "network_fee_eur_per_mwh", "margin_eur_per_mwh"):
            if values[name] < 0.0:
                raise OutOfRange(
                    f"tariff: {name} is {values[name]:g}; it must not be negative, or the export price would exceed "
                    "the import price or the price would fall with the residual load.",
                    name=name,
                    value=values[name],
                )
        if self.floor_eur_per_mwh > self.cap_eur_per_mwh:
            raise OutOfRange(
                f"tariff: the floor {self.floor_eur_per_mwh:g} is above the cap {self.cap_eur_per_mwh:g} EUR/MWh.",
                floor=self.floor_eur_per_mwh,
                cap=self.cap_eur_per_mwh,
            )

    def prices(self, residual_mw: pd.Series) -> pd.DataFrame:
        """Import and export price of each residual load [MW], in EUR/MWh; the index stays.

        Raises `GapInSeries` where a residual load is missing.
        """
        residual = residual_mw.to_numpy(dtype=float)
        _no_gaps(residual_mw.index, ~np.isfinite(residual), "the residual load", "Forecast it first.")
        slope = self.slope_eur_per_mwh * residual / self.scale_mw
        energy = np.clip(self.base_eur_per_mwh + slope, self.floor_eur_per_mwh, self.cap_eur_per_mwh)
        return pd.DataFrame(
            {
                "import_eur_per_mwh": energy + self.network_fee_eur_per_mwh,
                "export_eur_per_mwh": energy - self.margin_eur_per_mwh,
            },
            index=residual_mw.index,
        )

    def publish(self, residual_mw: pd.Series, *, known_at: pd.Timestamp) -> pd.DataFrame:
        """The tariff of the intervals of `residual_mw`, as published at `known_at`.

        residual_mw  forecast residual load [MW], indexed by valid_at (UTC)
        Returns the price table of `as_published`. Raises `GapInSeries` where a residual load is missing.
        """
        return as_published(self.prices(residual_mw), known_at=known_at)


def publication_time(day: dt.date, zone: str) -> pd.Timestamp:
    """When the prices of a local day become known: 14:00 local on the day before, in UTC."""
    eve = dt.datetime.combine(day - dt.timedelta(days=1), PUBLISHED_AT, tzinfo=clock.zone(zone))
    return pd.Timestamp(eve).tz_convert("UTC").as_unit("ns")


def as_published(prices: pd.DataFrame, *, known_at: pd.Timestamp) -> pd.DataFrame:
    """Prices with their second time.

    prices  import_eur_per_mwh, export_eur_per_mwh; indexed by valid_at (UTC)
    Returns the same with `known_at` and `expected` (False). Raises `MissingColumn`, `GapInSeries`, and `OutOfRange`
    where a price is published after its interval began.
    """
    missing = [column for column in PRICES if column not in prices.columns]
    if missing:
        raise MissingColumn(
            f"prices: column {listed(missing)} is missing; there are {listed(list(map(str, prices.columns)))}.",
            missing=missing,
        )
    valid_at = _utc(prices.index)
    table = prices[PRICES].astype(float).set_axis(valid_at)
    _no_gaps(valid_at, table.isna().any(axis=1).to_numpy(), "the price", "Fill it by name.")
    late = valid_at < known_at
    if late.any():
        raise OutOfRange(
            f"prices: {int(late.sum())} of {len(valid_at)} intervals begin before the prices are known "
            f"({known_at}); the first is {valid_at[late][0]}. Publish a day's prices before it begins.",
            count=int(late.sum()),
            known_at=known_at,
        )
    return table.assign(known_at=known_at, expected=False)


def publish_day_ahead(prices: pd.DataFrame, zone: str) -> pd.DataFrame:
    """Prices of a file as a market would have published them: each local day at 14:00 of the day before.

    prices  as `gridloop.io.prices.read_prices` returns them; any number of days
    Returns the price table of `as_published`, with `known_at` of each local day.
    """
    days = day_of(_utc(prices.index), zone)
    return pd.concat(
        as_published(prices[days == day], known_at=publication_time(day.date(), zone)) for day in days.unique()
    )


def expected_prices(
    published: pd.DataFrame,
    valid_at: pd.DatetimeIndex,
    *,
    at: pd.Timestamp,
    zone: str,
    hours: FloatArray | None = None,
) -> pd.DataFrame:
    """What is known at `at` of the prices of `valid_at`, and what to expect beyond it.

    published  price tables of `as_published`, one or several publications
    valid_at   starts of the wanted intervals (UTC)
    at         only publications with known_at <= at count; the newest one wins
    hours      their lengths; an interval longer than those of `published` gets the mean of its prices. Without it
               none may be longer.

    An interval beyond the last published one takes the price of the same local clock time on the last published local
    day, with `expected` True; its known_at is that of the price it takes. Where the short day of a clock change lacks
    that clock time, the price in force just before it holds. A mean is expected where any part is, and known with the
    last of them.

    Returns the columns of `published`, indexed by `valid_at`.
    Raises `OutsideData` where nothing is published at `at`, or an interval begins before the first known price.
    Raises `GapInSeries` where an interval falls between two published ones.
    """
    wanted = _utc(valid_at)
    if hours is None:
        return _in_force(published, wanted, at, zone)
    step = usual_step(pd.DatetimeIndex(published.index.unique().sort_values()))
    parts = np.maximum(np.round(np.asarray(hours) * pd.Timedelta(hours=1) / step), 1).astype(int)
    row = np.repeat(np.arange(len(wanted)), parts)
    part = np.arange(len(row)) - np.repeat(np.cumsum(parts) - parts, parts)
    fine = _in_force(published, wanted[row] + part * step, at, zone).groupby(row)
    return pd.concat([fine[PRICES].mean(), fine["known_at"].max(), fine["expected"].any()], axis=1).set_axis(wanted)


def _in_force(published: pd.DataFrame, wanted: pd.DatetimeIndex, at: pd.Timestamp, zone: str) -> pd.DataFrame:
    """The row of `published` that holds at each of the wanted times."""
    known = published[published["known_at"] <= at].sort_values("known_at", kind="stable")
    known = known[~known.index.duplicated(keep="last")].sort_index()
    if known.empty:
        raise OutsideData(f"prices: nothing is published by {at}. Publish the prices of the day first.", at=at)
    start = pd.DatetimeIndex(known.index)
    ends = start + usual_step(start)
    row = np.asarray(start.searchsorted(wanted, side="right")) - 1
    if (row < 0).any():
        raise OutsideData(
            f"prices: {int((row < 0).sum())} of {len(wanted)} intervals begin before the first known price "
            f"({start[0]}). Publish earlier days too.",
            count=int((row < 0).sum()),
            first=start[0],
        )
    beyond = np.asarray(wanted >= ends[-1])
    _no_gaps(wanted, ~beyond & np.asarray(wanted >= ends[row]), "the published price", "Publish those hours too.")

    local = to_local(start, zone)
    last = np.flatnonzero(np.asarray(local.date == local[-1].date()))
    last = last[~pd.Index(_minutes(local[last])).duplicated()]  # of an hour that comes twice the first one counts
    same = np.searchsorted(_minutes(local[last]), _minutes(to_local(wanted, zone)), side="right") - 1
    row = np.where(beyond, last[np.maximum(same, 0)], row)
    return known.iloc[row].set_axis(wanted).assign(expected=beyond)


def _minutes(local: pd.DatetimeIndex) -> IntArray:
    """Clock time as minutes since 00:00."""
    return np.asarray(local.hour * 60 + local.minute)


def _utc(index: pd.Index) -> pd.DatetimeIndex:
    return require_utc(index, "prices: valid_at").rename("valid_at")


def _no_gaps(index: pd.Index, missing: BoolArray, what: str, advice: str) -> None:
    if missing.any():
        raise GapInSeries(
            f"{what} is missing in {int(missing.sum())} of {len(index)} intervals, first at {index[missing][0]}. "
            f"{advice}",
            count=int(missing.sum()),
            first=index[missing][0],
        )
