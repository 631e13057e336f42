"""LinDistFlow: squared voltages and the active and reactive power of branches, linear because losses are left out.

With w = |V|² and a branch of series impedance r + jx behind an ideal ratio t at its tail (DistFlow without the loss
terms r ℓ, x ℓ; all per unit):

    w_tail / |t|² − w_head = 2 (r P + x Q)
    θ_tail − θ_head − arg t = x P − r Q
    Σ generation − load − g w = Σ P leaving,    Σ generation − load + b w = Σ Q leaving, at every node
    v_min² ≤ w ≤ v_max²,    P² + Q² ≤ rate² at both ends

In a tree the angles follow from the rest. In a mesh they are what closes every loop, so that such a grid needs no
opening: around a loop Σ z̄ S = 0, which divides power as small voltage drops do. Shunts are exact, for what they take is
linear in w. A circle is added as tangents where an answer leaves it.

Losses stand in no balance. They are told as the estimate Σ r (P² + Q²) / w of the flows found, and every answer is
compared with the AC power flow of its set-points. Equations and prices: docs/math/lindistflow.md. Source: Baran and Wu
(1989), Optimal capacitor placement on radial distribution systems; Gan and Low (2014) for the multiphase form.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gridloop.optimize.case import Moment
from gridloop.optimize.optimal_flow import OptimalFlow
from gridloop.optimize.physics.lindistflow_cuts import Circles, CutModel, CutOutcome, rows_of
from gridloop.optimize.physics.opf_base import Output
from gridloop.units import ComplexArray, FloatArray, IntArray


class LinDistFlowModel(CutModel):
    """Columns w, theta [node]; flow_p, flow_q [branch] through the series impedance; the ends' shunts beside them."""

    def __init__(self, moment: Moment) -> None:
        super().__init__()
        self.moment = m = moment
        none = np.zeros(0, dtype=np.int64)
        self.w = self.theta = self.flow_p = self.flow_q = self.balance_p = self.balance_q = none
        self.p = self.q = self.angle_rows = none
        y = -m.y_ht * m.ratio
        self.squared = np.abs(m.ratio) ** 2
        # What an end's shunt draws per w of its own node.
        self.at_tail: ComplexArray = np.conj(m.y_tt - y / self.squared)
        self.at_head: ComplexArray = np.conj(m.y_hh - y)

    def ends(self, x: FloatArray) -> tuple[ComplexArray, ComplexArray]:
        """Power that enters every branch at its tail and at its head. [branch]"""
        m, s = self.moment, x[self.flow_p] + 1j * x[self.flow_q]
        return s + self.at_tail * x[self.w[m.tail]], -s + self.at_head * x[self.w[m.head]]


class LinDistFlow:
    """LinDistFlow as physics of an optimal power flow.

    Among answers of the same cost it takes one with little estimated loss and with source voltages near their v_set_pu:
    the least Σ r (P² + Q²) + Σ (w − v_set²)². To hold a source's voltage, give its bus the band v_min_pu = v_max_pu.

    compare  solve the AC power flow of the answer as well and tell how far its voltages are: `state["ac_check"]`
    """

    name = "lindistflow"
    reactive = True

    def __init__(self, *, compare: bool = True) -> None:
        self.compare = compare

    def new_model(self, moment: Moment) -> LinDistFlowModel:
        return LinDistFlowModel(moment)

    def add_bus_voltage(self, model: LinDistFlowModel) -> None:
        m = model.moment
        model.w = model.add_variables("voltage", np.maximum(m.v_min, 0.0) ** 2, m.v_max**2)
        low, high = np.full(m.n, -np.inf), np.full(m.n, np.inf)
        low[m.reference] = high[m.reference] = m.reference_angle
        model.theta = model.add_variables("angle", low, high)

    def add_branch_power(self, model: LinDistFlowModel) -> None:
        m, n = model.moment, model.moment.tail.size
        free = np.full(n, np.inf)
        model.flow_p = model.add_variables("flow", -free, free)
        model.flow_q = model.add_variables("reactive_flow", -free, free)
        p, q, w, theta = model.flow_p, model.flow_q, model.w, model.theta
        drop = [(w[m.tail], 1 / model.squared), (w[m.head], -np.ones(n)), (p, -2 * m.r), (q, -2 * m.x)]
        turn = [(theta[m.tail], np.ones(n)), (theta[m.head], -np.ones(n)), (p, -m.x), (q, m.r)]
        model.add_rows("voltage_drop", *rows_of(drop), np.zeros(n), np.zeros(n))
        shift = np.angle(m.ratio)
        model.add_rows("flow_law", *rows_of(turn), shift, shift)

    def add_power_balance(self, model: LinDistFlowModel, output: Output) -> None:
        m = model.moment
        assert output.q is not None
        model.p, model.q = output.p, output.q
        taken = np.conj(m.shunt)  # the power of an admittance y is conj(y) w
        np.add.at(taken, m.tail, model.at_tail)
        np.add.at(taken, m.head, model.at_head)

        def balance(name: str, given: IntArray, flow: IntArray, shunt: FloatArray, load: FloatArray) -> IntArray:
            rows = np.concatenate([m.gen_node, m.tail, m.head, np.arange(m.n)])
            ones = np.ones(m.tail.size)
            columns, values = [given, flow, flow, model.w], [np.ones(given.size), -ones, ones, -shunt]
            return model.add_rows(name, rows, np.concatenate(columns), np.concatenate(values), load, load)

        model.balance_p = balance("balance", output.p, model.flow_p, taken.real, m.p_load)
        model.balance_q = balance("reactive_balance", output.q, model.flow_q, taken.imag, m.q_load)
        self._add_preference(model)

    def add_thermal_limit(self, model: LinDistFlowModel) -> None:
        m = model.moment
        rated = np.flatnonzero(np.isfinite(m.rate))
        ones = np.ones(rated.size)
        for sign, shunt, end in ((1.0, model.at_tail, m.tail), (-1.0, model.at_head, m.head)):
            parts = []
            for flow, own in ((model.flow_p, shunt.real), (model.flow_q, shunt.imag)):
                parts.append(rows_of([(flow[rated], sign * ones), (model.w[end[rated]], own[rated])]))
            model.circles.append(Circles("rating", m.branch_id[rated], rated, parts[0], parts[1], m.rate[rated]))

    def add_angle_limit(self, model: LinDistFlowModel) -> None:
        m = model.moment
        limited = np.flatnonzero(np.isfinite(m.angle_min) | np.isfinite(m.angle_max))
        ones = np.ones(limited.size)
        across = rows_of([(model.theta[m.tail[limited]], ones), (model.theta[m.head[limited]], -ones)])
        model.angle_rows = model.add_rows("angle_limit", *across, m.angle_min[limited], m.angle_max[limited])

    def read(self, model: LinDistFlowModel, outcome: CutOutcome, build_s: float) -> OptimalFlow:
        from gridloop.optimize.physics.lindistflow_read import read_flow

        return read_flow(self, model, outcome, build_s)

    def state(self) -> dict[str, Any]:
        """What a solution keeps of how it was made."""
        return {"losses": "estimate r (P² + Q²) / w, in no balance"}

    @staticmethod
    def _add_preference(model: LinDistFlowModel) -> None:
        """What is preferred among answers of one cost: Σ r (P² + Q²) + Σ (w − v_set²)² of the sources."""
        m = model.moment
        arrays = m.arrays
        place = {int(node): k for k, node in enumerate(m.at.tolist())}
        held = [(place[int(s)], abs(v) ** 2) for s, v in zip(arrays.source, arrays.v_source, strict=True) if s in place]
        node = np.array([k for k, _ in held], dtype=np.int64)
        wanted = np.array([v for _, v in held])
        r = np.maximum(m.r, 0.0)
        model.prefer(
            np.concatenate([model.flow_p, model.flow_q, model.w[node]]),
            np.concatenate([np.zeros(2 * r.size), -2 * wanted]),
            np.concatenate([r, r, np.ones(node.size)]),
        )
