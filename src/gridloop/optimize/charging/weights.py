"""Weighed goals of charging: cost, peak and convenience against each other, as prices that a plan understands.

Each goal is counted relative to uncontrolled charging of the same cars, so that a weight needs no unit:

    cost          energy cost / that of uncontrolled charging (by the size of prices, so that it is positive)
    peak          highest import of the site / that of uncontrolled charging, base load included
    waiting       (Σ energy · hours waited − W₀) / (W₁ − W₀), 0 where all charge at once, 1 where all charge as late as
                  possible; convenience is what is missing to 1. Both ends are of the energy that a plan has to charge:
                  without what can wait until after the horizon

    minimize  w_cost · cost + w_peak · peak + w_convenience · waiting

Divided by w_cost and multiplied by the cost of uncontrolled charging, that is money, and what stands before the peak
and before the hours waited are prices:

    money per MW of the highest import   = w_peak / w_cost · cost₀ / peak₀
    money per MWh and hour of waiting    = w_convenience / w_cost · cost₀ / (W₁ − W₀)

So a weight of 0.3 beside 0.5 means: one percent less peak is worth 0.6 percent of the cost of uncontrolled charging.
What a plan costs stays real money, and its bill names what the two prices add.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, OutOfRange, listed
from gridloop.optimize.charging.baselines import at_once, latest_charging, uncontrolled_charging
from gridloop.optimize.charging.stays import as_fleet, each_step, stays_of
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.horizon import Horizon
from gridloop.units import FloatArray

GOALS = ("minimize_cost", "minimize_peak", "maximize_convenience")
NO_WAIT = 1e-12  # MWh · hours: what rounding makes of none


@dataclass(frozen=True)
class Weighed:
    """A fleet and a price of the peak in which weights have become money.

    fleet              as given, with the price of waiting in `early_cost`
    peak_price_per_mw  for the highest import of the site, counted from zero: `gl.Connection` with contracted_peak_mw=0
    waiting_price      money per MWh and hour, of which the fleet's own early_cost is not a part; 0 where no car has a
                       choice: all that must be charged within the horizon fits in one way only, or can wait beyond it
    weights            as given, made to sum to 1
    """

    fleet: EVFleet
    peak_price_per_mw: float
    waiting_price: float
    weights: Mapping[str, float]

    @property
    def without_effect(self) -> list[str]:
        """Goals that have a weight but whose price is 0, for there is nothing to choose."""
        priced = {"minimize_peak": self.peak_price_per_mw, "maximize_convenience": self.waiting_price}
        return [name for name, price in priced.items() if self.weights[name] > 0 and price == 0]


def weigh_charging(
    fleet: EVFleet | pd.DataFrame,
    prices: pd.DataFrame | pd.Series,
    weights: Mapping[str, float],
    *,
    base_mw: float | Sequence[float] | FloatArray | pd.Series = 0.0,
    horizon: Horizon | None = None,
) -> Weighed:
    """Weights of the goals `GOALS` as prices. A goal that is not named has no weight; the cost must have some.

    Raises `BadInput` for goals that there are not, `OutOfRange` for weights that cannot be.
    """
    given = _checked(weights)
    fleet = as_fleet(fleet)
    price = prices if isinstance(prices, pd.Series) else prices["import_eur_per_mwh"]
    horizon = horizon or Horizon.regular(pd.DatetimeIndex(price.index))
    base = each_step(base_mw, horizon, "base_mw")
    before = uncontrolled_charging(fleet, horizon, base_mw=base)
    energy = before.p_mw.to_numpy().T * horizon.hours
    cost = float(energy.sum(axis=0) @ np.abs(price.to_numpy(dtype=float)))
    stays = stays_of(fleet, horizon)
    soonest = at_once(replace(stays, energy_mwh=stays.within_mwh))
    waits = float((latest_charging(stays) - soonest).sum(axis=0) @ horizon.waiting)
    scale = cost / given["minimize_cost"]
    peak_price = scale * given["minimize_peak"] / before.peak_mw if before.peak_mw > 0 else 0.0
    waiting_price = scale * given["maximize_convenience"] / waits if waits > NO_WAIT else 0.0
    weighed = replace(fleet, early_cost=fleet.early_cost + waiting_price)
    return Weighed(weighed, peak_price, waiting_price, given)


def _checked(weights: Mapping[str, float]) -> dict[str, float]:
    unknown = [str(name) for name in weights if name not in GOALS]
    if unknown:
        raise BadInput(f"There is no goal {listed(unknown)}; goals are {', '.join(GOALS)}.", goals=unknown)
    wrong = [name for name, value in weights.items() if not 0 <= value < np.inf]
    if wrong:
        raise OutOfRange(f"Weights must be numbers from 0: look at {listed(wrong)}.", goals=wrong)
    if not weights.get("minimize_cost", 0.0) > 0:
        raise OutOfRange(
            "minimize_cost needs a weight above 0: the others are weighed against money. Give it some, such as 0.01."
        )
    total = sum(weights.values())
    return {name: float(weights.get(name, 0.0)) / total for name in GOALS}
