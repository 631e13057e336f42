"""Plans over time: one direction of storage at a time, dark islands, bad input, and the checker at the end."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pytest import approx
from scipy.sparse import csr_array
from two_buses import hours, two_buses

from gridloop.errors import BadInput
from gridloop.network.model import Network
from gridloop.optimize.check import FlowPlanCase, check_solution
from gridloop.optimize.physics.ac import AcPolar
from gridloop.optimize.physics.dc import Dc
from gridloop.optimize.problems import multi_period
from gridloop.optimize.problems.multi_period import plan_dispatch
from gridloop.optimize.solve.arrays import LinearModel
from gridloop.optimize.solve.convex import ConvexSession

STORE = {
    "capacity_mwh": 100.0, "max_charge_mw": 50.0, "max_discharge_mw": 50.0, "charge_efficiency": 0.9,
    "discharge_efficiency": 0.9, "soc": 0.0,
}  # fmt: skip


def paid_to_run(storage=STORE) -> Network:
    """The cheap unit is paid 10 per MWh: burning energy would pay."""
    net = two_buses(storage=storage)
    return Network.from_tables({**net.tables, "generator": net.generator.assign(cost_linear_per_mwh=[-10.0, 40.0])})


def test_storage_does_not_burn_energy():
    """30 MW of load, one hour, a storage that ends as full as it began: without binary choices 50 MW charge while
    discharging burns energy for a price; honest is to leave the storage alone or fill it."""
    plan = plan_dispatch(paid_to_run(), hours([30, 30]))
    assert plan.status == "optimal"
    both = plan.storage[["charge_mw", "discharge_mw"]].min(axis=1)
    assert both.max() <= 1e-6
    # The line brings 50 MW at most: 20 MW charge in both hours.
    assert plan.dispatch.p_mw["cheap"].to_list() == approx([50, 50], abs=1e-4)
    full = plan_dispatch(paid_to_run(STORE | {"soc": 1.0}), hours([30, 30]))
    # Full, and full again at the end: discharge x in one hour makes room for x / 0.81 in the other, of at most 20 MW.
    assert full.storage[["charge_mw", "discharge_mw"]].min(axis=1).max() <= 1e-6
    assert full.cost == approx(-10 * (60 + 20 - 16.2), abs=1e-3)


@pytest.mark.parametrize("seed", range(6))
def test_directions_are_the_best_of_all(seed: int):
    """Two storages and three hours, power that is paid to run: as cheap as the best of all 64 choices of directions."""
    rng = np.random.default_rng(seed)
    net = two_buses(rating=500.0, storage=STORE)
    store = pd.concat([net.storage, net.storage.rename(index={"store": "other"})]).assign(
        capacity_mwh=rng.uniform(20, 60, 2), soc=rng.uniform(0.2, 1.0, 2), max_charge_mw=rng.uniform(10, 50, 2)
    )
    paid = net.generator.assign(cost_linear_per_mwh=[-40.0, 40.0], cost_quadratic_per_mw2h=[0.05, 0.0])
    case = Network.from_tables({**net.tables, "storage": store, "generator": paid})
    load = hours(rng.uniform(60, 150, 3))
    plan = plan_dispatch(case, load)
    assert plan.status == "optimal"
    best = min(by_directions(store, load, bits) for bits in itertools.product((True, False), repeat=6))
    assert plan.cost == approx(best, rel=1e-5, abs=1e-3)


def by_directions(store: pd.DataFrame, load: pd.Series, charging: tuple[bool, ...]) -> float:
    """Cost where every storage and hour may do one thing alone, as one plain program; infinite where there is none."""
    n, t = 2, len(load)
    c, d, e = (k * n * t + np.arange(n * t).reshape(n, t) for k in range(3))
    p = 3 * n * t + np.arange(t)
    low, high = np.zeros(p[-1] + 1), np.full(p[-1] + 1, 200.0)
    rows, right = np.zeros((n * t + t, low.size)), np.concatenate([np.zeros(n * t), load.to_numpy()])
    for i, own in enumerate(store.to_dict("records")):
        begin = own["soc"] * own["capacity_mwh"]
        for h in range(t):
            free = charging[i * t + h]
            high[c[i, h]] = own["max_charge_mw"] if free else 0.0
            high[d[i, h]] = 0.0 if free else own["max_discharge_mw"]
            high[e[i, h]] = own["capacity_mwh"]
            rows[i * t + h, [e[i, h], c[i, h], d[i, h]]] = 1.0, -0.9, 1 / 0.9
            if h:
                rows[i * t + h, e[i, h - 1]] = -1.0
            rows[n * t + h, [c[i, h], d[i, h], p[h]]] = -1.0, 1.0, 1.0
        right[i * t] = begin
        low[e[i, t - 1]] = begin
    cost, quadratic = np.zeros(low.size), np.zeros(low.size)
    cost[p], quadratic[p] = -40.0, 0.05
    answer = ConvexSession(LinearModel(cost, low, high, csr_array(rows), right, right), quadratic).run()
    return answer.objective if answer.status == "optimal" else np.inf


def test_a_dark_island_is_infeasible():
    net = two_buses()
    bus = pd.concat([net.bus, net.bus.rename(index={"a": "dark"}).loc[["dark"]]])
    load = pd.concat([net.load, net.load.rename(index={"town": "lamp"}).assign(bus="dark", p_mw=0.0)])
    dark = Network.from_tables({**net.tables, "bus": bus, "load": load})
    given = pd.DataFrame({"town": [30.0, 30.0], "lamp": [0.0, 2.0]}, index=hours([0, 0]).index)
    plan = plan_dispatch(dark, given)
    assert plan.status == "infeasible" and "carries 2 MW of load in islands where nothing" in str(
        plan.dispatch.diagnosis
    )
    assert plan_dispatch(dark, given.assign(lamp=0.0)).status == "optimal"


def test_an_island_whose_load_comes_later_is_served():
    """Its load is zero in the table: it is part of the plan all the same."""
    net = two_buses()
    own = net.generator.loc[["dear"]].rename(index={"dear": "own"}).assign(bus="c")
    tables = {
        **net.tables,
        "bus": pd.concat([net.bus, net.bus.loc[["a"]].rename(index={"a": "c"})]),
        "load": pd.concat([net.load, net.load.rename(index={"town": "lamp"}).assign(bus="c", p_mw=0.0)]),
        "generator": pd.concat([net.generator, own]),
    }
    given = pd.DataFrame({"town": [30.0, 30.0], "lamp": [0.0, 2.0]}, index=hours([0, 0]).index)
    plan = plan_dispatch(Network.from_tables(tables), given)
    assert plan.status == "optimal", plan.dispatch.diagnosis
    assert plan.dispatch.p_mw["own"].to_list() == approx([0, 2], abs=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"hours": 0.0}, {"hours": np.nan}, {"hours": np.inf}, {"reserve_mw": -1.0}, {"reserve_mw": np.nan},
        {"load_mw": 30.0}, {"load_mw": pd.Series(["much"])},
        {"load_mw": pd.DataFrame([[1.0, 2.0]], columns=["town", "town"])},
    ],
)  # fmt: skip
def test_bad_input(wrong):
    with pytest.raises(BadInput):
        plan_dispatch(**({"net": two_buses(), "load_mw": hours([30])} | wrong))


@pytest.mark.parametrize("physics", ["ac", AcPolar(), Dc])
def test_a_plan_knows_the_dc_model_alone(physics):
    with pytest.raises(BadInput, match="made with the DC model"):
        plan_dispatch(two_buses(), hours([30, 30]), physics=physics)


def test_reactances_that_cancel_out_are_a_status():
    net = two_buses()
    second = net.line.rename(index={"ab": "ab 2"}).assign(x_ohm_per_km=-10.0)
    plan = plan_dispatch(Network.from_tables({**net.tables, "line": pd.concat([net.line, second])}), hours([30]))
    assert plan.status == "not_converged" and plan.dispatch.diagnosis is not None and np.isnan(plan.cost)


def test_a_storage_without_capacity():
    plan = plan_dispatch(two_buses(storage=STORE | {"capacity_mwh": 0.0}), hours([30]))
    assert plan.status == "optimal" and plan.storage["charge_mw"].item() == approx(0, abs=1e-6)


# ── the checker ──────────────────────────────────────────────────────────────────────────────────────────────────
LOAD = hours([30, 80])


@pytest.fixture(scope="module")
def planned():
    net = two_buses(storage=STORE, ramp=(60.0, np.nan))
    return net, plan_dispatch(net, LOAD)


def kinds(net, plan):
    return set(check_solution(FlowPlanCase(net, LOAD), plan).findings["kind"])


def test_the_plan_passes(planned):
    net, plan = planned
    found = check_solution(FlowPlanCase(net, LOAD), plan)
    assert found.ok, found.findings
    assert found.cost == approx(plan.cost)


def with_cells(frame, column, change):
    return frame.assign(**{column: frame[column] + change})


SPOILT = {
    "active balance": lambda p: replace(p, flow_mw=p.flow_mw - 1.0),
    "flow": lambda p: replace(p, flow_mw=p.flow_mw + np.array([[1.0], [0.0]])),
    "energy": lambda p: replace(p, storage=with_cells(p.storage, "soc", [0.01, 0.0])),
    "charge and discharge at once": lambda p: replace(
        p, storage=p.storage.assign(charge_mw=p.storage["charge_mw"] + 1, discharge_mw=p.storage["discharge_mw"] + 1)
    ),
    "charging": lambda p: replace(p, storage=with_cells(p.storage, "charge_mw", 60.0)),
    "discharging": lambda p: replace(p, storage=with_cells(p.storage, "discharge_mw", 60.0)),
    "state of charge": lambda p: replace(p, storage=with_cells(p.storage, "soc", 2.0)),
    "energy at the end": lambda p: replace(p, storage=with_cells(p.storage, "soc", [0.0, -0.2])),
    "output": lambda p: replace(p, dispatch=replace(p.dispatch, unit=with_cells(p.dispatch.unit, "p_mw", 190.0))),
    "ramp up": lambda p: replace(
        p, dispatch=replace(p.dispatch, unit=with_cells(p.dispatch.unit, "p_mw", [0.0, 0.0, 70.0, 0.0]))
    ),
    "cost": lambda p: replace(p, dispatch=replace(p.dispatch, cost=p.cost + 1.0)),
}


@pytest.mark.parametrize("kind", list(SPOILT))
def test_what_is_spoilt_is_named(planned, kind):
    net, plan = planned
    assert kind in kinds(net, SPOILT[kind](plan))


def test_a_loop_of_power_is_found():
    """Two equal lines in parallel: 60 MW split as 40 and 20 balance at every bus, and no angle makes them."""
    net = two_buses(rating=100.0)
    both = Network.from_tables({**net.tables, "line": pd.concat([net.line, net.line.rename(index={"ab": "ab 2"})])})
    plan = plan_dispatch(both, hours([60, 60]))
    assert plan.status == "optimal"
    twisted = replace(plan, flow_mw=plan.flow_mw + np.array([[10.0, -10.0]]))
    assert set(check_solution(FlowPlanCase(both, hours([60, 60])), twisted).findings["kind"]) == {"flow by the angles"}


def test_a_spoilt_plan_is_refused(monkeypatch):
    right = multi_period.NetworkProblem.plan
    monkeypatch.setattr(multi_period.NetworkProblem, "plan", lambda self, *g: SPOILT["cost"](right(self, *g)))
    plan = plan_dispatch(two_buses(), LOAD)
    assert plan.status == "refused" and "cost" in str(plan.dispatch.diagnosis)
