"""N-1: the cheapest DC dispatch whose flows keep their limits after the loss of any one branch too.

Preventive: outputs stay as they are after the outage, so that every limit after one is a row of transfer and outage
factors (optimize/physics/dc_limits). A round solves, screens all outages, adds the worst that are broken, and repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from gridloop.network.model import Network
from gridloop.optimize.optimal_flow import OptimalFlow
from gridloop.optimize.physics.dc import Dc, Security
from gridloop.optimize.physics.dc_read import binding_contingencies
from gridloop.optimize.physics.opf_base import Progress
from gridloop.optimize.problems.opf import optimal_power_flow


@dataclass(frozen=True)
class SecureFlow:
    """A secure optimum.

    flow           the dispatch with its prices, as of `optimal_power_flow`
    contingencies  outage, branch, flow_mw, limit_mw, shadow_price_per_mwh of the limits after outages that cost money
    islanding      outages that were left out, for they cut buses off
    cost_per_h     of the security: what the same network costs more than without; NaN where one of both is missing
    """

    flow: OptimalFlow
    contingencies: pd.DataFrame
    islanding: tuple[str, ...]
    cost_per_h: float


def secure_optimal_flow(
    net: Network,
    *,
    outages: Sequence[str] | None = None,
    factor: float = 1.0,
    rule: str = "series",
    time_limit_s: float | None = None,
    progress: Progress | None = None,
) -> SecureFlow:
    """The cheapest DC dispatch that survives outages.

    outages  ids of lines and transformers, one out at a time; None for all that cut nothing off
    factor   short-term rating after an outage, as a share of the rating
    rule     of the DC model, as of `Dc`

    Raises `BadInput` for ids that are no branch in service, and whatever `optimal_power_flow` does.
    """
    free = optimal_power_flow(net, physics=Dc(rule=rule), time_limit_s=time_limit_s)
    security = Security(None if outages is None else tuple(outages), factor)
    flow = optimal_power_flow(
        net, physics=Dc(rule=rule, security=security), time_limit_s=time_limit_s, progress=progress
    )
    left_out = tuple(flow.state.get("islanding", ()))
    return SecureFlow(flow, binding_contingencies(flow), left_out, flow.cost - free.cost)
