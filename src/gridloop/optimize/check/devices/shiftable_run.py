"""Runs: the whole profile from one of the starts that are allowed, or none of it where that is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridloop.optimize.check.checked import Ledger
from gridloop.optimize.check.devices.base import Found, Kind, Span, Values
from gridloop.optimize.check.devices.shiftable import mean_price
from gridloop.optimize.devices.shiftable_run import ShiftableRun
from gridloop.units import FloatArray

HOUR = pd.Timedelta(hours=1)


def _check(runs: Sequence[ShiftableRun], values: Values, span: Span, ledger: Ledger, found: Found) -> None:
    p, price = values["run", "p_mw"], mean_price(span)
    waiting = later = left_out = 0.0
    for k, run in enumerate(runs):
        choices = _choices(run, span, price)
        if not choices:
            ledger.missing("start of a run that fits", [run.id])
            continue
        apart = [float(np.abs(p[k] - power).max()) for power, *_ in choices]
        nearest = min(
            range(len(choices)), key=lambda i: (apart[i] > ledger.tolerance_pu, sum(choices[i][1:]), apart[i])
        )
        if apart[nearest] > ledger.tolerance_pu:
            nearest = int(np.argmin(apart))
        power, wait_cost, later_cost, miss_cost = choices[nearest]
        what = "power of a run (begun once, and not interrupted)"
        ledger.equal(what, [run.id], p[k : k + 1], power[None, :], "MW", span.starts)
        waiting, later, left_out = waiting + wait_cost, later + later_cost, left_out + miss_cost
        found.sent[run.id, "p_mw"] = float(p[k, 0])
    found.take([run.bus for run in runs], p)
    found.cost |= {"run_waiting": waiting, "run_later": later, "run_left_out": left_out}


def _choices(run: ShiftableRun, span: Span, price: float) -> list[tuple[FloatArray, float, float, float]]:
    """Power [step] and cost of waiting, of what comes later and of what is left out, for all that may be done."""
    begin = np.cumsum(span.hours) - span.hours
    whole = float(span.hours.sum())
    length = len(run.profile_mw) * (run.profile_step / HOUR)
    energy = float(np.sum(run.profile_mw)) * (run.profile_step / HOUR)
    opens = -np.inf if run.earliest is None else (run.earliest - span.starts[0]) / HOUR
    closes = whole if run.latest is None else (run.latest - span.starts[0]) / HOUR
    if run.started is not None:
        starts = [(run.started - span.starts[0]) / HOUR]
    else:
        starts = [b for b in begin if b >= opens - 1e-9 and b + length <= closes + 1e-9]  # rounding of a nanosecond
    found = []
    for start in starts:
        power, after = _laid_out(run, start, begin, span.hours)
        found.append((power, run.early_cost * max(start, 0.0) * energy, price * after, 0.0))
    nothing = np.zeros(begin.size)
    if run.started is None and closes - length >= whole - 1e-9:
        found.append((nothing, 0.0, price * energy, 0.0))
    if run.left_out_cost is not None:
        found.append((nothing, 0.0, 0.0, run.left_out_cost * energy))
    return found


def _laid_out(run: ShiftableRun, start: float, begin: FloatArray, hours: FloatArray) -> tuple[FloatArray, float]:
    """Mean power of every interval for a run that begins so many hours from now, and energy after the last one."""
    step, whole = run.profile_step / HOUR, float(hours.sum())
    power, after = np.zeros(begin.size), 0.0
    for part, mw in enumerate(run.profile_mw):
        left, right = start + part * step, start + (part + 1) * step
        shared = np.clip(np.minimum(right, begin + hours) - np.maximum(left, begin), 0, None)
        power += float(mw) * shared / hours
        after += float(mw) * max(0.0, right - max(left, whole))
    return power, after


KIND = Kind(ShiftableRun, "run", (("p_mw", True),), _check)
