"""What a kind of device sees of everything else while it looks for whole decisions to begin a search with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.horizon import Horizon
from gridloop.units import FloatArray


@dataclass(frozen=True)
class Rest:
    """All but the devices of one kind, as they stand.

    taken_mw   [step]  what they take together, less what they give
    import_eur_per_mwh, export_eur_per_mwh  [step]  at the connection
    seconds    what the search for a start may take

    Limits inside a network are not in it: the solver minds them.
    """

    horizon: Horizon
    taken_mw: FloatArray
    import_eur_per_mwh: FloatArray
    export_eur_per_mwh: FloatArray
    connection: Connection
    seconds: float

    @property
    def joins(self) -> bool:
        """True where what one device takes can change what another one costs."""
        c = self.connection
        limited = np.isfinite(c.import_limit_mw) or np.isfinite(c.export_limit_mw)
        peak = c.contracted_peak_mw is not None and c.peak_price_per_mw > 0
        return limited or peak or bool((self.import_eur_per_mwh != self.export_eur_per_mwh).any())

    def cost(self, taken_mw: FloatArray) -> FloatArray:
        """Money at the connection where the devices take this. [..., step] → [...]"""
        c, hours = self.connection, self.horizon.hours
        net = taken_mw + self.taken_mw
        bought, sold = np.maximum(net, 0.0), np.maximum(-net, 0.0)
        money = bought @ (self.import_eur_per_mwh * hours) - sold @ (self.export_eur_per_mwh * hours)
        for flow, limit in ((bought, c.import_limit_mw), (sold, c.export_limit_mw)):
            if np.isfinite(limit):
                money = money + c.limit_price * (np.maximum(flow - limit, 0.0) @ hours)
        if c.contracted_peak_mw is not None and c.peak_price_per_mw > 0:
            money = money + c.peak_price_per_mw * np.maximum(net.max(axis=-1) - c.contracted_peak_mw, 0.0)
        return np.asarray(money)

    def even(self, taken_mw: FloatArray) -> FloatArray:
        """A little money for uneven power, so that of plans as good as each other the flatter one is kept: [...].

        A peak does not tell which of two runs below it makes room; this does.
        """
        if not self.joins:
            return np.zeros(np.shape(taken_mw)[:-1])
        net = taken_mw + self.taken_mw
        size = np.abs(self.import_eur_per_mwh).mean() / max(float(np.abs(self.taken_mw).mean()), 1e-9)
        return np.asarray(_LITTLE * size * (net * net) @ self.horizon.hours)


_LITTLE = 1e-3
