"""Schedule: any mix of flexible devices against prices, a connection and a network.

Equations and symbols: docs/math/schedule.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.errors import OutOfRange, SolveFailed
from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.optimize import diagnose
from gridloop.optimize.devices.connection import Connection, ConnectionModel, price_table
from gridloop.optimize.devices.kinds import Device, groups_of
from gridloop.optimize.devices.market import Market
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.physics.ac_tangent import AcTangent
from gridloop.optimize.physics.base import Physics
from gridloop.optimize.physics.copper_plate import CopperPlate
from gridloop.optimize.plan import Plan, plan_table
from gridloop.optimize.problems import price_taking
from gridloop.optimize.problems.inputs import check_input
from gridloop.optimize.problems.problem import Problem
from gridloop.optimize.problems.rounds import solve_in_rounds
from gridloop.optimize.problems.weights import check_weights
from gridloop.optimize.problems.whole_start import give_start
from gridloop.optimize.solve import Session

# A hundredth of a per cent: far below what prices and forecasts are off by, and often half the time of a proof to zero.
MIP_GAP = 1e-4


def schedule(
    devices: Sequence[Device],
    prices: pd.DataFrame | pd.Series,
    *,
    connection: Connection | None = None,
    network: Network | Feeder | None = None,
    physics: Physics | None = None,
    horizon: Horizon | None = None,
    previous: Plan | pd.DataFrame | None = None,
    change_cost: float = 0.2,
    weights: Mapping[str, float] | None = None,
    time_limit_s: float = 60.0,
    mip_gap: float = MIP_GAP,
) -> Plan:
    """Cheapest plan for devices against prices, within the limits of a connection and of a network.

    prices    index = starts of the intervals (UTC); import_eur_per_mwh and export_eur_per_mwh, or one series for both;
              and where services are sold, what a MW held ready earns in an hour: regulation_up_eur_per_mw,
              regulation_down_eur_per_mw, reserve_eur_per_mw
    network   the grid the devices' buses belong to, a balanced network or a three-phase feeder (a bus is then "671" for
              all its phases, "671.2" for one, "671.1-2" between two); None plans on a copper plate
    physics   instead of `network`: a physics of your own making
    horizon   lengths of the intervals where they differ; regular from the prices' index otherwise
    previous  the last plan, or its table: set-points stay at what it had for this moment, matched by device and time,
              unless a change earns `change_cost` (money per MW or Mvar of the first interval's battery and vehicle
              power and reactive power). 0.2 is 0.8 money per MWh over a quarter of an hour: noise of a price, no more
    weights   {"arbitrage": 0.6, "regulation": 0.4}: the money of these parts counts by these weights, all other parts
              as "arbitrage" does; only their ratios matter, and what is reported is money as it is (`weights.py`)
    time_limit_s  of the solver, in all rounds together. Where whole decisions (`ShiftableRun`) are not proven to be the
              best by then, the best plan found comes back as "incumbent", with its `gap`
    mip_gap   share of the cost by which whole decisions may be from the best and still count as optimal; 0 asks for a
              proof to the solver's tolerance

    Network and connection limits are elastic at prices above any curtailment: a plan always comes back, and
    `gave_way` names what had to give. Devices' own limits are hard; where they contradict each other the status is
    "infeasible", where AC has no solution "no_ac_solution", and the diagnosis names who and when.
    The same input gives the same plan, bit for bit, unless `time_limit_s` cut the search of whole decisions short.

    Raises `OutOfRange`, `GapInSeries`, `MissingColumn`, `BadInput`, `UnsuppliedBus` for wrong input.
    """
    table = price_table(prices)
    horizon = horizon or Horizon.regular(pd.DatetimeIndex(table.index))
    check_input(devices, table, horizon)
    check_weights(weights)
    if not 0 <= mip_gap < 1:
        raise OutOfRange(f"mip_gap is {mip_gap}; allowed is 0 (proven to the end) … below 1, a share of the cost.")
    link = connection or Connection()
    link.check_islands(devices, horizon)
    if weights is None and price_taking.suits(devices, table, link, network, physics, previous):
        return price_taking.plan(devices, Market(table, horizon), link)
    problem = Problem(
        horizon,
        groups_of(devices, Market(table, horizon)),
        ConnectionModel(link, table),
        physics or (CopperPlate() if network is None else AcTangent(network)),
        weights,
    )
    model, costs = problem.build(previous.table if isinstance(previous, Plan) else previous, change_cost)
    coupled = any(getattr(group, "coupled", False) for group in problem.groups)
    session = Session(model, time_limit_s=time_limit_s, mip_gap=mip_gap, coupled=coupled)
    try:
        problem.physics.add_limits(session)
        give_start(session, problem, time_limit_s, alone=previous is None and weights is None)
        end = solve_in_rounds(session, problem.groups, problem.physics)
    except SolveFailed as error:
        return _without_solution(horizon, "no_ac_solution", diagnose.no_ac_solution(error, horizon))
    if end.outcome.solved:
        return problem.plan(end, costs)
    if end.outcome.status == "infeasible":
        kinds = {device: group.kind for group in problem.groups for device in group.ids}
        why = diagnose.conflicting(model, session.conflict(), kinds)
    else:
        why = diagnose.no_solution(end.outcome)
    return _without_solution(horizon, end.outcome.status, why, end.rounds, end.seconds)


def _without_solution(horizon: Horizon, status: str, why: Diagnosis, rounds: int = 0, seconds: float = 0.0) -> Plan:
    nan = float("nan")
    return Plan(horizon, plan_table(horizon, []), nan, {}, pd.DataFrame(), {}, status, why, rounds, seconds, gap=nan)
