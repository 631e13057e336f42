"""Charging: the power of every car over time, however it was decided, and what that means for cars, site and bill."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.optimize.charging.stays import Stays, as_fleet, each_step, stays_of
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.ev_sessions import numbers
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.plan import Plan
from gridloop.units import FloatArray

# A watt hour: less than this is rounding of a solver, not energy that a driver misses.
CRUMB_MWH = 1e-6


@dataclass(frozen=True)
class Charging:
    """How sessions were, or are to be, charged.

    p_mw        interval × session: mean power at the plug, charging positive
    needed_mwh  session → what had to be charged within the horizon
    served_mwh  session → what was: charged, less what was given back and had to be charged again
    priority    session → priority
    base_mw     what the site takes beside the cars. [step]
    hours       lengths of the intervals. [step]
    """

    p_mw: pd.DataFrame
    needed_mwh: pd.Series
    served_mwh: pd.Series
    priority: pd.Series
    base_mw: FloatArray
    hours: FloatArray

    @property
    def site_mw(self) -> pd.Series:
        """Cars and base load together, by interval."""
        return self.p_mw.sum(axis=1) + self.base_mw

    @property
    def peak_mw(self) -> float:
        """Highest import of the site."""
        return float(max(0.0, self.site_mw.max()))

    @property
    def energy_mwh(self) -> float:
        """Charged into all cars, less what they gave."""
        return float(self.hours @ self.p_mw.to_numpy().sum(axis=1))

    @property
    def short_mwh(self) -> pd.Series:
        """session → what it leaves without; zero where that is less than a watt hour."""
        short = (self.needed_mwh - self.served_mwh).clip(lower=0.0)
        return short.where(short > CRUMB_MWH, 0.0)

    @property
    def served_share(self) -> float:
        """Share of all energy needed that was served; 1 where none is needed."""
        needed = float(self.needed_mwh.sum())
        return 1.0 if needed == 0 else 1.0 - float(self.short_mwh.sum()) / needed

    def shortfalls(self) -> pd.DataFrame:
        """Who leaves short, the largest share first: needed_mwh, short_mwh, short_share, priority."""
        table = pd.DataFrame({"needed_mwh": self.needed_mwh, "short_mwh": self.short_mwh})
        table["short_share"] = table["short_mwh"] / table["needed_mwh"]
        table["priority"] = self.priority
        return table[table["short_mwh"] > 0].sort_values("short_share", ascending=False, kind="stable")

    def cost(
        self, prices: pd.DataFrame | pd.Series, peak_price_per_mw: float = 0.0, peak_free_mw: float = 0.0
    ) -> float:
        """Money for the energy of the cars at the price to import, and for the site's peak above what is free.

        What cars give back earns the same price: behind a base load it saves import.
        """
        price = prices if isinstance(prices, pd.Series) else prices["import_eur_per_mwh"]
        energy = float((price.to_numpy(dtype=float) * self.hours) @ self.p_mw.to_numpy().sum(axis=1))
        return energy + peak_price_per_mw * max(0.0, self.peak_mw - peak_free_mw)

    def summary(self, prices: pd.DataFrame | pd.Series, limit_mw: float = np.inf) -> dict[str, float]:
        """The figures of a report; money without any charge for the peak."""
        cost, short = self.cost(prices), self.short_mwh
        return {
            "sessions": float(len(self.needed_mwh)),
            "energy_mwh": self.energy_mwh,
            "served_share": self.served_share,
            "sessions_short": float((short > 0).sum()),
            "short_mwh": float(short.sum()),
            "cost": cost,
            "cost_per_session": cost / max(1, len(short)),
            "peak_mw": self.peak_mw,
            "utilization_pct": 100.0 * self.peak_mw / limit_mw if np.isfinite(limit_mw) else float("nan"),
        }


def charging_of(plan: Plan, fleet: EVFleet | pd.DataFrame, base_mw: float | FloatArray = 0.0) -> Charging:
    """What a plan of `gl.schedule` has for the cars of a fleet."""
    fleet, horizon = as_fleet(fleet), plan.horizon
    ids = [str(i) for i in fleet.sessions.index]
    wide = plan.wide("p_mw", "ev").reindex(index=horizon.starts, columns=ids)
    lost = numbers(fleet.sessions, "charge_efficiency", 1.0) * numbers(fleet.sessions, "discharge_efficiency", 1.0)
    return charging_result(stays_of(fleet, horizon), wide.to_numpy(dtype=float).T, base_mw, lost)


def charging_result(
    stays: Stays, p_mw: FloatArray, base_mw: float | FloatArray = 0.0, round_trip: FloatArray | float = 1.0
) -> Charging:
    """From powers [session, step]; round_trip is what is left of a MWh that goes out of a battery and in again."""
    horizon: Horizon = stays.horizon
    at_plug = np.clip(p_mw, 0, None) @ horizon.hours
    if (p_mw < 0).any():
        at_plug = at_plug - (np.clip(-p_mw, 0, None) @ horizon.hours) / round_trip
    index = pd.Index(stays.ids, name="session")
    return Charging(
        pd.DataFrame(p_mw.T, index=horizon.starts, columns=index),
        pd.Series(stays.within_mwh, index=index),
        pd.Series(at_plug, index=index),
        pd.Series(stays.priority, index=index),
        each_step(base_mw, horizon, "base_mw"),
        horizon.hours,
    )
