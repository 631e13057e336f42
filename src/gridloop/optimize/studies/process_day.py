"""One day of a plant's batches: which tasks are open, the day's checked plan, and the lowest peak that days allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import SolveFailed
from gridloop.optimize.check import ScheduleCase, check_solution
from gridloop.optimize.devices.connection import PRICES, Connection
from gridloop.optimize.devices.load import Load
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.optimize.process.orders import OrderBook
from gridloop.optimize.process.task import Task
from gridloop.units import FloatArray, IntArray

PEAK_GAP = 0.01
# Money per MW while the lowest peak is sought, at one money per MWh: a day's energy is a few hundredths of it.
PEAK_PRICE = 1000.0


def local_days(starts: pd.DatetimeIndex, zone: str) -> list[IntArray]:
    """Rows of every local day, in order."""
    day = starts.tz_convert(zone).normalize()
    return np.split(np.arange(len(starts)), np.flatnonzero(day[1:] != day[:-1]) + 1)


def open_tasks(
    book: OrderBook, begin: pd.Timestamp, end: pd.Timestamp, began: Mapping[str, pd.Timestamp]
) -> tuple[Task, ...]:
    """Tasks that are under way, may begin in this time, or have been done and are waited for."""
    free = [
        task
        for task in book.tasks
        if (task.release is None or task.release < end) and (task.due is None or task.due > begin)
    ]
    found = []
    for task in free:
        at = began.get(task.id)
        if at is not None and at < begin:
            found.append(replace(task, started=at))
        else:
            found.append(task)
    return tuple(found)


def planned_day(
    book: OrderBook,
    tasks: tuple[Task, ...],
    base_mw: FloatArray,
    prices: pd.DataFrame,
    link: Connection,
    time_limit_s: float,
    mip_gap: float,
) -> tuple[Plan, FloatArray]:
    """A day's plan beside a base load, checked, and what its batches take. [step] MW

    Raises `SolveFailed` where the batches cannot be done, or the plan breaks a rule of `optimize.check`.
    """
    devices: list[Any] = [Load(base_mw, sheddable=0.0, id="base load")]
    if tasks:
        devices.append(book.process(tasks))
    plan = schedule(devices, prices, connection=link, time_limit_s=time_limit_s, mip_gap=mip_gap)
    if plan.status == "infeasible":
        raise SolveFailed(f"The batches of the day from {prices.index[0]} cannot be done: {plan.diagnosis}")
    if not plan.solved or not tasks:
        return plan, np.zeros(len(base_mw))
    checked = check_solution(ScheduleCase(devices, prices, connection=link), plan)
    if not checked.ok:
        raise SolveFailed(f"The plan of the day from {prices.index[0]} breaks a rule: {' '.join(checked.sentences(3))}")
    return plan, plan.of("plant", "p_mw").to_numpy()


def lowest_peak(
    book: OrderBook,
    days: Sequence[IntArray],
    time_limit_s: float,
    say: Callable[[str], None] = lambda text: None,
) -> float:
    """The lowest peak [MW] for which every one of these days has a plan, nearly, orders and base load as they came.

    days  rows of the book's base load; those with the highest recorded load are looked at first
    """
    recorded = book.load_mw().to_numpy(dtype=float)
    base = book.base_mw.to_numpy(dtype=float)
    least = max((float(base[part].max()) for part in days), default=0.0)
    for number, part in enumerate(sorted(days, key=lambda rows: -float(recorded[rows].max()))):
        if float(recorded[part].max()) <= least:
            continue
        say(f"Peak of day {number + 1} of {len(days)}")
        least = max(least, _peak_of(book, part, base[part], recorded[part], least, time_limit_s))
    return least


def lowest_peaks(
    book: OrderBook,
    days: Sequence[IntArray],
    time_limit_s: float,
    say: Callable[[str], None] = lambda text: None,
) -> FloatArray:
    """The lowest peak [MW] of each of these days alone, nearly, orders and base load as they came. [day]"""
    recorded = book.load_mw().to_numpy(dtype=float)
    base = book.base_mw.to_numpy(dtype=float)
    found = np.empty(len(days))
    for number, part in enumerate(days):
        say(f"Peak of earlier day {number + 1} of {len(days)}")
        found[number] = _peak_of(book, part, base[part], recorded[part], float(base[part].max()), time_limit_s)
    return found


def _peak_of(
    book: OrderBook,
    part: IntArray,
    base_mw: FloatArray,
    recorded_mw: FloatArray,
    least_mw: float,
    time_limit_s: float,
) -> float:
    """The lowest peak of a day's plan, or the recorded one where none is found; what is below `least_mw` is free."""
    index = pd.DatetimeIndex(book.base_mw.index)
    tasks = open_tasks(book, index[part[0]], index[part[-1]] + book.step, book.began)
    if not tasks:
        return float(base_mw.max())
    # One price for all: energy costs the same whenever it is taken, and only the peak counts.
    flat = pd.DataFrame(1.0, index=index[part], columns=PRICES)
    link = Connection(contracted_peak_mw=least_mw, peak_price_per_mw=PEAK_PRICE)
    plan, batches = planned_day(book, tasks, base_mw, flat, link, time_limit_s, PEAK_GAP)
    return float((base_mw + batches).max() if plan.solved else recorded_mw.max())
