"""What devices know of the market they are planned against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.optimize.horizon import Horizon

SERVICES = ("regulation_up_eur_per_mw", "regulation_down_eur_per_mw", "reserve_eur_per_mw")
"""Columns of the prices that pay for capacity held ready. [money per MW and hour]"""


@dataclass(frozen=True)
class Market:
    """Prices of energy, and of services where the table has them.

    prices  one row per interval: import_eur_per_mwh, export_eur_per_mwh, and those of `SERVICES` that are paid
    """

    prices: pd.DataFrame
    horizon: Horizon

    @property
    def mean_export(self) -> float:
        """Mean price to export over the horizon [money per MWh]: the worth of stored energy where none is named."""
        return float(np.average(self.prices["export_eur_per_mwh"], weights=self.horizon.hours))
