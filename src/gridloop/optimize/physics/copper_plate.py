"""Copper plate: one node for everything, no losses, no limits but the connection's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridloop.optimize.devices.connection import ConnectionModel
from gridloop.optimize.devices.group import LIMIT_COLUMNS, Group, LocalPrices
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.physics.base import StackedTerms, balance_rows
from gridloop.optimize.solve import Outcome, Session


class CopperPlate:
    """The energy side alone: what a problem has when no network is given."""

    def add_power_balance(
        self, model: LabelledModel, horizon: Horizon, groups: Sequence[Group], connection: ConnectionModel
    ) -> None:
        self.horizon = horizon
        self.buses = pd.Index(sorted({bus for group in groups for bus in group.bus}))
        self.balance = balance_rows(model, horizon, StackedTerms.of(groups, len(horizon)), connection, losses=None)

    def add_limits(self, session: Session) -> None:
        pass

    def refine(self, session: Session, outcome: Outcome) -> bool:
        return True

    def local_prices(self, outcome: Outcome) -> LocalPrices:
        # One more MW injected lowers the balance's right-hand side, and the cost with it.
        energy = outcome.dual(self.balance) / self.horizon.hours
        shape = (len(self.buses), len(self.horizon))
        none, unnamed = np.zeros(shape), np.full(shape, "", dtype=object)
        everywhere = np.broadcast_to(energy, shape)
        return LocalPrices(self.buses, energy, everywhere, none, unnamed, none, none, unnamed, none)

    def binding_limits(self, outcome: Outcome) -> pd.DataFrame:
        return pd.DataFrame(columns=LIMIT_COLUMNS)

    def check(self) -> pd.DataFrame:
        return pd.DataFrame(index=self.horizon.starts)

    def limit_names(self, outcome: Outcome) -> dict[str, float]:
        return {}
