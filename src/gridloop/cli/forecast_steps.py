"""The clock of a file: how far its rows are apart, what lies off it, and rows averaged into longer intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, OutOfRange

DAY = pd.Timedelta(days=1)
QUARTER = pd.Timedelta(minutes=15)
SHARE = 0.02
"""Share of the rows from which a second distance is a change of the clock rather than gaps."""


def checked_step(index: pd.Index, name: str) -> pd.Timedelta:
    """The distance of the rows, on whose clock all of them lie. Raises `OutOfRange`. index: UTC, in order, no twice"""
    times = pd.DatetimeIndex(index)
    if len(times) < 2:
        raise OutOfRange(f"{name} has {len(times)} rows; at least two are needed to know how far they are apart.")
    apart = np.diff(times.as_unit("ns").asi8)
    lengths, counts = np.unique(apart, return_counts=True)
    step = int(lengths[counts.argmax()])
    off = times.as_unit("ns").asi8 % step != 0
    often = [(int(s), int(n)) for s, n in zip(lengths, counts, strict=True) if n > SHARE * len(apart)]
    if len(often) > 1 and (off.any() or often[0][0] < step or _changes(apart, often)):
        told = " and ".join(f"{_said(s)} in {n:,} cases" for s, n in often[:3])
        first = times[np.flatnonzero(apart != apart[0])[0]]
        raise OutOfRange(
            f"{name}: rows are {told} apart, the first change at {first:%Y-%m-%d %H:%M} UTC. "
            f"--step {_said(max(s for s, _ in often[:3]))} takes the mean over intervals of one length.",
            steps={_said(s): n for s, n in often},
        )
    if DAY.value % step:
        raise OutOfRange(f"{name}: rows are {_said(step)} apart, and a day is no whole number of these; try --step.")
    if off.any():
        first = times[off][0]
        late = np.unique(times.as_unit("ns").asi8 % step)
        if len(late) == 1 and late[0] % QUARTER.value == 0:  # a clock such as India's: a mean would only shift them
            raise OutOfRange(
                f"{name}: all {len(times):,} times lie {_said(int(late[0]))} off the clock of {_said(step)} in UTC, "
                f"the first {first:%Y-%m-%d %H:%M} UTC, as where a zone is no whole hours from it. Give values every "
                f"{'30min' if late[0] % (2 * QUARTER.value) == 0 else '15min'} or shorter.",
                count=len(times),
            )
        raise OutOfRange(
            f"{name}: {int(off.sum()):,} of {len(times):,} times do not lie on the clock of {_said(step)}, the first "
            f"{first:%Y-%m-%d %H:%M:%S} UTC. --step {_said(step)} takes means over intervals that do.",
            count=int(off.sum()),
        )
    return pd.Timedelta(step, "ns")


def usual_length(index: pd.Index) -> pd.Timedelta | None:
    """The distance of nearly all rows; None where they have several. index: UTC, in order"""
    lengths, counts = np.unique(np.diff(pd.DatetimeIndex(index).as_unit("ns").asi8), return_counts=True)
    often = lengths[counts > SHARE * counts.sum()]
    return pd.Timedelta(int(often[0]), "ns") if len(often) == 1 else None


def _changes(apart: np.ndarray[tuple[int], np.dtype[np.int64]], often: list[tuple[int, int]]) -> bool:
    """True where the longer distance comes in a row, as after a change, and not scattered, as gaps do."""
    longer = np.isin(apart, [s for s, _ in often[1:]])
    return bool((longer[1:] & longer[:-1]).sum() > 0.5 * longer.sum())


def resampled(table: pd.DataFrame, step: pd.Timedelta, name: str) -> tuple[pd.DataFrame, list[str]]:
    """Means over the rows that begin in each interval of `step`, and how many that were.

    Raises `BadInput` where the step divides no day, `OutOfRange` where rows are further apart than it.
    """
    if step <= pd.Timedelta(0) or DAY % step != pd.Timedelta(0):
        raise BadInput(f"--step {step} is no part of a day; such are 15min, 30min, 1h.")
    index = pd.DatetimeIndex(table.index)
    usual = pd.Timedelta(int(np.median(np.diff(index.as_unit("ns").asi8))), "ns") if len(index) > 1 else step
    if usual > step:
        raise OutOfRange(
            f"{name}: rows are {_said(usual.value)} apart, --step is {_said(step.value)}: only longer ones."
        )
    means = table.groupby(index.floor(step)).mean()
    means.index.name = table.index.name
    if len(means) == len(table) and (means.index == index).all():
        return means, []
    return means, [f"{len(table):,} rows averaged into {len(means):,} intervals of {_said(step.value)}."]


def _said(ns: int) -> str:
    """`30min`, `1h`, `90s`."""
    for unit, length in (("h", 3_600_000_000_000), ("min", 60_000_000_000), ("s", 1_000_000_000)):
        if ns % length == 0:
            return f"{ns // length}{unit}"
    return f"{ns}ns"
