"""The plan on a copper plate against a slow twin: the same problem written once more, densely, for scipy's solver.

The twin shares nothing with the library but the devices. Prices are not negative here: below zero the library forbids
running both ways at once, which no linear program says.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment

INF = float("inf")


class Dense:
    """A linear program that grows column by column and row by row."""

    def __init__(self) -> None:
        self.cost: list[float] = []
        self.bounds: list[tuple[float, float]] = []
        self.equal: list[tuple[dict[int, float], float]] = []
        self.at_most: list[tuple[dict[int, float], float]] = []

    def column(self, cost: float, low: float, high: float) -> int:
        self.cost.append(cost)
        self.bounds.append((low, high))
        return len(self.cost) - 1

    def solve(self) -> float:
        def matrix(rows: list[tuple[dict[int, float], float]]) -> tuple[np.ndarray | None, np.ndarray | None]:
            if not rows:
                return None, None
            dense = np.zeros((len(rows), len(self.cost)))
            for r, (row, _) in enumerate(rows):
                for column, value in row.items():
                    dense[r, column] += value
            return dense, np.array([right for _, right in rows])

        a_eq, b_eq = matrix(self.equal)
        a_ub, b_ub = matrix(self.at_most)
        result = linprog(self.cost, A_ub=a_ub, b_ub=b_ub, A_eq=a_eq, b_eq=b_eq, bounds=self.bounds)
        assert result.status == 0, result.message
        return float(result.fun)


def twin_cost(devices: list[Device], prices: pd.DataFrame, connection: Connection, horizon: Horizon) -> float:
    """Cost of the cheapest plan."""
    lp, n, hours = Dense(), len(horizon), horizon.hours
    buy, sell = prices["import_eur_per_mwh"].to_numpy(), prices["export_eur_per_mwh"].to_numpy()
    balance: list[dict[int, float]] = [{} for _ in range(n)]
    right = np.zeros(n)
    wait = np.concatenate([[0.0], np.cumsum(hours)[:-1]])
    peak = lp.column(connection.peak_price_per_mw, 0, INF)
    for t in range(n):
        bought = lp.column(buy[t] * hours[t], 0, connection.import_limit_mw)
        sold = lp.column(-sell[t] * hours[t], 0, connection.export_limit_mw)
        more = lp.column((buy[t] + connection.limit_price) * hours[t], 0, INF)
        balance[t] |= {bought: 1.0, sold: -1.0, more: 1.0}
        if connection.contracted_peak_mw is not None:
            lp.at_most.append(({bought: 1.0, more: 1.0, sold: -1.0, peak: -1.0}, connection.contracted_peak_mw))
    for d in devices:
        if isinstance(d, Load):
            right += np.asarray(d.p_mw)
            for t in range(n):
                balance[t][lp.column(d.value_of_lost_load * hours[t], 0, d.sheddable * d.p_mw[t])] = 1.0
        elif isinstance(d, Renewable):
            right -= np.asarray(d.available_mw)
            for t in range(n):
                balance[t][lp.column(d.curtailment_cost * hours[t], 0, d.available_mw[t])] = -1.0
        elif isinstance(d, Battery):
            worth = np.average(sell, weights=hours) * d.discharge_efficiency
            before, have = None, d.initial_soc * d.capacity_mwh
            for t in range(n):
                early = d.early_cost * wait[t] * hours[t]
                charge = lp.column(early, 0, d.max_charge_mw)
                discharge = lp.column(early + d.degradation_cost * hours[t], 0, d.max_discharge_mw)
                energy = lp.column(
                    -worth if t == n - 1 else 0.0, d.min_soc * d.capacity_mwh, d.max_soc * d.capacity_mwh
                )
                balance[t] |= {charge: -1.0, discharge: 1.0}
                kept = (1 - d.self_discharge_per_day) ** (hours[t] / 24)
                row = {
                    energy: 1.0,
                    charge: -d.charge_efficiency * hours[t],
                    discharge: hours[t] / d.discharge_efficiency,
                }
                if before is not None:
                    row[before] = -kept
                lp.equal.append((row, kept * have if before is None else 0.0))
                before = energy
        elif isinstance(d, EVFleet):
            for session in d.sessions.itertuples():
                charged: dict[int, float] = {}
                for t in range(n):
                    begin, end = max(session.arrival, horizon.starts[t]), min(session.departure, horizon.ends[t])
                    share = max((end - begin).total_seconds(), 0.0) / (3600 * hours[t])
                    column = lp.column(d.early_cost * wait[t] * hours[t], 0, session.max_charge_mw * share)
                    charged[column] = hours[t]
                    balance[t][column] = -1.0
                after = (session.departure - max(session.arrival, horizon.ends[-1])).total_seconds() / 3600
                need = max(session.energy_mwh - session.max_charge_mw * max(after, 0.0), 0.0)
                short = lp.column(d.value_of_lost_charge, 0, need)
                lp.at_most.append((charged, session.energy_mwh))
                lp.at_most.append(({column: -value for column, value in charged.items()} | {short: -1.0}, -need))
    lp.equal.extend(zip(balance, right, strict=True))
    return lp.solve()


amounts = st.integers(0, 30).map(lambda tenths: tenths / 10)


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[Device], pd.DataFrame, Connection, Horizon]:
    n = draw(st.integers(1, 4))
    lengths = [pd.Timedelta(minutes=draw(st.sampled_from([15, 60, 180]))) for _ in range(n)]
    horizon = Horizon.blocks(moment(), [(1, length) for length in lengths])
    values = st.lists(amounts, min_size=n, max_size=n).map(np.array)
    money = np.array(draw(st.lists(st.integers(0, 120), min_size=n, max_size=n)), dtype=float)
    prices = pd.DataFrame(
        {"import_eur_per_mwh": money + draw(st.integers(0, 30)), "export_eur_per_mwh": money}, index=horizon.starts
    )
    devices: list[Device] = [Load(draw(values), id="load", sheddable=draw(st.sampled_from([0.0, 0.5, 1.0])))]
    devices += [
        Renewable(draw(values), float(draw(st.integers(0, 50))), id=f"sun {k}") for k in range(draw(st.integers(0, 2)))
    ]
    for k in range(draw(st.integers(0, 2))):
        battery = Battery(
            capacity_mwh=draw(st.sampled_from([0.5, 2.0])),
            max_charge_mw=draw(amounts) + 0.1,
            max_discharge_mw=draw(amounts),
            charge_efficiency=draw(st.sampled_from([0.8, 0.95, 1.0])),
            discharge_efficiency=0.9,
            min_soc=draw(st.sampled_from([0.0, 0.2])),
            max_soc=0.9,
            initial_soc=draw(st.sampled_from([0.3, 0.5, 0.9])),
            degradation_cost=draw(st.sampled_from([0.0, 3.0])),
            self_discharge_per_day=draw(st.sampled_from([0.0, 0.05])),
            id=f"battery {k}",
        )
        devices.append(battery)
    sessions = draw(st.lists(st.tuples(st.integers(-60, 200), st.integers(10, 400), amounts, amounts), max_size=3))
    rows = [
        (moment() + pd.Timedelta(minutes=a), moment() + pd.Timedelta(minutes=a + d), e, p) for a, d, e, p in sessions
    ]
    table = pd.DataFrame(rows, columns=["arrival", "departure", "energy_mwh", "max_charge_mw"])
    table.index = [f"car {k}" for k in range(len(rows))]
    if rows:
        devices.append(EVFleet(table.assign(bus="")))
    peak = draw(st.sampled_from([None, 0.0, 1.0]))
    connection = Connection(
        draw(st.sampled_from([INF, 1.0])), INF, peak, 0.0 if peak is None else float(draw(st.integers(1, 500)))
    )
    return devices, prices, connection, horizon


@settings(max_examples=40, deadline=None)
@given(problems())
def test_the_plan_costs_what_the_twin_says(problem):
    devices, prices, connection, horizon = problem
    plan = schedule(devices, prices, connection=connection, horizon=horizon)
    # Both solvers keep their feasibility to 1e-7 MW, priced at no more than 20 000 per MWh.
    assert plan.cost == pytest.approx(twin_cost(devices, prices, connection, horizon), rel=1e-7, abs=1e-2)
    assert sum(plan.parts.values()) == pytest.approx(plan.cost, rel=1e-9, abs=1e-6)
