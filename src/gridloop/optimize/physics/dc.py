"""DC: active power alone, voltages nominal, no losses; flows are linear in angles.

    flow_b = s_b (θ_tail − θ_head − φ_b)       Σ generation − load − g_shunt = Σ flow out − Σ flow in, at every node
    |flow_b| ≤ rate_b,   angle_min_b ≤ θ_tail − θ_head ≤ angle_max_b

An angle limit is a flow limit: θ_tail − θ_head = flow_b / s_b + φ_b. Two rules for s and φ:

    series  s = x / (r² + x²), φ = 0    PowerModels' DCPPowerModel, which made PGLib's BASELINE.md: our default
    ratio   s = 1 / (x |t|), φ = arg t  MATPOWER's, and that of `gl.ptdf`: counts transformers and phase shifters

Equations, prices and their parts: docs/math/dc.md. Source: Coffrin, Bent, Sundar, Ng and Lubin (2018), PowerModels.jl;
Zimmerman et al., MATPOWER (2011), section 3.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gridloop.errors import OutOfRange
from gridloop.optimize.case import Moment
from gridloop.optimize.optimal_flow import OptimalFlow
from gridloop.optimize.physics.dc_limits import Outages
from gridloop.optimize.physics.dc_model import DcModel, DcOutcome
from gridloop.optimize.physics.dc_read import read_flow
from gridloop.optimize.physics.dc_security import outages_of
from gridloop.optimize.physics.opf_base import Output

FORMS = ("flows", "angles")
RULES = ("series", "ratio")


@dataclass(frozen=True)
class Security:
    """What has to hold after the loss of any one of these branches, with the outputs of before.

    outages  ids of lines and transformers; None for all. Those that cut buses off are left out, and named
    factor   what branches may carry afterwards, as a share of their rating: a short-term rating
    """

    outages: tuple[str, ...] | None = None
    factor: float = 1.0


class Dc:
    """The DC approximation as physics of an optimal power flow.

    form      flows: limits added when broken; angles: everything at once, sparse
    rule      series or ratio, as in this module's head
    security  keep the limits after outages too (N-1, preventive); None without
    """

    name = "dc"
    reactive = False

    def __init__(self, *, form: str = "flows", rule: str = "series", security: Security | None = None) -> None:
        for what, value, allowed in (("form", form, FORMS), ("rule", rule, RULES)):
            if value not in allowed:
                raise OutOfRange(f"no {what} {value!r} of the DC model; there are {' and '.join(allowed)}.")
        self.form, self.rule, self.security = form, rule, security

    def new_model(self, moment: Moment) -> DcModel:
        """Raises `SolveFailed` where the DC matrix is singular, `BadInput` for outages of unknown branches."""
        self.moment = moment
        self.outages: Outages | None = None
        self.islanding: tuple[str, ...] = ()
        model = DcModel(moment, self.form, self.rule, None)
        if self.security is not None:
            self.outages, self.islanding = outages_of(moment, model.grid, self.security)
            model.outages = self.outages
        return model

    def add_bus_voltage(self, model: DcModel) -> None:
        model.add_angles()

    def add_branch_power(self, model: DcModel) -> None:
        model.add_flows()

    def add_power_balance(self, model: DcModel, output: Output) -> None:
        model.add_balance(output.p)

    def add_thermal_limit(self, model: DcModel) -> None:
        model.limit_flows(-self.moment.rate, self.moment.rate)

    def add_angle_limit(self, model: DcModel) -> None:
        m, g = self.moment, model.grid
        with np.errstate(invalid="ignore"):  # zero times infinity: a branch that carries nothing has no limit
            ends = [g.stiffness * (angle - g.shift) for angle in (m.angle_min, m.angle_max)]
        low, high = np.where(g.stiffness > 0, ends, ends[::-1])
        none = np.isinf(m.angle_min), np.isinf(m.angle_max)
        upward = g.stiffness > 0
        low = np.where(np.where(upward, none[0], none[1]), -np.inf, low)
        high = np.where(np.where(upward, none[1], none[0]), np.inf, high)
        model.limit_flows(low, high)

    def read(self, model: DcModel, outcome: DcOutcome, build_s: float) -> OptimalFlow:
        return read_flow(self, model, outcome, build_s)

    def state(self) -> dict[str, Any]:
        """What a solution keeps of how it was made."""
        high = None if self.outages is None else self.outages.high
        return {"dc_rule": self.rule, "dc_form": self.form, "islanding": self.islanding, "outages_high": high}
