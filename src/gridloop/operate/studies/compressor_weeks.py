"""Weeks of compressed air for a study: made up from a seed, or cut from a plant's recording and production plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, OutOfRange, OutsideData
from gridloop.optimize.compressors.demand import INTERVAL_S, STEP_S, ZONE, Week, demo_station, synthetic_week
from gridloop.optimize.devices.compressor_station import CompressorStation
from gridloop.optimize.devices.given_numbers import clock

LEARN_WEEKS = 8
LEAST_LEARN_WEEKS = 3
"""From two weeks nothing is learned: the forecast would be the week before."""
_INTERVAL, _STEP = pd.Timedelta(seconds=INTERVAL_S), pd.Timedelta(seconds=STEP_S)


@dataclass(frozen=True, eq=False)
class Demand:
    """The use of air of weeks one after the other: the first `learn` are learned from and tuned on, the rest judged.

    recorded  False: made up, and called so
    """

    weeks: Sequence[Week]
    learn: int = LEARN_WEEKS
    zone: str = ZONE
    recorded: bool = False

    @classmethod
    def synthetic(cls, weeks: int, *, seed: int = 0, scale: float = 1.0) -> Self:
        """So many judged weeks of the made-up factory after weeks to learn from; scale: its use of air by so much."""
        made = [synthetic_week(seed, k) for k in range(LEARN_WEEKS + weeks)]
        return cls([Week(w.plan, scale * w.used, scale * w.mean) for w in made])

    @classmethod
    def of_recording(
        cls, air: pd.Series, plan: pd.DataFrame, *, zone: str, learn: int = LEARN_WEEKS, most: int | None = None
    ) -> Self:
        """Whole weeks of a recording, from its first local midnight on.

        air   m³/min, UTC, means of intervals of one length: 10 s into which they go or that go into them, 15 min at
              most. Within an interval the use is held to be even
        plan  the production plan: UTC × columns, each row valid until the next; known before it holds
        most  weeks that are judged at most; None: all that there are

        Raises `OutOfRange`, `GapInSeries` and `OutsideData`.
        """
        if learn < LEAST_LEARN_WEEKS:
            raise OutOfRange(f"learn_weeks is {learn}; at least {LEAST_LEARN_WEEKS} are needed to learn a forecast.")
        index = pd.DatetimeIndex(air.index)
        step = index[1] - index[0] if len(index) > 1 else pd.Timedelta(0)
        fits = step > pd.Timedelta(0) and not _INTERVAL % step and (not step % _STEP or not _STEP % step)
        if not fits:
            raise OutOfRange(
                f"The recorded air has intervals of {step / pd.Timedelta(seconds=1):g} s; 1, 2, 5, 10, 20, 30 or 60 s, "
                "or 5, 10 or 15 min are what a study takes."
            )
        begins = _begins(index, step, zone)
        there = len(begins) - 1
        if there < learn + 1:
            raise OutsideData(
                f"The recorded air holds {there} whole weeks from its first midnight on; learn_weeks is {learn}, and "
                f"one more is needed to be judged: record {learn + 1 - there} weeks more"
                + (f", or lower learn_weeks to {there - 1}." if there > LEAST_LEARN_WEEKS else "."),
            )
        begins = begins[: len(begins) if most is None else learn + most + 1]
        inside = air[(index >= begins[0]) & (index < begins[-1])]
        if begins[0] not in index or len(inside) != round((begins[-1] - begins[0]) / step):
            raise OutOfRange(
                f"The recorded air must have a value every {step / pd.Timedelta(seconds=1):g} s on the clock, from "
                f"{clock(begins[0])} on; it has {len(inside)} from there to {clock(begins[-1])}."
            )
        _refuse_gaps(inside)
        fine = inside.resample(_STEP, origin=begins[0]).mean() if step < _STEP else inside
        repeat = max(1, round(step / _STEP))
        used = np.repeat(fine.to_numpy(dtype=float), repeat)
        quarters = pd.date_range(begins[0], begins[-1], freq=_INTERVAL, inclusive="left", name="valid_at")
        table = _planned(plan, quarters)
        per = round(INTERVAL_S / STEP_S)
        mean = pd.Series(used.reshape(-1, per).mean(axis=1), index=quarters, name="m3_per_min")
        cuts = np.searchsorted(quarters, begins)
        weeks = [Week(table.iloc[a:b], used[a * per : b * per], mean.iloc[a:b]) for a, b in pairwise(cuts)]
        return cls(weeks, learn, zone, recorded=True)

    @property
    def kind(self) -> str:
        """What its weeks are called."""
        return "recorded" if self.recorded else "synthetic"

    def facts(self) -> Mapping[str, object]:
        """What it is, as plain values."""
        return {"synthetic": not self.recorded, "learn_weeks": self.learn, "first_day": f"{self._day():%Y-%m-%d}"}

    def _day(self) -> pd.Timestamp:
        return self.weeks[self.learn].start.tz_convert(self.zone)

    def check(self, station: CompressorStation) -> None:
        """Refuse a station that cannot press what is used, whatever runs. Raises `OutOfRange`."""
        mean = pd.concat([week.mean for week in self.weeks])
        # Over one interval a full receiver helps out at most by its band.
        stored = station.volume_m3 * (station.max_bar - station.min_bar) / (INTERVAL_S / 60.0)
        lacks = mean + station.leak_m3_per_min - station.most_m3_per_min - stored
        short = lacks[lacks > 0]
        if len(short):
            first = pd.Timestamp(short.index[0])
            raise OutOfRange(
                f"{len(short)} of {len(mean)} quarters of an hour use more air than the station has, the first "
                f"{clock(first)}: {mean[first]:.4g} m³/min and leaks of {station.leak_m3_per_min:.4g} m³/min, all "
                f"machines give {station.most_m3_per_min:.4g} m³/min. {short.max():.4g} m³/min more would do in all "
                "of them."
            )


def usual_scale(station: CompressorStation) -> float:
    """By how much the made-up factory is larger for a station of this flow than for `demo_station`."""
    own, demo = ((s.most_m3_per_min - s.leak(s.max_bar)) for s in (station, demo_station()))
    if own <= 0:
        raise OutOfRange(
            f"Leaks of {station.leak(station.max_bar):.4g} m³/min at max_bar take all that the machines give "
            f"({station.most_m3_per_min:.4g} m³/min): nothing is left to be used."
        )
    return own / demo


def _begins(index: pd.DatetimeIndex, step: pd.Timedelta, zone: str) -> pd.DatetimeIndex:
    """Local midnights, a week apart, between which the recording is whole. UTC"""
    first = index[0].tz_convert(zone)
    begin = first.normalize() + (pd.DateOffset(days=1) if first != first.normalize() else pd.DateOffset(days=0))
    end = (index[-1] + step).tz_convert(zone)
    found = [begin]
    while (after := begin + pd.DateOffset(weeks=len(found))) <= end:
        found.append(after)
    return pd.DatetimeIndex(found).tz_convert("UTC")


def _refuse_gaps(air: pd.Series) -> None:
    missing, below = air.isna(), air < 0.0
    if missing.any():
        raise GapInSeries(
            f"The recorded air lacks {int(missing.sum())} of {len(air)} values, the first at "
            f"{clock(pd.Timestamp(air.index[missing][0]))}. Missing is not zero: fill them by name.",
            missing=int(missing.sum()),
        )
    if below.any():
        raise OutOfRange(
            f"The recorded air is below zero in {int(below.sum())} of {len(air)} intervals, the first at "
            f"{clock(pd.Timestamp(air.index[below][0]))}; flows are zero or more."
        )


def _planned(plan: pd.DataFrame, quarters: pd.DatetimeIndex) -> pd.DataFrame:
    """The plan on quarters of an hour: means of shorter intervals, longer ones as they are."""
    index = pd.DatetimeIndex(plan.index)
    step = index[1] - index[0] if len(index) > 1 else _INTERVAL
    outside = int(((quarters < index[0]) | (quarters + _INTERVAL > index[-1] + step)).sum())
    if outside:
        raise OutsideData(
            f"The production plan lacks {outside} of {len(quarters)} quarters of an hour: the recorded air goes from "
            f"{clock(quarters[0])} to {clock(quarters[-1])}, the plan from {clock(index[0])} to {clock(index[-1])}."
        )
    gaps = int(plan.isna().to_numpy().sum())
    if gaps:
        raise GapInSeries(
            f"The production plan lacks {gaps} of {plan.size} values. Nothing planned is 0: write it.", missing=gaps
        )
    if step < _INTERVAL:
        plan = plan.resample(_INTERVAL, origin=quarters[0]).mean()
    return plan.reindex(quarters, method="ffill").astype(float)
