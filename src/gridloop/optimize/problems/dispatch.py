"""Economic dispatch: the cheapest outputs of running units that meet a demand; equations in docs/math/dispatch.md."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from gridloop.diagnosis import Diagnosis
from gridloop.network.model import Network
from gridloop.optimize.array_model import ArrayModel
from gridloop.optimize.check.dispatch import DispatchCase
from gridloop.optimize.check.solution import refusal
from gridloop.optimize.dispatch_result import Dispatch
from gridloop.optimize.dispatch_units import Units, read_units
from gridloop.optimize.losses import Losses
from gridloop.optimize.problems.dispatch_baseline import proportional
from gridloop.optimize.problems.dispatch_inputs import Forecast, as_checked, check_hours, reserve_of, series_of
from gridloop.optimize.problems.dispatch_network import network_system
from gridloop.optimize.problems.dispatch_tables import no_dispatch, result, why_infeasible
from gridloop.optimize.solve.arrays import Answer
from gridloop.optimize.solve.convex import ConvexSession
from gridloop.units import FloatArray, IntArray

# Rounds of tangents of the losses, and the difference at which they count as met: half of the 1e-6 per unit that a
# balance may be off.
MAX_ROUNDS = 200
_POLISH = 6
SETTLED_MW = 5e-5


def dispatch(
    system: Network | pd.DataFrame,
    demand_mw: float | pd.Series | None = None,
    *,
    available_mw: Forecast | None = None,
    reserve_mw: float | pd.Series = 0.0,
    losses: Losses | str | None = None,
    hours: float = 1.0,
    time_limit_s: float = 60.0,
) -> Dispatch:
    """The cheapest outputs of units that all run, with prices, reasons and savings against the proportional baseline.

    system        a network, whose generators in service are the units, or a table of units: index the id; columns
                  p_max_mw and any of dispatch_units.COLUMNS, kind, cost_points
    demand_mw     a number, or one per step by time; None takes the network's loads
    available_mw  forecasts: most output of units, one number each or [time, unit]
    reserve_mw    spinning reserve to hold in every step: what units keep free above their output
    losses        None; "network" for Σ r f² of the network's DC flows; or BCoefficients
    hours         length of a step

    Units keep their ramps between steps, and from p_before_mw into the first. What does not exist, or what the
    independent checker refuses, is a status with a diagnosis. Raises `BadInput` and its kinds for wrong input.
    """
    began, given = time.perf_counter(), system
    system, demand_mw, losses, dark = network_system(system, demand_mw, losses)
    demand = series_of("demand_mw", demand_mw)
    times = demand.index
    reserve = reserve_of(reserve_mw, times)
    check_hours(hours)
    units = read_units(system, times, available_mw)
    problem = Problem(units, demand.to_numpy(dtype=float), reserve.to_numpy(dtype=float), hours, times)
    built = time.perf_counter() - began
    if dark is not None:
        return no_dispatch(problem, "infeasible", dark, built, 0.0, 0)
    found = problem.solve(losses, time_limit_s, built)
    if not found.solved:
        return found
    refused = refusal(DispatchCase(given, demand, reserve, as_checked(available_mw)), found)
    return found if refused is None else replace(found, status="refused", diagnosis=refused)


@dataclass
class Problem:
    """Units, demand and reserve of a dispatch; MW and money per hour, one column per unit and step."""

    units: Units
    demand: FloatArray
    reserve: FloatArray
    hours: float
    times: pd.Index

    @property
    def steps(self) -> int:
        return self.demand.size

    def solve(self, losses: Losses | None, time_limit_s: float, build_s: float) -> Dispatch:
        """Solve; losses are convex, so that their tangents are added until the answer lies on them."""
        began = time.perf_counter()
        self.state(losses is not None)
        model, quadratic = self.model.made()
        self.session = ConvexSession(model, quadratic, time_limit_s=time_limit_s)
        lost = np.zeros(self.steps)
        if losses is not None:
            first = np.nan_to_num(proportional(self.units, self.demand))
            self._cut(first, *losses.at(first, self.demand))
        iterations = 0
        for _ in range(MAX_ROUNDS):
            answer = self.session.run()
            iterations += answer.iterations
            if answer.status != "optimal" or losses is None:
                break
            point = answer.x[self.p]
            lost, slope = losses.at(point, self.demand)
            missing = lost - answer.x[self.lost]
            if missing.max(initial=0.0) <= SETTLED_MW:
                # Below its tangents a loss column may only lie where energy is worth nothing: then it burns some.
                answer = answer if -missing.min(initial=0.0) <= SETTLED_MW else _renamed(answer, "not_converged")
                break
            self._cut(point, lost, slope)
        else:
            answer = _renamed(answer, "not_converged")
        if losses is not None and answer.status == "optimal":
            answer, lost = self._polished(answer, lost, losses)
        seconds = time.perf_counter() - began
        if answer.status != "optimal":
            diagnosis = why_infeasible(self) if answer.status == "infeasible" else _why(answer.status)
            return no_dispatch(self, answer.status, diagnosis, build_s, seconds, iterations)
        return result(self, answer, losses, lost, (build_s, seconds, iterations))

    def _polished(self, answer: Answer, lost: FloatArray, losses: Losses) -> tuple[Answer, FloatArray]:
        """Newton's rounds with the tangent at the answer as an equation: exact prices, where costs are curved. Where
        they are not, outputs jump between limits, and the answer stays what it was."""
        best, best_lost, cuts = answer, lost, self.session
        for _ in range(_POLISH):
            point = answer.x[self.p]
            lost, slope = losses.at(point, self.demand)
            model, quadratic = self.model.made()
            self.session = ConvexSession(model, quadratic, time_limit_s=cuts.left_s)
            self._cut(point, lost, slope, exactly=True)
            answer = self.session.run()
            if answer.status != "optimal":
                break
            lost, _ = losses.at(answer.x[self.p], self.demand)
            if np.abs(lost - answer.x[self.lost]).max(initial=0.0) <= SETTLED_MW / 1000:
                return answer, lost
        self.session = cuts
        return best, best_lost

    def _cut(self, point: FloatArray, lost: FloatArray, slope: FloatArray, *, exactly: bool = False) -> None:
        """losses ≥ lost + slope · (p − point) in every step, or = where they are to be met exactly."""
        rows = np.arange(self.steps)
        row = np.concatenate([rows, np.broadcast_to(rows, self.p.shape).ravel()])
        column = np.concatenate([self.lost, self.p.ravel()])
        values = np.concatenate([np.ones(self.steps), -slope.ravel()])
        matrix = csr_array((values, (row, column)), shape=(self.steps, self.model.n_columns))
        least = lost - (slope * point).sum(axis=0)
        self.session.add_rows(matrix, least, least if exactly else np.full(self.steps, np.inf))

    # ── the page of equations ────────────────────────────────────────────────────────────────────────────────────
    def state(self, lossy: bool) -> None:
        """Columns, rows and cost; a column of losses per step where there are any."""
        self.model = ArrayModel()
        self.add_output()
        self.add_power_balance(lossy)
        self.add_reserve()
        self.add_ramps()
        self.minimize_cost()

    def add_output(self) -> None:
        """low ≤ p ≤ high; of a unit with a cost curve one more column per segment, p = start + Σ segment."""
        u = self.units
        self.p = self.model.add_variables("p", u.low, u.high).reshape(u.n, self.steps)
        self.segments: list[tuple[IntArray, FloatArray]] = []
        for k, curve in u.curves.items():
            slope, length = curve.slope, np.diff(curve.p_mw)
            length[-1] = np.inf  # beyond its ends a curve goes on as its first and last segment do
            low, high = np.zeros((slope.size, self.steps)), np.repeat(length[:, None], self.steps, axis=1)
            low[0] = -np.inf
            part = self.model.add_variables(f"segment of {u.id[k]}", low, high).reshape(low.shape)
            rows = np.arange(self.steps)
            columns = np.concatenate([self.p[k][None, :], part])
            values = np.concatenate([np.ones((1, self.steps)), -np.ones(part.shape)])
            start = np.full(self.steps, curve.p_mw[0])
            self.model.add_rows("curve", np.broadcast_to(rows, columns.shape), columns, values, start, start)
            self.segments.append((part, slope))

    def add_power_balance(self, lossy: bool) -> None:
        """Σ p − losses = demand in every step."""
        rows, columns, values = np.broadcast_to(np.arange(self.steps), self.p.shape), self.p, np.ones(self.p.shape)
        self.lost = np.zeros(0, dtype=np.int64)
        if lossy:
            most = 1.0 + 2 * np.abs(self.demand)  # more than all of the demand is lost nowhere
            self.lost = self.model.add_variables("losses", -most, most)
            rows = np.concatenate([rows, np.arange(self.steps)[None, :]])
            columns = np.concatenate([columns, self.lost[None, :]])
            values = np.concatenate([values, -np.ones((1, self.steps))])
        self.balance = self.model.add_rows("balance", rows, columns, values, self.demand, self.demand)

    def add_reserve(self) -> None:
        """p + r ≤ high and Σ r ≥ reserve, where any is asked for."""
        u = self.units
        self.r = np.full((0, self.steps), -1, dtype=np.int64)
        self.giving = np.zeros(0, dtype=np.int64)
        self.enough = self.headroom = np.zeros(0, dtype=np.int64)
        if not self.reserve.any():
            return
        self.giving = np.flatnonzero(u.reserve_max > 0)
        shape = (self.giving.size, self.steps)
        most = np.broadcast_to(u.reserve_max[self.giving][:, None], shape)
        self.r = self.model.add_variables("reserve", np.zeros(shape), most).reshape(shape)
        rows = np.arange(self.r.size)
        columns = np.concatenate([self.p[self.giving].ravel(), self.r.ravel()])
        none, high = np.full(rows.size, -np.inf), u.high[self.giving].ravel()
        ones = np.ones(2 * rows.size)
        self.headroom = self.model.add_rows("headroom", np.concatenate([rows, rows]), columns, ones, none, high)
        rows = np.broadcast_to(np.arange(self.steps), shape)
        above = np.full(self.steps, np.inf)
        self.enough = self.model.add_rows("reserve", rows, self.r, np.ones(shape), self.reserve, above)

    def add_ramps(self) -> None:
        """|p − p before| ≤ ramp · hours, for units that have a ramp."""
        u = self.units
        self.ramped = np.flatnonzero(np.isfinite(u.ramp))
        most = (u.ramp * self.hours)[self.ramped]
        known = np.flatnonzero(~np.isnan(u.before[self.ramped]))
        first, before = self.ramped[known], u.before[self.ramped[known]]
        self.first_ramp = self.model.add_rows(
            "ramp",
            np.arange(first.size),
            self.p[first, 0],
            np.ones(first.size),
            before - most[known],
            before + most[known],
        )
        self.first_ramped = first
        shape = (self.ramped.size, self.steps - 1)
        rows = np.arange(shape[0] * shape[1])
        columns = np.concatenate([self.p[self.ramped, 1:].ravel(), self.p[self.ramped, :-1].ravel()])
        values = np.concatenate([np.ones(rows.size), -np.ones(rows.size)])
        limit = np.repeat(most, shape[1])
        self.ramp = self.model.add_rows("ramp", np.concatenate([rows, rows]), columns, values, -limit, limit)

    def minimize_cost(self) -> None:
        """Σ hours · (fixed + linear p + quadratic p² + curves + reserve cost · r)."""
        u, h = self.units, self.hours
        plain = np.setdiff1d(np.arange(u.n), list(u.curves))
        column = self.p[plain]
        linear, quadratic = (
            h * np.broadcast_to(c[plain][:, None], column.shape).ravel() for c in (u.linear, u.quadratic)
        )
        constant = h * self.steps * float(u.fixed[plain].sum())
        constant += h * self.steps * sum(float(curve.cost_per_h[0]) for curve in u.curves.values())
        self.model.minimize(column.ravel(), linear, quadratic, constant)
        for part, slope in self.segments:
            cost = h * np.broadcast_to(slope[:, None], part.shape).ravel()
            self.model.minimize(part.ravel(), cost, np.zeros(part.size))
        if self.r.size:
            cost = h * np.broadcast_to(u.reserve_cost[self.giving][:, None], self.r.shape).ravel()
            self.model.minimize(self.r.ravel(), cost, np.zeros(self.r.size))


def _renamed(answer: Answer, status: str) -> Answer:
    return Answer(
        status, float("nan"), answer.x, answer.row_dual, answer.reduced_cost, answer.iterations, answer.seconds
    )


def _why(status: str) -> Diagnosis:
    advice = {
        "unbounded": "A unit without p_max_mw has a negative cost: give it a limit, or check the sign.",
        "time_limit": "Raise `time_limit_s`, or dispatch fewer steps at a time.",
        "not_converged": "Losses do not settle: B-coefficients that are no convex function, or energy worth nothing.",
    }
    return Diagnosis(
        status,
        [f"The dispatch ended {status!r}."],
        advice.get(status, "Look for numbers of very different size in limits and costs."),
        {"status": status},
    )
