"""A plant's batches planned day by day against day-ahead prices and a peak charge, beside what it did by itself.

Orders are known beforehand, prices of a day when they are out, and of the base load what the caller says was expected
of it then; without that it is known as it came, which no plant has: a ceiling. Batches are planned beside the expected
base load and settled beside the one that came; where more is known later in the day, what has not begun is planned
anew. A day pays for a peak above the month's target, or above what has been
reached before where that broke it. What is planned is what is done: batches take what they take. Every plan is checked
by the rules of `optimize.check` before it counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import OutsideData, listed
from gridloop.optimize.devices.connection import Connection, price_table
from gridloop.optimize.devices.power_profile import HOUR
from gridloop.optimize.plan import Plan
from gridloop.optimize.process.orders import OrderBook
from gridloop.optimize.process.task import Task
from gridloop.optimize.studies.process_day import local_days, lowest_peak, open_tasks, planned_day

# A plan that is beaten by less is worth no more seconds; orders and prices are off by more.
GAP = 0.005
BY_ITSELF = "by itself"
# Rounding of the solver: its feasibility tolerance is 1e-7.
SAME_MW = 1e-6


@dataclass(frozen=True, eq=False)
class ProcessMonth:
    """What came of it, beside the plant left to itself.

    began      task → planned begin
    hours      start (UTC); price, recorded_mw, planned_mw, base_mw as it came, base_ahead_mw as it was planned beside
    days       local day; batches, status ("by itself" where nothing was known of the base load, or no plan was found in
               time), gap, seconds (of the processor), peak_mw, target_mw, energy_cost of both ways
    peak_price money per MW of the highest mean power of an interval, once
    target_mw  the peak that the month began with: a plan pays for what is above
    base_known True where the base load was known as it came
    late       tasks that missed their due time or their release: none, or the plan is wrong
    """

    book: OrderBook
    began: Mapping[str, pd.Timestamp]
    hours: pd.DataFrame
    days: pd.DataFrame
    peak_price: float
    target_mw: float
    base_known: bool
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
            "target_mw": self.target_mw,
            "target_broken_days": int((self.days["peak_mw"] > self.days["target_mw"] + SAME_MW).sum()),
            "base_known": self.base_known, "largest_gap": float(worst), "mean_shift_h": float(np.mean(moved or [0.0])),
            "incumbents": int((self.days["status"] == "incumbent").sum()),
            "by_itself": int((self.days["status"] == BY_ITSELF).sum()),
            "seconds": float(self.days["seconds"].sum()),
        }  # fmt: skip


def process_month(
    book: OrderBook,
    prices: pd.Series | pd.DataFrame,
    *,
    zone: str,
    peak_price: float = 0.0,
    base_ahead_mw: pd.DataFrame | None = None,
    target_mw: float | None = None,
    time_limit_s: float = 10.0,
    mip_gap: float = GAP,
    say: Callable[[str], None] = lambda text: None,
) -> ProcessMonth:
    """Plan an order book day by day.

    prices      money per MWh of every interval of the book's base load (UTC); those of a local day are known when it
                is planned, and no later ones
    peak_price  money per MW of the highest import of all days
    base_ahead_mw  interval × hours since local midnight: the base load that is planned beside from that hour on, as it
                was expected then. A column that is missing for the rest of a day leaves its plan as it is; where the
                column 0 is missing the day is left to itself until a later one is there. None: as it came
    target_mw   peak that is free of charge to begin with, of what was known before the month; raised when broken.
                None: the lowest with which all of the book's days can be done, base load and orders as they came
    zone        of the days
    time_limit_s, mip_gap  of each day

    Raises `OutsideData` where prices do not cover the book, or tasks are due after it; `OutOfRange` where a due time
    cannot be met (it names the task), `SolveFailed` where a day's batches cannot be done or a plan breaks a rule.
    """
    table = price_table(prices).reindex(book.base_mw.index, method="ffill", limit=int(np.ceil(HOUR / book.step)))
    if table.isna().to_numpy().any():
        gone = table.index[table.isna().any(axis=1)]
        raise OutsideData(
            f"prices are missing for {len(gone)} of {len(table)} intervals of the order book (first {gone[0]}); it "
            f"covers {table.index[0]} to {table.index[-1]}."
        )
    _within(book)
    days = local_days(pd.DatetimeIndex(table.index), zone)
    if target_mw is None:
        target_mw = lowest_peak(book, days, time_limit_s, say) if peak_price > 0 else 0.0
    began: dict[str, pd.Timestamp] = {}
    recorded, base = book.load_mw().to_numpy(dtype=float), book.base_mw.to_numpy(dtype=float)
    ahead = book.base_mw.to_frame(0.0) if base_ahead_mw is None else base_ahead_mw.reindex(book.base_mw.index)
    reached, rows, beside = target_mw, [], np.full(len(base), np.nan)
    for number, part in enumerate(days):
        say(f"Day {number + 1} of {len(days)}")
        started = time.process_time()
        starts, end = table.index[part], table.index[part[-1]] + book.step
        day = open_tasks(book, starts[0], end, began)
        status, gap, power = BY_ITSELF, float("nan"), recorded[part].copy()
        for now in ahead.columns:
            rest = part[starts - starts[0] >= float(now) * HOUR]
            expected = ahead[now].to_numpy(dtype=float)[rest]
            if not rest.size or not np.isfinite(expected).all():
                continue
            begin, past = table.index[rest[0]], len(part) - rest.size
            if status == BY_ITSELF:
                began.update(_recorded(book, day, began, begin))
            tasks = open_tasks(book, begin, end, began)
            link = Connection(
                contracted_peak_mw=max(reached, float(power[:past].max(initial=0.0))), peak_price_per_mw=peak_price
            )
            plan, batches = planned_day(book, tasks, expected, table.iloc[rest], link, time_limit_s, mip_gap)
            if plan.solved:
                began.update(_begun(plan, tasks))
                power[past:], beside[rest] = base[rest] + batches, expected
                status, gap = plan.status, max(plan.gap, gap) if gap == gap else plan.gap
        if status == BY_ITSELF:  # nothing was known, or nothing better was found: the plant does what it did by itself
            began.update(_recorded(book, day, began, None))
        rows.append(
            {
                "day": table.index[part[0]].tz_convert(zone).tz_localize(None).normalize(), "batches": len(day),
                "status": status, "gap": gap, "seconds": time.process_time() - started,
                "peak_mw": float(power.max()), "target_mw": reached,
            }
        )  # fmt: skip
        reached = max(reached, float(power.max()))
    planned = book.load_mw(began)
    hours = pd.DataFrame(
        {"price": table["import_eur_per_mwh"], "recorded_mw": book.load_mw(), "planned_mw": planned,
         "base_mw": book.base_mw, "base_ahead_mw": beside}
    )  # fmt: skip
    found = pd.DataFrame(rows).set_index("day")
    money = hours[["recorded_mw", "planned_mw"]].mul(hours["price"], axis=0) * (book.step / HOUR)
    daily = money.groupby(pd.DatetimeIndex(hours.index).tz_convert(zone).tz_localize(None).normalize()).sum()
    found["recorded_energy_cost"], found["planned_energy_cost"] = daily["recorded_mw"], daily["planned_mw"]
    return ProcessMonth(book, began, hours, found, peak_price, target_mw, base_ahead_mw is None,
                        tuple(book.late(began)), zone)  # fmt: skip


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


def _recorded(
    book: OrderBook, tasks: tuple[Task, ...], began: Mapping[str, pd.Timestamp], until: pd.Timestamp | None
) -> dict[str, pd.Timestamp]:
    """Recorded begins of tasks that nobody planned, until a time."""
    own = {task.id: book.began[task.id] for task in tasks if task.id not in began}
    return {name: at for name, at in own.items() if until is None or at < until}


def _begun(plan: Plan, tasks: tuple[Task, ...]) -> dict[str, pd.Timestamp]:
    """When a plan begins its tasks."""
    if not tasks:
        return {}
    rows = plan.table[(plan.table["quantity"] == "begins") & (plan.table["value"] > 0.5)]
    names = rows["device"].str.removeprefix("plant/")
    return {str(name): at for name, at in zip(names, rows["valid_at"], strict=True)}
