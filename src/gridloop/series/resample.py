"""Resampling: mean power on other intervals, with the energy kept.

A row is the mean over its interval (convention 4), so the mean over a new interval is that of the rows it overlaps,
each weighed with the time they share. This holds up and down and for unequal intervals alike: energy is neither made
nor lost, wherever the rows cover the new interval.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.series.clock import require_utc
from gridloop.units import FloatArray, IntArray

Power = TypeVar("Power", pd.DataFrame, pd.Series)


def resample(
    power: Power,
    to: pd.DatetimeIndex,
    *,
    step: pd.Timedelta | None = None,
    edges: pd.DatetimeIndex | None = None,
    allow_missing: float = 0.0,
) -> Power:
    """Mean power on new intervals.

    power          [interval, …], index = UTC starts in order; NaN and absent rows are missing
    to             [new interval + 1] the edges of the new intervals, UTC, in order
    step           length of every row's interval, where it is not plain: rows further apart leave a gap
    edges          [interval + 1] instead of step, for rows of unequal length that follow one another
    allow_missing  share of a new interval that may be missing; the mean of the rest then stands for all of it

    Returns [new interval, …], index = starts; NaN where more is missing than allowed.
    Raises `BadInput` where times have no zone, `OutOfRange` where edges do not go forward, rows overlap, or the length
    of the rows cannot be told.
    """
    if not 0.0 <= allow_missing < 1.0:
        raise OutOfRange(
            f"resample: allow_missing is {allow_missing}; allowed is a share in [0, 1).", share=allow_missing
        )
    start, end = _intervals(power.index, step, edges)
    target = _forward(to, "resample: to")
    values = power.to_numpy(dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    mean = _overlap_mean(start, end, values, target, allow_missing)
    index = pd.DatetimeIndex(target[:-1], tz="UTC", name=power.index.name)
    if isinstance(power, pd.Series):
        return pd.Series(mean[:, 0], index=index, name=power.name)
    return pd.DataFrame(mean, index=index, columns=power.columns)


def mean_power(
    power: Power, step: pd.Timedelta, *, every: pd.Timedelta | None = None, allow_missing: float = 0.0
) -> Power:
    """Mean power on the UTC clock of `step`, over all of the time that the rows cover; see `resample`.

    every   length of a row's interval, where it is not plain
    """
    start, end = _intervals(power.index, every, None)
    ns = step.as_unit("ns").value
    if ns <= 0:
        raise OutOfRange(f"mean_power: step is {step}; it must be longer than nothing.", step=step)
    if len(start) == 0:
        return power
    clock = ns * np.arange(start[0] // ns, -(-end[-1] // ns) + 1)
    return resample(power, pd.DatetimeIndex(clock, tz="UTC"), step=every, allow_missing=allow_missing)


def energy_mwh(power: Power, *, step: pd.Timedelta | None = None, edges: pd.DatetimeIndex | None = None) -> pd.Series:
    """Energy of mean powers in MW: their sum times the hours of their intervals, per column. [MWh]

    NaN where a value is missing; step and edges as in `resample`.
    """
    start, end = _intervals(power.index, step, edges)
    frame = power.to_frame() if isinstance(power, pd.Series) else power
    hours = (end - start) / 3.6e12
    return pd.Series(hours @ frame.to_numpy(dtype=float), index=frame.columns, name="energy_mwh")


def step_of(index: pd.Index) -> pd.Timedelta:
    """The step of a regular index. Raises `OutOfRange` where it has fewer than two rows or steps of several lengths."""
    return pd.Timedelta(_step_ns(_forward(index, "series: index")), "ns")


def _intervals(index: pd.Index, step: pd.Timedelta | None, edges: pd.DatetimeIndex | None) -> tuple[IntArray, IntArray]:
    """Starts and ends of the rows' intervals, in nanoseconds."""
    start = _forward(index, "resample: index")
    if edges is not None:
        if step is not None:
            raise OutOfRange("resample: give step or edges, not both.")
        edge = _forward(edges, "resample: edges")
        if len(edge) != len(start) + 1 or (edge[:-1] != start).any():
            raise OutOfRange(
                f"resample: {len(start)} rows need {len(start) + 1} edges that begin with the rows' own starts; "
                f"there are {len(edge)}.",
                count=len(edge),
            )
        return start, edge[1:]
    ns = _step_ns(start) if step is None and len(start) else (step or pd.Timedelta(1)).as_unit("ns").value
    apart = np.diff(start)
    if ns <= 0 or (apart < ns).any():
        raise OutOfRange(
            f"resample: {int((apart < ns).sum())} of {len(start)} rows begin less than {pd.Timedelta(ns, 'ns')} after "
            "the row before. Give the true step, or edges.",
            count=int((apart < ns).sum()),
        )
    return start, start + ns


def _step_ns(start: IntArray) -> int:
    steps = np.unique(np.diff(start))
    if len(steps) != 1:
        found = "none" if len(steps) == 0 else " and ".join(str(pd.Timedelta(int(ns), "ns")) for ns in steps[:2])
        raise OutOfRange(
            f"series: {len(start)} rows do not tell how long an interval is (steps found: {found}). "
            "Give step (rows further apart leave a gap) or edges.",
            count=len(start),
        )
    return int(steps[0])


def _forward(times: pd.Index, what: str) -> IntArray:
    ns = np.asarray(require_utc(times, what).asi8)
    back = np.flatnonzero(np.diff(ns) <= 0)
    if len(back):
        at = pd.Timestamp(int(ns[back[0] + 1]), unit="ns", tz="UTC")
        raise OutOfRange(f"{what}: {len(back)} of {len(ns)} times do not go forward, first {at}. Sort them.", first=at)
    return ns


def _overlap_mean(start: IntArray, end: IntArray, values: FloatArray, target: IntArray, allow: float) -> FloatArray:
    """Mean of values [row, column] over the intervals between the edges of target; NaN where too little is known."""
    wanted = max(len(target) - 1, 0)
    out = np.full((wanted, values.shape[1]), np.nan)
    if wanted == 0 or len(start) == 0:
        return out
    # All edges together cut time into pieces that lie in at most one row and at most one new interval.
    cuts = np.unique(np.concatenate([start, end, target]))
    cuts = cuts[(cuts >= target[0]) & (cuts <= target[-1])]
    row = np.searchsorted(start, cuts[:-1], side="right") - 1
    covered = (row >= 0) & (cuts[:-1] < end[row])
    new = np.searchsorted(target, cuts[:-1], side="right") - 1
    row, new, length = row[covered], new[covered], np.diff(cuts)[covered]
    if len(row) == 0:
        return out
    piece = values[row]
    known = np.isfinite(piece) * length[:, None]
    first = np.flatnonzero(np.diff(new, prepend=-1))
    total = np.add.reduceat(known, first, axis=0)
    # Shares first, then the sum: a new interval within one row then has exactly the row's value.
    group = np.repeat(np.arange(len(first)), np.diff(first, append=len(new)))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = known / total[group]
    mean = np.add.reduceat(np.where(known > 0, piece, 0.0) * np.where(known > 0, share, 0.0), first, axis=0)
    whole = np.diff(target)[new[first]][:, None]
    # Half a nanosecond keeps a share such as 13/24 from failing by rounding.
    out[new[first]] = np.where(whole - total <= allow * whole + 0.5, mean, np.nan)
    return out
