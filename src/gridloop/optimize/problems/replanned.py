"""The same devices planned again and again: a solver that begins where the last one ended.

A plan every hour or two differs from the last by its weather, its prices and what is stored now. Its best basis is then
a few dozen pivots from the last plan's, where a search from nothing takes thousands. What comes out is what `schedule`
finds on a copper plate: the cheapest plan. Where several cost the same it may be another of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from gridloop.optimize.devices.connection import Connection, ConnectionModel, price_table
from gridloop.optimize.devices.kinds import Device, groups_of
from gridloop.optimize.devices.market import Market
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.physics.copper_plate import CopperPlate
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.inputs import check_input
from gridloop.optimize.problems.problem import Problem
from gridloop.optimize.problems.rounds import solve_in_rounds
from gridloop.optimize.problems.schedule import schedule
from gridloop.optimize.solve.from_last import Basis, FromLast


class Replanned:
    """Plans of devices, one after another.

    Devices keep their kinds, ids and number of intervals; where they do not, where some decide in whole numbers, or
    where the solver does not get on from the last basis, a plan is made from nothing. The same plans in the same order
    give the same answers, bit for bit.
    """

    def __init__(self, *, time_limit_s: float = 60.0) -> None:
        self.time_limit_s = time_limit_s
        self._basis: Basis | None = None

    def schedule(
        self, devices: Sequence[Device], prices: pd.DataFrame | pd.Series, *, connection: Connection | None = None
    ) -> Plan:
        """As `schedule` without a network; arguments and errors are its own."""
        table = price_table(prices)
        horizon = Horizon.regular(pd.DatetimeIndex(table.index))
        check_input(devices, table, horizon)
        link = connection or Connection()
        link.check_islands(devices, horizon)
        groups = groups_of(devices, Market(table, horizon))
        problem = Problem(horizon, groups, ConnectionModel(link, table), CopperPlate())
        model, costs = problem.build(None, 0.0)
        if (model.matrices.vtypes != "C").any():  # a basis is no start of a search
            return schedule(devices, prices, connection=connection, time_limit_s=self.time_limit_s)
        session = FromLast(model, self._basis, self.time_limit_s)
        end = solve_in_rounds(session, groups, problem.physics)
        if not end.outcome.solved:
            # It says why there is none.
            self._basis = None
            return schedule(devices, prices, connection=connection, time_limit_s=self.time_limit_s)
        self._basis = session.first_basis
        return problem.plan(end, costs)
