"""A plant's batches planned day by day against day-ahead prices and a peak charge, beside what it did by itself.

Orders are known beforehand, and so is the base load, as it came: batches are planned beside what else the plant was
going to take, without a forecast's error. Of prices only those of the next day are known. So first, without any price,
the lowest peak is sought with which every day's batches can still be done in time; then each day is planned when its
prices are out, and pays for a peak above that one or above what has been reached before. What is planned is what is
done: batches take what they take. Every plan is checked by the rules of `optimize.check` before it counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import OutsideData, SolveFailed, listed
from gridloop.optimize.check import ScheduleCase, check_solution
from gridloop.optimize.devices.connection import Connection, price_table
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.power_profile import HOUR
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.optimize.process.orders import OrderBook
from gridloop.optimize.process.task import Task
from gridloop.units import FloatArray, IntArray

# A plan that is beaten by less is worth no more seconds; orders and prices are off by more.
GAP = 0.005
PEAK_GAP = 0.01
# Money per MW while the lowest peak is sought, at one money per MWh: a day's energy is a few hundredths of it.
FLOOR_PRICE = 1000.0


@dataclass(frozen=True, eq=False)
class ProcessMonth:
    """What came of it, beside the plant left to itself.

    began      task → planned begin
    hours      start (UTC); price, recorded_mw, planned_mw, base_mw
    days       local day; batches, status ("by itself" where no plan was found in time), gap,
               seconds (of the processor), peak_mw, energy_cost of both ways
    peak_price money per MW of the highest mean power of an interval, once
    floor_mw   the lowest peak with which all days can be done, found before prices were known
    late       tasks that missed their due time or their release: none, or the plan is wrong
    """

    book: OrderBook
    began: Mapping[str, pd.Timestamp]
    hours: pd.DataFrame
    days: pd.DataFrame
    peak_price: float
    floor_mw: float
    late: tuple[str, ...]
    zone: str

    def bill(self, column: str) -> dict[str, float]:
        """Energy, peak and total money, energy and peak of a column of `hours`."""
        power = self.hours[column].to_numpy(dtype=float)
        step_h = self.book.step / HOUR
        energy = float(self.hours["price"].to_numpy(dtype=float) @ power) * step_h
        peak = float(power.max())
        return {
            "energy_cost": energy, "peak_cost": self.peak_price * peak, "cost": energy + self.peak_price * peak,
            "energy_mwh": float(power.sum()) * step_h, "peak_mw": peak,
        }  # fmt: skip

    def facts(self) -> dict[str, Any]:
        """Everything in numbers."""
        was, now = self.bill("recorded_mw"), self.bill("planned_mw")
        moved = [abs((self.began[i] - at) / HOUR) for i, at in self.book.began.items() if i in self.began]
        worst = self.days["gap"].max()
        return {
            "source": self.book.source, "days": len(self.days), "batches": len(self.began), "late": len(self.late),
            "recorded": was, "planned": now,
            "saved": {key: was[key] - now[key] for key in was},
            "saved_share": {key: 1 - now[key] / was[key] if was[key] else float("nan") for key in was},
            "floor_mw": self.floor_mw, "largest_gap": float(worst), "mean_shift_h": float(np.mean(moved or [0.0])),
            "incumbents": int((self.days["status"] == "incumbent").sum()),
            "seconds": float(self.days["seconds"].sum()),
        }  # fmt: skip


def process_month(
    book: OrderBook,
    prices: pd.Series | pd.DataFrame,
    *,
    zone: str,
    peak_price: float = 0.0,
    time_limit_s: float = 10.0,
    mip_gap: float = GAP,
    say: Callable[[str], None] = lambda text: None,
) -> ProcessMonth:
    """Plan an order book day by day.

    prices      money per MWh of every interval of the book's base load (UTC); those of a local day are known when it
                is planned, and no later ones
    peak_price  money per MW of the highest import of all days
    zone        of the days
    time_limit_s, mip_gap  of each day

    Raises `OutsideData` where prices do not cover the book, or tasks are due after it; `OutOfRange` where a due time
    cannot be met (it names the task), `SolveFailed` where a day's batches cannot be done or a plan breaks a rule.
    """
    import time

    table = price_table(prices).reindex(book.base_mw.index, method="ffill", limit=int(np.ceil(HOUR / book.step)))
    if table.isna().to_numpy().any():
        gone = table.index[table.isna().any(axis=1)]
        raise OutsideData(
            f"prices are missing for {len(gone)} of {len(table)} intervals of the order book (first {gone[0]}); it "
            f"covers {table.index[0]} to {table.index[-1]}."
        )
    _within(book)
    days = _local_days(pd.DatetimeIndex(table.index), zone)
    floor = _floor(book, table, days, peak_price, time_limit_s, say)
    began: dict[str, pd.Timestamp] = {}
    recorded = book.load_mw().to_numpy(dtype=float)
    reached, rows = floor, []
    for number, part in enumerate(days):
        say(f"Day {number + 1} of {len(days)}")
        started = time.process_time()
        tasks = _open(book, table.index[part[0]], table.index[part[-1]] + book.step, began)
        base = book.base_mw.to_numpy(dtype=float)[part]
        link = Connection(contracted_peak_mw=reached, peak_price_per_mw=peak_price)
        plan, power = _planned(book, tasks, base, table.iloc[part], link, time_limit_s, mip_gap)
        if plan.solved:
            began.update(_begun(plan, tasks))
        else:  # nothing better was found in time: the plant does what it did by itself
            began.update({task.id: book.began[task.id] for task in tasks if task.started is None})
            power = recorded[part]
        reached = max(reached, float(power.max()))
        rows.append(
            {
                "day": table.index[part[0]].tz_convert(zone).tz_localize(None).normalize(), "batches": len(tasks),
                "status": plan.status if plan.solved else "by itself", "gap": plan.gap,
                "seconds": time.process_time() - started, "peak_mw": float(power.max()),
            }
        )  # fmt: skip
    planned = book.load_mw(began)
    hours = pd.DataFrame(
        {"price": table["import_eur_per_mwh"], "recorded_mw": book.load_mw(), "planned_mw": planned,
         "base_mw": book.base_mw}
    )  # fmt: skip
    found = pd.DataFrame(rows).set_index("day")
    money = hours[["recorded_mw", "planned_mw"]].mul(hours["price"], axis=0) * (book.step / HOUR)
    daily = money.groupby(pd.DatetimeIndex(hours.index).tz_convert(zone).tz_localize(None).normalize()).sum()
    found["recorded_energy_cost"], found["planned_energy_cost"] = daily["recorded_mw"], daily["planned_mw"]
    return ProcessMonth(book, began, hours, found, peak_price, floor, tuple(book.late(began)), zone)


def _within(book: OrderBook) -> None:
    """Raises `OutsideData` for tasks that could be left for after the book: nobody would say when they were begun."""
    end = book.base_mw.index[-1] + book.step
    beyond = [task.id for task in book.tasks if task.due is not None and task.due > end]
    if beyond:
        raise OutsideData(
            f"{len(beyond)} tasks are due after the base load ends ({end}): {listed(beyond)}. Give the base load up to "
            "their due times, or leave them out.",
            tasks=beyond,
        )


def _floor(
    book: OrderBook,
    table: pd.DataFrame,
    days: list[IntArray],
    peak_price: float,
    time_limit_s: float,
    say: Callable[[str], None],
) -> float:
    """The lowest peak for which every day has a plan, nearly: the days with the highest recorded load first."""
    if peak_price <= 0:
        return 0.0
    recorded = book.load_mw().to_numpy(dtype=float)
    base = book.base_mw.to_numpy(dtype=float)
    floor = float(base.max())
    for number, part in enumerate(sorted(days, key=lambda rows: -float(recorded[rows].max()))):
        if float(recorded[part].max()) <= floor:
            continue
        say(f"Peak of day {number + 1} of {len(days)}")
        tasks = _open(book, table.index[part[0]], table.index[part[-1]] + book.step, book.began)
        if not tasks:
            continue
        # One price for all: energy costs the same whenever it is taken, and only the peak counts.
        flat = pd.DataFrame(1.0, index=table.index[part], columns=table.columns)
        link = Connection(contracted_peak_mw=floor, peak_price_per_mw=FLOOR_PRICE)
        plan, power = _planned(book, tasks, base[part], flat, link, time_limit_s, PEAK_GAP)
        if plan.solved:
            floor = max(floor, float(power.max()))
    return floor


def _open(
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


def _planned(
    book: OrderBook,
    tasks: tuple[Task, ...],
    base: FloatArray,
    prices: pd.DataFrame,
    link: Connection,
    time_limit_s: float,
    mip_gap: float,
) -> tuple[Plan, FloatArray]:
    """A day's plan, checked, and its load."""
    devices: list[Any] = [Load(base, sheddable=0.0, id="base load")]
    if tasks:
        devices.append(book.process(tasks))
    plan = schedule(devices, prices, connection=link, time_limit_s=time_limit_s, mip_gap=mip_gap)
    if plan.status == "infeasible":
        raise SolveFailed(f"The batches of the day from {prices.index[0]} cannot be done: {plan.diagnosis}")
    if not plan.solved:
        return plan, base
    checked = check_solution(ScheduleCase(devices, prices, connection=link), plan)
    if not checked.ok:
        raise SolveFailed(f"The plan of the day from {prices.index[0]} breaks a rule: {' '.join(checked.sentences(3))}")
    power = base + (plan.of("plant", "p_mw").to_numpy() if tasks else 0.0)
    return plan, power


def _begun(plan: Plan, tasks: tuple[Task, ...]) -> dict[str, pd.Timestamp]:
    """When a plan begins its tasks."""
    if not tasks:
        return {}
    rows = plan.table[(plan.table["quantity"] == "begins") & (plan.table["value"] > 0.5)]
    names = rows["device"].str.removeprefix("plant/")
    return {str(name): at for name, at in zip(names, rows["valid_at"], strict=True)}


def _local_days(starts: pd.DatetimeIndex, zone: str) -> list[IntArray]:
    """Rows of every local day, in order."""
    day = starts.tz_convert(zone).normalize()
    return np.split(np.arange(len(starts)), np.flatnonzero(day[1:] != day[:-1]) + 1)
