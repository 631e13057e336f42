"""Fleets under one limit: a thousand cars beside the linear program of HiGHS, and a million.

Cars come and go at any minute, energies fit into stays, 96 intervals of 15 minutes, one limit of all cars and a base
load; the limit binds for hours. Costs are compared with the linear program on the same input where that can be solved
(a thousand cars, and two thousand of the million under their part of the limit); the million is judged by weak duality,
from its cars as they are, and by every car's own power, stay and energy. Times are of the process: on a busy machine
the clock on the wall says more about its neighbours.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array, csr_array

from benchmarks.forecast_data import verdict
from benchmarks.harness import Bench
from benchmarks.result import Rates, Row
from gridloop.optimize.charging_fleet.charge import charge_fleet
from gridloop.optimize.charging_fleet.result import FleetPlan
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.solve.arrays import ArraySession, LinearModel

NAME = "flexibility"
THOUSAND = "ev: 1,000 cars with a transformer limit, 96 intervals"
MILLION = "ev: 1,000,000 cars with a limit, 96 intervals"
THOUSAND_S, MILLION_S, MILLION_STRETCH_S = 1.0, 10.0, 3.0
QUICK_MANY = 100_000
SAMPLE = 2_000
STEPS = 96
# Costs of two exact methods; the linear program's own tolerance is 1e-7 per row.
SAME_COST = 1e-6


def rows(bench: Bench) -> list[Row]:
    """One row per size of fleet."""
    made = []
    if bench.asks_for(THOUSAND):
        made.append(_thousand(bench))
    if bench.asks_for(MILLION):
        made.append(_million(bench))
    return made


# ------------------------------------------------------------------ the fleets


@dataclass(frozen=True)
class _Case:
    """A fleet with its prices, base load and limit."""

    sessions: pd.DataFrame
    prices: pd.Series
    base_mw: np.ndarray
    limit_mw: float

    def plan(self) -> FleetPlan:
        return charge_fleet(self.sessions, self.prices, limit_mw=self.limit_mw, base_mw=self.base_mw)


def fleet(cars: int, seed: int) -> _Case:
    """A town's cars from noon to noon: two thirds come home in the evening, the rest to work or in between."""
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2026-01-12 12:00", tz="UTC")
    home = rng.random(cars) < 0.65
    come = np.where(home, rng.normal(6.0, 1.8, cars), rng.uniform(0.0, 22.0, cars)).clip(0.0, 23.0)
    stay = np.where(home, rng.normal(12.0, 2.0, cars), rng.lognormal(1.2, 0.6, cars)).clip(0.5, 23.9)
    gone = np.minimum(come + stay, 24.0)
    power = rng.choice([0.0037, 0.0072, 0.011, 0.022], cars, p=[0.3, 0.3, 0.35, 0.05])
    energy = np.minimum(rng.gamma(2.2, 0.0055, cars), 0.9 * power * (gone - come))
    at = [start + pd.to_timedelta((60.0 * hours).round(), unit="min") for hours in (come, gone)]
    sessions = pd.DataFrame(
        {"arrival": at[0], "departure": at[1], "energy_mwh": energy, "max_charge_mw": power},
        index=pd.RangeIndex(cars, name="session"),
    )
    hour = np.arange(STEPS) / 4.0
    clock = (hour + 12.0) % 24.0
    price = 70.0 + 35.0 * np.exp(-(((clock - 19.0) / 2.5) ** 2)) - 40.0 * np.exp(-(((clock - 3.5) / 3.0) ** 2))
    prices = pd.Series(price + rng.normal(0.0, 2.0, STEPS), index=pd.date_range(start, periods=STEPS, freq="15min"))
    mean = energy.sum() / 24.0
    base = mean * (1.5 + 0.6 * np.exp(-(((clock - 19.0) / 3.0) ** 2)))
    return _Case(sessions, prices, base, float(mean * 3.6))


# ------------------------------------------------------------- linear program


def linear_program(case: _Case) -> tuple[float, float]:
    """Cost by HiGHS on the same input, and seconds of the process to build and solve it."""
    began = time.process_time()
    horizon = Horizon.regular(pd.DatetimeIndex(case.prices.index))
    table, cars = case.sessions, len(case.sessions)
    hours = float(horizon.hours[0])
    most = table["max_charge_mw"].to_numpy()[:, None] * hours * horizon.overlap(table["arrival"], table["departure"])
    car, step = np.nonzero(most)
    cost = (case.prices.to_numpy() + 0.01 * horizon.waiting)[step]
    entries = np.arange(car.size)
    ones = np.ones(2 * car.size)
    matrix = coo_array(
        (ones, (np.concatenate([car, cars + step]), np.tile(entries, 2))), shape=(cars + STEPS, car.size)
    )
    need, room = table["energy_mwh"].to_numpy(), (case.limit_mw - case.base_mw) * hours
    model = LinearModel(
        cost, np.zeros(car.size), most[car, step], csr_array(matrix),
        np.concatenate([need, np.full(STEPS, -np.inf)]), np.concatenate([need, room]),
    )  # fmt: skip
    answer = ArraySession(model, time_limit_s=120.0).run()
    if answer.status != "optimal":
        return float("nan"), time.process_time() - began
    return answer.objective, time.process_time() - began


def _paid(plan: FleetPlan) -> float:
    return plan.cost - plan.parts["ev_unserved"]


# ------------------------------------------------------------------- the rows


def _thousand(bench: Bench) -> Row:
    bench.say(THOUSAND)
    case = fleet(1_000, bench.seed)
    case.plan()  # compiled kernels are read from disk once per process
    took = []
    for _ in range(bench.runs):
        began = time.process_time()
        plan = case.plan()
        took.append(time.process_time() - began)
    seconds = float(np.median(took))
    cost, lp_s = linear_program(case)
    apart = abs(_paid(plan) - cost) / abs(cost)
    kept = seconds <= THOUSAND_S and apart <= SAME_COST
    binding = int((plan.table["limit_price"] > 1e-6).sum())
    return Row(
        NAME, THOUSAND, 1, Rates((1.0 / seconds,), "fleets"), others={"HiGHS": Rates((1.0 / lp_s,), "linear program")},
        facts={"seconds": seconds, "lp_seconds": lp_s, "cost": _paid(plan), "lp_cost": cost, "apart": apart,
               "gap": plan.gap, "intervals_at_limit": binding},
        notes=(f"{verdict(kept, quick=False)}: {1000.0 * seconds:.0f} ms of the process by gl.charge_fleet (HiGHS on "
               f"the same linear program {lp_s:.1f} s), promised ≤ {THOUSAND_S:g} s; costs differ by {apart:.1e} of "
               f"their size, allowed {SAME_COST:g}. The limit is full in {binding} of {STEPS} intervals.",),
    )  # fmt: skip


def _million(bench: Bench) -> Row:
    bench.say(MILLION)
    cars = QUICK_MANY if bench.quick else 1_000_000
    fleet(1_000, bench.seed).plan()
    case = fleet(cars, bench.seed)
    began, wall = time.process_time(), time.perf_counter()
    plan = case.plan()
    seconds, wall = time.process_time() - began, time.perf_counter() - wall
    broken = _broken(plan, case)
    part = SAMPLE / cars
    rng = np.random.default_rng(bench.seed)
    some = case.sessions.iloc[np.sort(rng.choice(cars, SAMPLE, replace=False))]
    small = _Case(some, case.prices, case.base_mw * part, case.limit_mw * part)
    sample = small.plan()
    cost, lp_s = linear_program(small)
    apart = abs(_paid(sample) - cost) / abs(cost)
    kept = seconds <= MILLION_S and plan.gap <= SAME_COST and broken <= 1e-9 and apart <= SAME_COST
    binding = int((plan.table["limit_price"] > 1e-6).sum())
    reached = "reached" if seconds <= MILLION_STRETCH_S else "not reached"
    return Row(
        NAME, MILLION, bench.threads, Rates((cars / seconds,), "cars"),
        facts={"seconds": seconds, "wall_s": wall, "cars": cars, "gap": plan.gap, "broken": broken,
               "intervals_at_limit": binding, "sample_apart": apart, "sample_lp_seconds": lp_s, "cost": _paid(plan)},
        notes=(
            f"{verdict(kept, quick=bench.quick, part=f'{cars:,} cars')}: {cars:,} cars in {seconds:.2f} s of the "
            f"process ({wall:.2f} s on the wall), promised ≤ {MILLION_S:g} s; {MILLION_STRETCH_S:g} s, the stretch, "
            f"{reached}.",
            f"No charge can be cheaper by more than {max(plan.gap, 0.0):.1e} of the cost (weak duality, all cars); "
            f"power, stay, energy and limit kept to {broken:.1e}. {SAMPLE:,} of the cars under their part of the limit "
            f"cost what HiGHS finds in {lp_s:.1f} s to {apart:.1e}. The limit is full in {binding} of {STEPS} "
            "intervals.",
        ),
    )  # fmt: skip


def _broken(plan: FleetPlan, case: _Case) -> float:
    """Largest violation of any car's power, stay and energy, and of the limit, as a share of what is allowed."""
    stay = np.diff(plan.place)
    horizon, hours = plan.horizon, float(plan.horizon.hours[0])
    power = case.sessions["max_charge_mw"].to_numpy()
    served = np.add.reduceat(plan.power_mw, plan.place[:-1]) * hours
    energy = case.sessions["energy_mwh"].to_numpy()
    worst = float((np.abs(served - energy) / np.maximum(energy, 1e-6)).max())
    starts = horizon.starts.asi8
    width = round(hours * 3.6e12)
    come, gone = (pd.DatetimeIndex(case.sessions[n]).as_unit("ns").asi8 for n in ("arrival", "departure"))
    for begin in range(0, len(stay), 100_000):
        cars = slice(begin, min(begin + 100_000, len(stay)))
        cells = slice(plan.place[begin], plan.place[cars.stop])
        car = np.repeat(np.arange(cars.start, cars.stop), stay[cars])
        step = np.arange(cells.start, cells.stop) - plan.place[car] + plan.first[car]
        there = np.minimum(gone[car], starts[step] + width) - np.maximum(come[car], starts[step])
        beyond = plan.power_mw[cells] - power[car] * there / width
        worst = max(worst, float((beyond / power[car]).max()), float((-plan.power_mw[cells]).max()))
    room = case.limit_mw - case.base_mw
    return max(worst, float(((plan.table["ev_mw"].to_numpy() - room) / case.limit_mw).max()))
