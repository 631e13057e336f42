"""Dispatch over time on a DC network: ramps, storage and flow limits of all steps in one problem.

The problem of `dispatch`, with three changes: what references absorb is zero in every step instead of one balance;
storage takes and gives; and flow limits are rows for those steps and branches alone that a solution broke (N-1 too,
where it is asked for). Energy of a storage, with its state at the end no lower than at the start:

    e_t = kept · e_{t−1} + h (η_in charge_t − discharge_t / η_out),    least ≤ e_t ≤ most
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from gridloop.diagnosis import Diagnosis
from gridloop.errors import BadInput, SolveFailed
from gridloop.network.model import Network
from gridloop.optimize.case import Moment
from gridloop.optimize.check import FlowPlanCase, refusal
from gridloop.optimize.dispatch_units import Units, read_units
from gridloop.optimize.physics.dc import Dc
from gridloop.optimize.physics.dc_limits import FlowLimits
from gridloop.optimize.physics.dc_model import ROUGH, DcModel, absorbed
from gridloop.optimize.problems.dispatch import Problem
from gridloop.optimize.problems.dispatch_inputs import Forecast, as_checked, check_hours, reserve_of
from gridloop.optimize.problems.dispatch_network import in_the_dark, refuse, units_of
from gridloop.optimize.problems.multi_period_directions import SAME_COST, at_once, one_way
from gridloop.optimize.problems.multi_period_loads import loads_of as loads_of
from gridloop.optimize.problems.multi_period_result import FlowPlan, no_plan, read_plan
from gridloop.optimize.solve.arrays import Answer
from gridloop.optimize.solve.convex import GAP, ConvexSession
from gridloop.units import BASE_MVA, FloatArray, IntArray

MAX_ROUNDS = 100


def plan_dispatch(
    net: Network,
    load_mw: pd.DataFrame | pd.Series,
    *,
    available_mw: Forecast | None = None,
    reserve_mw: float | pd.Series = 0.0,
    hours: float = 1.0,
    physics: Dc | None = None,
    time_limit_s: float = 60.0,
) -> FlowPlan:
    """The cheapest outputs over time that the network can carry.

    load_mw   by time: power of loads by id (those left out stay as in the table), or one series for all loads
              together, which keep their shares
    physics   the DC model, with its security; `Dc()` otherwise. The other arguments are those of `dispatch`

    Storage never charges and discharges at once. What does not exist, or what the independent checker refuses, is a
    status with a diagnosis. Raises `InvalidNetwork`, `BadInput` and its kinds where the input is wrong.
    """
    began = time.perf_counter()
    refuse(net)
    check_hours(hours)
    chosen = Dc() if physics is None else physics
    if not isinstance(chosen, Dc):
        raise BadInput(
            f"a plan over time is made with the DC model, not with {chosen!r}: give physics=gl.Dc(…), or none; an AC "
            "optimal power flow of each step with the plan's storage shows what is left out.",
            physics=chosen,
        )
    times, values = loads_of(net, load_mw)
    reserve = reserve_of(reserve_mw, times)
    # The loads of the table may be zero where those of the plan are not: a bus counts by the most of all steps.
    peak = net.load.assign(p_mw=np.abs(values).max(axis=1))
    idle = net.storage.assign(p_mw=0.0, q_mvar=0.0)
    moment = Moment.of(Network({**net.tables, "load": peak, "storage": idle}, net.name, net.version, net.history))
    taken = moment.arrays.sum_to_nodes("load", values).real[moment.at] / BASE_MVA
    taken = np.asarray(taken + moment.arrays.shunt[moment.at].real[:, None])
    units = read_units(units_of(moment), times, available_mw)
    demand = taken.sum(axis=0) * BASE_MVA
    problem = NetworkProblem(units, demand, reserve.to_numpy(dtype=float), hours, times, moment, chosen, taken)
    plan = problem.plan(time_limit_s, time.perf_counter() - began)
    case = FlowPlanCase(net, load_mw, as_checked(available_mw), reserve, chosen.rule)
    refused = refusal(case, plan) if plan.status in ("optimal", "feasible") else None
    return plan if refused is None else _said(plan, "refused", refused)


def _said(plan: FlowPlan, status: str, diagnosis: Diagnosis) -> FlowPlan:
    return replace(plan, dispatch=replace(plan.dispatch, status=status, diagnosis=diagnosis))


@dataclass
class NetworkProblem(Problem):
    """`Problem` with a network under it. taken [node, step] per unit"""

    moment: Moment
    physics: Dc
    taken: FloatArray

    def plan(self, time_limit_s: float, build_s: float) -> FlowPlan:
        """Solve, adding what is broken in any step until nothing is."""
        began = time.perf_counter()
        deadline = began + time_limit_s
        self.find_storage()
        dark = in_the_dark(self.moment)
        if dark is not None:
            return no_plan(self, "infeasible", (build_s, 0.0, 0), dark)
        try:
            self.read_network()
        except SolveFailed as error:  # reactances that cancel out: there is no model
            diagnosis = Diagnosis("not_converged", [str(error.args[0])], "Mend these branches.", {})
            return no_plan(self, "not_converged", (build_s, 0.0, 0), diagnosis)
        self.state(False)
        model, quadratic = self.model.made()
        self.session = ConvexSession(model, quadratic, time_limit_s=time_limit_s)
        self.added: list[tuple[int, int]] = []  # step and row of its limits, in the order of adding
        self.iterations, bound = 0, -np.inf
        answer = self.carried(deadline)
        if answer.status == "optimal":
            bound = answer.objective
            if at_once(self, answer).size:
                answer, bound = one_way(self, answer, deadline)
        spent = (build_s, time.perf_counter() - began, self.iterations)
        if answer.status != "optimal":
            return no_plan(self, answer.status, spent)
        found, over = read_plan(self, answer, spent), answer.objective - bound
        if over <= 2 * SAME_COST * max(1.0, abs(answer.objective)):
            return found
        cause = f"No more was tried; another choice of when storage charges could cost up to {over:.6g} less."
        advice = "Raise `time_limit_s`, plan fewer steps, or take the plan as it is."
        return _said(found, "feasible", Diagnosis("feasible", [cause], advice, {"gap": over}))

    def carried(self, deadline: float) -> Answer:
        """The answer of the session, with the limits that it needs."""
        rough, answer = not self.session.settled, None
        for _ in range(MAX_ROUNDS):
            answer = self.session.run(gap=ROUGH if rough else GAP)
            self.iterations += answer.iterations
            if answer.status != "optimal":
                return answer
            broken = self.add_broken(answer.x)
            if not broken and not rough:
                return answer
            rough = rough and broken
            if time.perf_counter() > deadline:
                return _failed(answer, "time_limit")
        return _failed(answer, "not_converged")

    def find_storage(self) -> None:
        """Storage in service in what is supplied."""
        m = self.moment
        back = np.full(m.arrays.n_nodes, -1, dtype=np.int64)
        back[m.at] = np.arange(m.n)
        node = back[m.arrays.element_node["storage"]]
        self.stored = np.flatnonzero(m.arrays.element_on["storage"] & (node >= 0))
        self.storage, self.stored_at = m.net.storage.iloc[self.stored], node[self.stored]

    def read_network(self) -> None:
        """The grid, and its limits in every step."""
        m = self.moment
        model: DcModel = self.physics.new_model(m)
        self.physics.add_thermal_limit(model)
        self.physics.add_angle_limit(model)
        self.grid = model.grid
        self.share = absorbed(self.grid, m.island)
        self.node = np.concatenate([m.gen_node, self.stored_at, self.stored_at])
        self.limits = [
            FlowLimits(self.grid, self.node, -self.taken[:, t], model.low, model.high, model.outages)
            for t in range(self.steps)
        ]

    # ── what differs from a dispatch without network ─────────────────────────────────────────────────────────────
    def add_output(self) -> None:
        """Outputs, then charging and discharging of every storage, and the energy in it."""
        super().add_output()
        n, steps, s = self.stored.size, self.steps, self.storage
        zero = np.zeros((n, steps))

        def column(name: str) -> FloatArray:
            return s[name].to_numpy(dtype=float)

        def most(name: str) -> FloatArray:
            return np.repeat(column(name)[:, None], steps, axis=1)

        size, start = column("capacity_mwh"), column("soc") * column("capacity_mwh")
        least, full = column("min_soc") * size, column("max_soc") * size
        low, high = np.repeat(least[:, None], steps, axis=1), np.repeat(full[:, None], steps, axis=1)
        if n:
            low[:, -1] = np.maximum(low[:, -1], np.minimum(start, full))  # no energy is borrowed from tomorrow
        self.charge = self.model.add_variables("charge", zero, most("max_charge_mw")).reshape(n, steps)
        self.discharge = self.model.add_variables("discharge", zero, most("max_discharge_mw")).reshape(n, steps)
        self.energy = self.model.add_variables("energy", low, high).reshape(n, steps)
        kept = (1 - column("self_discharge_per_day")) ** (self.hours / 24)
        rows = np.arange(n * steps).reshape(n, steps)
        h, inward, outward = self.hours, column("charge_efficiency"), column("discharge_efficiency")
        entries = [
            (rows, self.energy, np.ones((n, steps))),
            (rows, self.charge, np.repeat(-h * inward[:, None], steps, axis=1)),
            (rows, self.discharge, np.repeat(h / outward[:, None], steps, axis=1)),
            (rows[:, 1:], self.energy[:, :-1], np.repeat(-kept[:, None], steps - 1, axis=1)),
        ]
        row, col, value = (np.concatenate([e[k].ravel() for e in entries]) for k in range(3))
        right = np.zeros((n, steps))
        right[:, 0] = kept * start
        self.model.add_rows("energy", row, col, value, right, right)
        self.injecting = np.concatenate([self.p, self.discharge, self.charge])
        self.sign = np.concatenate([np.ones(self.units.n + n), -np.ones(n)])

    def add_power_balance(self, lossy: bool) -> None:
        """What every reference absorbs is zero in every step."""
        g, m = self.grid, self.moment
        driven = g.flows(np.zeros(m.n))
        out = np.bincount(g.tail, driven[g.whole], m.n) - np.bincount(g.head, driven[g.whole], m.n)
        factor = self.share[:, self.node] * self.sign
        balances = []
        for k in range(g.held.size):
            used = np.flatnonzero(factor[k])
            rows = np.broadcast_to(np.arange(self.steps), (used.size, self.steps))
            values = np.repeat(factor[k, used][:, None], self.steps, axis=1)
            right = (self.share[k] @ self.taken + out[g.held[k]]) * BASE_MVA
            balances.append(self.model.add_rows("balance", rows, self.injecting[used], values, right, right))
        self.balances: list[IntArray] = balances
        self.balance = balances[0]

    def add_broken(self, x: FloatArray) -> bool:
        """Add the limits that a solution breaks in any step; False where there is none."""
        found = False
        for t, limits in enumerate(self.limits):
            injected = self.sign * x[self.injecting[:, t]] / BASE_MVA
            rows = limits.add(self.grid.flows(limits.injection(injected)))
            if rows is None:
                continue
            found = True
            matrix, low, high = rows
            a = matrix.tocoo()
            column, value = self.injecting[a.col, t], a.data * self.sign[a.col]
            shape = (matrix.shape[0], self.model.n_columns)
            self.session.add_rows(csr_array((value, (a.row, column)), shape=shape), low * BASE_MVA, high * BASE_MVA)
            first = limits.branch.size - matrix.shape[0]
            self.added += [(t, first + k) for k in range(matrix.shape[0])]
        return found


def _failed(answer: Answer | None, status: str) -> Answer:
    assert answer is not None
    return Answer(
        status, float("nan"), answer.x, answer.row_dual, answer.reduced_cost, answer.iterations, answer.seconds
    )


__all__ = ["FlowPlan", "NetworkProblem", "Units", "plan_dispatch"]
