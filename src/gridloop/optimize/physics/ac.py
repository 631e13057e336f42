"""AC physics of an optimal power flow: polar voltages, exact powers, limits of apparent power at both ends of a branch.

Equations and symbols in docs/math/ac.md. Voltages and outputs are the only variables: branch flows are functions of
them, which keeps the matrices at four unknowns per node. Limits of angles that nothing breaks are left out until
something does.
"""

from __future__ import annotations

import numpy as np

from gridloop.optimize.case import Moment
from gridloop.optimize.optimal_flow import OptimalFlow
from gridloop.optimize.physics.ac_block import AcBlock
from gridloop.optimize.physics.ac_model import AcModel
from gridloop.optimize.physics.ac_read import read_answer
from gridloop.optimize.physics.ac_start import begin
from gridloop.optimize.physics.ac_trouble import explain_failure
from gridloop.optimize.physics.opf_base import Output
from gridloop.optimize.solve.ipopt import NonlinearOutcome


class AcPolar:
    """AC power flow in angles and magnitudes. start: an earlier answer to begin from"""

    name = "ac"
    reactive = True

    def __init__(self, *, start: OptimalFlow | None = None) -> None:
        self._earlier = start

    def new_model(self, moment: Moment) -> AcModel:
        """An empty model for a moment."""
        return AcModel(moment, begin(moment, self._earlier))

    def add_bus_voltage(self, model: AcModel) -> None:
        """θ, free but at the references, and v within its band."""
        m, start = model.moment, model.begin
        low, high = np.full(m.n, -np.inf), np.full(m.n, np.inf)
        low[m.reference] = high[m.reference] = m.reference_angle
        model.theta = model.add_variables("theta", low, high, start.theta)
        model.v = model.add_variables("v", m.v_min, m.v_max, start.v)

    def add_branch_power(self, model: AcModel) -> None:
        """P and Q into both ends, as functions of the voltages: no variables of their own."""
        model.flow = AcBlock(model.moment, int(model.theta[0]))
        model.add_block(model.flow)

    def add_power_balance(self, model: AcModel, output: Output) -> None:
        """Branches + shunt + load − generation = 0, for P and for Q."""
        assert output.q is not None, "AC knows reactive power"
        model.p, model.q = output.p, output.q
        model.flow.balance(output.p, output.q)

    def add_thermal_limit(self, model: AcModel) -> None:
        """P² + Q² ≤ rating², at the tail and at the head."""
        model.flow.limit(np.flatnonzero(np.isfinite(model.moment.rate)))

    def add_angle_limit(self, model: AcModel) -> None:
        """Angles across branches; those that an answer breaks are added then."""
        m = model.moment
        model.angle_limited = np.isfinite(m.angle_min) | np.isfinite(m.angle_max)

    def read(self, model: AcModel, outcome: NonlinearOutcome, build_s: float) -> OptimalFlow:
        """Tables, prices and reasons, or why there are none."""
        if outcome.solved:
            return read_answer(model, outcome, build_s)
        return explain_failure(model, outcome, build_s)
