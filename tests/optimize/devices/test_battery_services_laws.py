"""Laws of services: never dearer, every call answered, the same as a twin of three powers; a checker that sees all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx
from scipy.optimize import Bounds, LinearConstraint, milp

from gridloop.optimize.check import Checked, ScheduleCase, check_solution
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.services import Regulation, Reserve
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment

# The solver keeps bounds and rows to 1e-7; sums of a few of them stay below this.
MW = 1e-6
N = 4
STARTS = pd.date_range(moment(), periods=N, freq="1h", name="valid_at")
SERVICES = ("regulation_up_eur_per_mw", "regulation_down_eur_per_mw", "reserve_eur_per_mw")

regulations = st.builds(
    Regulation,
    energy_h=st.sampled_from([0.0, 0.25, 1.0, 2.0]),
    called_up=st.sampled_from([0.0, 0.1, 0.3]),
    called_down=st.sampled_from([0.0, 0.1, 0.3]),
)


def batteries(regulation: st.SearchStrategy[Any] = regulations) -> st.SearchStrategy[Battery]:
    return st.builds(
        Battery,
        capacity_mwh=st.sampled_from([0.5, 2.0, 4.0]),
        max_charge_mw=st.sampled_from([0.0, 0.5, 1.0]),
        max_discharge_mw=st.sampled_from([0.0, 0.5, 1.0]),
        charge_efficiency=st.sampled_from([0.8, 0.95, 1.0]),
        discharge_efficiency=st.sampled_from([0.8, 0.95, 1.0]),
        min_soc=st.sampled_from([0.0, 0.2]),
        initial_soc=st.sampled_from([0.1, 0.5, 1.0]),
        self_discharge_per_day=st.sampled_from([0.0, 0.1]),
        degradation_cost=st.sampled_from([0.5, 5.0]),
        regulation=regulation,
        reserve=st.sampled_from([None, Reserve(0.5)]),
    )


def series(least: int, most: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(least, most), min_size=N, max_size=N)


@st.composite
def markets(draw: st.DrawFn, least: int = 1) -> pd.DataFrame:
    energy, fee = np.array(draw(series(least, 120)), dtype=float), draw(st.integers(0, 10))
    table = pd.DataFrame({"import_eur_per_mwh": energy + fee, "export_eur_per_mwh": energy}, index=STARTS)
    return table.assign(**{name: np.array(draw(series(0, 60)), dtype=float) for name in SERVICES})


@settings(max_examples=15, deadline=None)
@given(battery=batteries(), market=markets(), cable=st.sampled_from([Connection(), Connection(0.8, 0.8)]))
def test_selling_services_too_is_never_dearer_and_always_right(
    battery: Battery, market: pd.DataFrame, cable: Connection
):
    alone = schedule([replace(battery, regulation=None, reserve=None)], market, connection=cable)
    plan = schedule([battery], market, connection=cable)
    assert plan.status == "optimal"
    assert plan.cost <= alone.cost + MW * (1 + abs(alone.cost))
    found = check_solution(ScheduleCase([battery], market, cable), plan)
    assert found.ok, found.sentences()


@settings(max_examples=15, deadline=None)
@given(battery=batteries(), market=markets(least=-150))
def test_whatever_the_prices_energy_is_not_burnt(battery: Battery, market: pd.DataFrame):
    plan = schedule([battery], market)
    found = check_solution(ScheduleCase([battery], market), plan)
    assert plan.status == "optimal"
    assert found.ok, found.sentences()


@settings(max_examples=8, deadline=None)
@given(battery=batteries(), market=markets())
def test_the_same_input_gives_the_same_plan(battery: Battery, market: pd.DataFrame):
    plan, again = schedule([battery], market), schedule([battery], market)
    pd.testing.assert_frame_equal(plan.table, again.table, check_exact=True)
    assert plan.cost == again.cost


@settings(max_examples=15, deadline=None)
@given(
    battery=batteries(),
    market=markets(),
    step=st.integers(0, N - 1),
    begin=st.floats(0.0, 1.0),
    up=st.booleans(),
)
def test_a_whole_call_within_an_interval_keeps_the_band(
    battery: Battery, market: pd.DataFrame, step: int, begin: float, up: bool
):
    """Wherever in the interval it falls, for energy_h hours: stored energy along the way, by small steps."""
    battery = replace(battery, reserve=None, self_discharge_per_day=0.0, initial_soc=max(battery.initial_soc, 0.2))
    assert battery.regulation is not None
    plan = schedule([battery], market)
    power = plan.of("battery", "p_mw").iloc[step]
    offered = plan.of("battery", f"regulation_{'up' if up else 'down'}_mw").iloc[step]
    energy = np.append(battery.initial_soc, plan.of("battery", "soc"))[step] * battery.capacity_mwh
    lasts = min(battery.regulation.energy_h, 1.0)
    begin *= 1.0 - lasts
    for called, hours in ((0.0, begin), (-offered if up else offered, lasts), (0.0, 1.0 - begin - lasts)):
        at = power + called
        assert -battery.max_discharge_mw - MW <= at <= battery.max_charge_mw + MW
        rate = at * battery.charge_efficiency if at > 0 else at / battery.discharge_efficiency
        if called:  # what comes after the call is planned again
            energy += rate * hours
            assert battery.min_soc * battery.capacity_mwh - 2 * MW <= energy
            assert energy <= battery.max_soc * battery.capacity_mwh + 2 * MW
        else:
            energy += rate * hours if hours == begin else 0.0


def twin_cost(b: Battery, market: pd.DataFrame) -> float:
    """The same problem by its three powers (set-point, called up, called down), each one way at a time, for milp.

    Columns per hour: energy, up, down, reserve, bought, sold, then charge, discharge and way of every power.
    """
    names = ["e", "up", "down", "res", "buy", "sell", *(f"{x}{s}" for s in "0ud" for x in ("c", "d", "w"))]
    at = {name: k for k, name in enumerate(names)}
    width, r = len(names), b.regulation or Regulation(0.0, 0.0, 0.0)
    share = {"0": 1.0 - r.called_up - r.called_down, "u": r.called_up, "d": r.called_down}
    low, high = np.zeros(N * width), np.full(N * width, np.inf)
    cost, whole = np.zeros(N * width), np.zeros(N * width)
    rows: list[tuple[dict[int, float], float, float]] = []
    into, out, least, most = b.charge_efficiency, b.discharge_efficiency, b.min_soc * b.capacity_mwh, b.capacity_mwh
    kept = (1.0 - b.self_discharge_per_day) ** (1 / 24)
    start = b.initial_soc * b.capacity_mwh
    reserve_h = 0.0 if b.reserve is None else b.reserve.energy_h
    for t in range(N):
        v = {name: t * width + k for name, k in at.items()}
        before = {} if t == 0 else {v["e"] - width: 1.0}
        begin = start if t == 0 else 0.0
        low[v["e"]], high[v["e"]] = least, most
        high[v["up"]] = high[v["down"]] = 3.0 if b.regulation else 0.0
        high[v["res"]] = 3.0 if b.reserve else 0.0
        price = market.iloc[t]
        cost[v["buy"]], cost[v["sell"]] = price["import_eur_per_mwh"], -price["export_eur_per_mwh"]
        for name, column in zip(("up", "down", "res"), SERVICES, strict=True):
            cost[v[name]] = -price[column]
        balance, net = {v["e"]: 1.0} | dict.fromkeys(before, -kept), {v["buy"]: 1.0, v["sell"]: -1.0}
        for s, part in share.items():
            c, d, w = v[f"c{s}"], v[f"d{s}"], v[f"w{s}"]
            high[c], high[d], high[w], whole[w] = b.max_charge_mw, b.max_discharge_mw, 1.0, 1.0
            rows += [
                ({c: 1.0, w: -b.max_charge_mw}, -np.inf, 0.0),
                ({d: 1.0, w: b.max_discharge_mw}, -np.inf, b.max_discharge_mw),
            ]
            balance |= {c: -into * part, d: part / out}
            net |= {c: -part, d: part}
            cost[d] += b.degradation_cost * part
        cost[v["c0"]] += b.early_cost * t
        cost[v["d0"]] += b.early_cost * t
        rows.append((balance, kept * begin, kept * begin))
        rows.append((net, 0.0, 0.0))
        rows.append(({v["cu"]: 1.0, v["du"]: -1.0, v["c0"]: -1.0, v["d0"]: 1.0, v["up"]: 1.0}, 0.0, 0.0))
        rows.append(({v["cd"]: 1.0, v["dd"]: -1.0, v["c0"]: -1.0, v["d0"]: 1.0, v["down"]: -1.0}, 0.0, 0.0))
        rows.append(({v["d0"]: 1.0, v["c0"]: -1.0, v["up"]: 1.0, v["res"]: 1.0}, -np.inf, b.max_discharge_mw))
        h, kept_back = r.energy_h, {v["res"]: -reserve_h / out}
        end = dict.fromkeys(before, kept)  # stored at the end without a call: kept · before + into · c0 − d0 / out
        up = {v["cu"]: h * into, v["c0"]: (1 - h) * into, v["du"]: -h / out, v["d0"]: (h - 1) / out}
        down = {v["cd"]: h * into, v["c0"]: (1 - h) * into, v["dd"]: -h / out, v["d0"]: (h - 1) / out}
        rows.append((end | up | kept_back, least - kept * begin, np.inf))
        rows.append((end | down, -np.inf, most - kept * begin))
        rows.append((before | {v["du"]: -h / out, v["d0"]: h / out} | kept_back, least - begin, np.inf))
        rows.append((before | {v["cd"]: h * into, v["c0"]: -h * into}, -np.inf, most - begin))
    mean = float(market["export_eur_per_mwh"].mean()) * out
    cost[(N - 1) * width] -= mean
    matrix = np.zeros((len(rows), N * width))
    for k, (row, _, _) in enumerate(rows):
        for column, value in row.items():
            matrix[k, column] = value
    rules = LinearConstraint(matrix, [row[1] for row in rows], [row[2] for row in rows])
    found = milp(cost, constraints=rules, bounds=Bounds(low, high), integrality=whole, options={"mip_rel_gap": 1e-9})
    assert found.status == 0, found.message
    return float(found.fun)


@settings(max_examples=15, deadline=None)
@given(battery=batteries(), market=markets())
def test_it_costs_what_a_twin_of_three_powers_costs(battery: Battery, market: pd.DataFrame):
    """Written once more in other variables, whole ways included; prices above zero, where no call burns energy.

    Where directions had to be settled after the first solve the plan may be dearer: 1 % in the worst of 200 cases.
    """
    battery = replace(battery, initial_soc=max(battery.initial_soc, 0.5), self_discharge_per_day=0.0)
    plan = schedule([battery], market)
    best = twin_cost(battery, market)
    if plan.rounds == 1:
        assert plan.cost == approx(best, rel=1e-6, abs=1e-5)
    else:
        assert best - 1e-5 <= plan.cost <= best + 0.03 * abs(best)


# ----- every rule broken once ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served() -> tuple[ScheduleCase, Plan]:
    battery = Battery(
        4.0, 1.0, 1.0, min_soc=0.1, initial_soc=0.3, regulation=Regulation(1.0, 0.1, 0.2), reserve=Reserve(0.5)
    )
    table = pd.DataFrame(
        {"import_eur_per_mwh": [60.0, 30, 90, 40], "export_eur_per_mwh": [50.0, 25, 80, 30]}, index=STARTS
    ).assign(**{name: [9.0, 12.0, 3.0, 10.0] for name in SERVICES})
    table["reserve_eur_per_mw"] = [2.0, 1.0, 1.0, 14.0]
    cable = Connection(import_limit_mw=1.5, export_limit_mw=1.2)
    plan = schedule([battery], table, connection=cable)
    case = ScheduleCase([battery], table, cable)
    assert check_solution(case, plan).ok, check_solution(case, plan).sentences()
    return case, plan


def _changed(plan: Plan, quantity: str, step: int, value: float) -> Plan:
    table = plan.table.copy()
    table.loc[(table["quantity"] == quantity) & (table["valid_at"] == STARTS[step]), "value"] = value
    return replace(plan, table=table)


def _kinds(found: Checked) -> set[str]:
    return set(found.findings["kind"])


@pytest.mark.parametrize(
    ("quantity", "value", "kind"),
    [
        ("regulation_up_mw", 3.0, "power of a call up"),
        ("regulation_down_mw", 3.0, "power of a call down"),
        ("reserve_mw", 3.0, "power of a call up"),
        ("regulation_up_mw", 3.0, "energy for a call up (end)"),
        ("regulation_up_mw", 4.0, "energy for a call up (begin)"),
        ("regulation_down_mw", 5.0, "room for a call down (end)"),
        ("regulation_down_mw", 5.0, "room for a call down (begin)"),
        ("regulation_up_mw", -0.1, "offer (up)"),
        ("regulation_down_mw", -0.1, "offer (down)"),
        ("reserve_mw", -0.1, "offer (reserve)"),
        ("regulation_up_mw", 3.0, "export where all is called"),
        ("regulation_down_mw", 4.0, "import where all is called"),
    ],
)
def test_each_rule_of_services_is_checked(quantity: str, value: float, kind: str, served: tuple[ScheduleCase, Plan]):
    case, plan = served
    assert kind in _kinds(check_solution(case, _changed(plan, quantity, 1, value)))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_one_spoilt_number_is_found(data: st.DataObject, served: tuple[ScheduleCase, Plan]):
    """Any number, off by 1 kW or more: some price or some energy tells."""
    case, plan = served
    row = data.draw(st.integers(0, len(plan.table) - 1))
    off = data.draw(st.floats(1e-3, 5.0)) * data.draw(st.sampled_from([-1.0, 1.0]))
    table = plan.table.copy()
    table.loc[row, "value"] += off
    assert not check_solution(case, replace(plan, table=table)).ok


def test_what_services_earn_is_recomputed(served: tuple[ScheduleCase, Plan]):
    case, plan = served
    for name in ("regulation_up", "regulation_down", "reserve"):
        spoilt = {**plan.parts, name: plan.parts[name] - 1.0}
        found = check_solution(case, replace(plan, parts=spoilt))
        assert ("cost", name) in set(zip(found.findings["kind"], found.findings["element"], strict=True))


def test_an_offer_without_its_rows_or_reason_is_refused(served: tuple[ScheduleCase, Plan]):
    case, plan = served
    table = plan.table
    without = table[table["quantity"] != "reserve_mw"]
    assert "value" in _kinds(check_solution(case, replace(plan, table=without)))
    silent = table.assign(reason=table["reason"].mask(table["quantity"] == "reserve_mw", ""))
    assert "reason" in _kinds(check_solution(case, replace(plan, table=silent)))
