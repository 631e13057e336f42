"""Batches read off a recorded load: a documented reading of one meter, which does not know its machines.

What a meter shows is the sum of everything. It is taken apart so that the sum stays what it was:

1. *Base.* The idle level of a local day is the lower quartile of its intervals (a plant that rests at night is idle for
   longer than that). Where the load is above it by more than `least_share` of the record's highest load, the plant
   produces: there the base is the idle level, elsewhere it is all of the load.
2. *Lines.* Production is cut into `lines` layers of equal height, up to its highest: what the meter shows at more than
   one layer's height is taken to be several lines at once. A splinter of less than `least_energy_share` of a full batch
   stays with the layer below.
3. *Batches.* A layer's power without a break of more than one interval is a run; a run is cut into batches of equal
   length, the longest of `longest`.
4. *Order.* The batches of a line keep their order of the day. Batches cut from one run are one hot charge: each begins
   at most `hot` after the one before it. A batch is released and due with its day (or its shift).

Which machines ran, what they made and for when is not in the record: lines, order and windows are assumptions, and so
is that a batch takes at another time what it took then.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.optimize.devices.power_profile import HOUR
from gridloop.optimize.devices.process import After, Task
from gridloop.optimize.process.orders import OrderBook
from gridloop.units import BoolArray, FloatArray, IntArray

IDLE_QUANTILE = 0.25


def recorded_batches(
    load_mw: pd.Series,
    *,
    zone: str,
    lines: int = 3,
    longest: pd.Timedelta = 2 * HOUR,
    hot: pd.Timedelta = HOUR,
    window_h: tuple[float, float] = (0.0, 24.0),
    least_share: float = 0.1,
    least_energy_share: float = 0.02,
    source: str = "a recorded load",
) -> OrderBook:
    """Batches and base load of a record; the method is at the head of this file.

    load_mw   mean power, regular, UTC, whole local days
    window_h  local hours of the day between which the batches of that day lie: (0, 24), or those of the shifts. A batch
              that was recorded outside them keeps its own time as its window's end

    Base and batches sum to the load in every interval. Raises `GapInSeries`, `OutOfRange`.
    """
    values = load_mw.to_numpy(dtype=float)
    index = pd.DatetimeIndex(load_mw.index)
    problems = []
    if not 1 <= lines <= 12:
        problems.append(f"lines is {lines}; allowed is 1 … 12")
    if not 0 <= window_h[0] < window_h[1] <= 24:
        problems.append(f"window_h is {window_h}; it must rise within 0 … 24")
    if len(values) < 2 or index.tz is None or len(set(np.diff(index.as_unit("ns").asi8))) > 1:
        problems.append("load_mw must be regular, with times in UTC")
    if problems:
        raise OutOfRange(f"recorded batches: {'; '.join(problems)}.")
    missing = int(np.isnan(values).sum())
    if missing:
        raise GapInSeries(
            f"recorded batches: {missing} of {values.size} values are missing (first at "
            f"{index[int(np.isnan(values).argmax())]}). Energy is kept exactly: fill them by name, or plan other days.",
            missing=missing,
        )
    step = pd.Timedelta(index[1] - index[0])
    day = index.tz_convert(zone).normalize()
    idle = load_mw.groupby(day).transform(lambda part: part.quantile(IDLE_QUANTILE)).to_numpy(dtype=float)
    above = np.clip(values - idle, 0, None)
    produced = np.where(above > least_share * values.max(), above, 0.0)
    height = float(produced.max()) / lines
    layers = (
        np.clip(produced[None, :] - height * np.arange(lines)[:, None], 0, height) if height else np.zeros((lines, 0))
    )
    full = height * (longest / HOUR)
    layers = _without_splinters(layers, least_energy_share * full / (step / HOUR), day)
    tasks, began = _tasks(layers, index, day, zone, step, longest, hot, window_h)
    base = values.copy()
    place = {at: k for k, at in enumerate(index)}
    for task in tasks:
        first = place[began[task.id]]
        base[first : first + len(task.profile_mw)] -= np.asarray(task.profile_mw)
    resources = {f"line {k + 1}": 1.0 for k in range(lines)}
    return OrderBook(tuple(tasks), pd.Series(base, index=index, name="base_mw"), began, resources, source=source)


def _without_splinters(layers: FloatArray, least: float, day: pd.DatetimeIndex) -> FloatArray:
    """Runs of less than so many MW-intervals go to the layer below; the lowest keeps its own."""
    layers = layers.copy()
    for k in range(len(layers) - 1, 0, -1):
        for run in _runs(layers[k] > 0, day):
            if layers[k, run].sum() < least:
                layers[k - 1, run] += layers[k, run]
                layers[k, run] = 0.0
    return layers


def _runs(on: BoolArray, day: pd.DatetimeIndex) -> list[IntArray]:
    """Rows of every run within a day; breaks of one interval are bridged."""
    rows = np.flatnonzero(on)
    if not rows.size:
        return []
    apart = (np.diff(rows) > 2) | (day[rows[1:]] != day[rows[:-1]])
    return [np.arange(part[0], part[-1] + 1) for part in np.split(rows, np.flatnonzero(apart) + 1)]


def _tasks(
    layers: FloatArray,
    index: pd.DatetimeIndex,
    day: pd.DatetimeIndex,
    zone: str,
    step: pd.Timedelta,
    longest: pd.Timedelta,
    hot: pd.Timedelta,
    window_h: tuple[float, float],
) -> tuple[list[Task], dict[str, pd.Timestamp]]:
    """Batches of every layer, in the order in which they began."""
    most = max(1, int(longest / step))
    tasks: list[Task] = []
    began: dict[str, pd.Timestamp] = {}
    for k, layer in enumerate(layers):
        last: tuple[str, pd.Timestamp] | None = None
        number = 0
        for run in _runs(layer > 0, day):
            for part, rows in enumerate(np.array_split(run, -(-run.size // most))):
                today = day[rows[0]]
                number = 1 if last is None or last[1] != today else number + 1
                name = f"{today:%Y-%m-%d} line {k + 1} batch {number}"
                begin, end = index[rows[0]], index[rows[-1]] + step
                opens, closes = (_clock(today, hour, zone) for hour in window_h)
                after = []
                if last is not None and last[1] == today:
                    after = [After(last[0], most=hot if part else None)]
                tasks.append(
                    Task(
                        name, tuple(float(mw) for mw in layer[rows]), step, {f"line {k + 1}": 1.0}, after=after,
                        release=min(opens, begin), due=max(closes, end),
                    )
                )  # fmt: skip
                began[name] = begin
                last = (name, today)
    order = sorted(range(len(tasks)), key=lambda i: (began[tasks[i].id], tasks[i].id))
    return [tasks[i] for i in order], began


def _clock(midnight: pd.Timestamp, hour: float, zone: str) -> pd.Timestamp:
    """A clock time of a local day, in UTC; 24 is the next midnight."""
    naive = midnight.tz_localize(None) + pd.Timedelta(hours=hour)
    at = naive.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
    return at.tz_convert("UTC").as_unit("ns")
