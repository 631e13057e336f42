"""Charging of a site planned by `gl.schedule`: base load, transformer, fair shares and weighed goals in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.optimize.charging.baselines import least_laxity_first, uncontrolled_charging
from gridloop.optimize.charging.fair import fair_energies
from gridloop.optimize.charging.problems import problems_of
from gridloop.optimize.charging.result import Charging, charging_of
from gridloop.optimize.charging.stays import as_fleet, each_step, stays_of
from gridloop.optimize.charging.weights import Weighed, weigh_charging
from gridloop.optimize.devices.connection import Connection, price_table
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.ev_sessions import giving_power, numbers, ranks
from gridloop.optimize.devices.load import Load
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.units import FloatArray

Power = float | Sequence[float] | FloatArray | pd.Series


@dataclass(frozen=True)
class ChargingPlan:
    """A plan of charging beside what would happen without one.

    plan          of `gl.schedule`: set-points with reasons, cost by part
    charging      the same by car, measured against what the drivers asked for
    uncontrolled, least_laxity   baselines of the same cars: everyone at once; by urgency under the same limit
    prices        money per MWh; limit_mw of the site, base load included, that the plan was held to
    peak_kept     False where `peak_mw` was given up, for cars would have left short for it; None where none was given
    weighed       the prices that weights became; None without weights
    diagnosis     why not all have their energy: they cannot, or it is dearer than `value_of_lost_charge`; None where
                  all do
    """

    plan: Plan
    charging: Charging
    uncontrolled: Charging
    least_laxity: Charging
    prices: pd.DataFrame
    limit_mw: float
    peak_kept: bool | None
    weighed: Weighed | None
    diagnosis: Diagnosis | None

    def compare(self) -> pd.DataFrame:
        """The figures of `Charging.summary` for the plan and both baselines, side by side."""
        columns = {"plan": self.charging, "uncontrolled": self.uncontrolled, "least_laxity": self.least_laxity}
        return pd.DataFrame({name: found.summary(self.prices, self.limit_mw) for name, found in columns.items()})

    @property
    def savings(self) -> dict[str, float]:
        """Against uncontrolled charging: money, its share in percent, MW of the peak and their share in percent.

        The money is for the same energy on both sides: what the plan leaves for the time after the horizon, or leaves
        out, beyond what uncontrolled charging does is counted at the mean price to import, not as saved. The share is
        of the size of what uncontrolled charging costs; NaN where that is zero.
        """
        price = self.prices["import_eur_per_mwh"].to_numpy(dtype=float)
        mean = float(np.average(price, weights=self.charging.hours))
        less = float(self.uncontrolled.served_mwh.sum() - self.charging.served_mwh.sum())
        cost, before = self.charging.cost(self.prices) + mean * less, self.uncontrolled.cost(self.prices)
        peak = self.uncontrolled.peak_mw
        lower = peak - self.charging.peak_mw
        return {
            "cost_savings": before - cost,
            "cost_savings_pct": 100.0 * (before - cost) / abs(before) if before else float("nan"),
            "peak_reduction_mw": lower,
            "peak_reduction_pct": 100.0 * lower / peak if peak else 0.0,
        }


def plan_charging(
    fleet: EVFleet | pd.DataFrame,
    prices: pd.DataFrame | pd.Series,
    *,
    base_mw: Power = 0.0,
    transformer_mw: float = np.inf,
    peak_mw: float | None = None,
    peak_price_per_mw: float = 0.0,
    weights: Mapping[str, float] | None = None,
    fair: bool = True,
    horizon: Horizon | None = None,
) -> ChargingPlan:
    """Plan the cars of a site beside its base load.

    fleet           a fleet, or its table of sessions
    base_mw         load of the site beside the cars; it is served whatever happens
    transformer_mw  what the site takes at most, base load included
    peak_mw         a lower limit that is kept as long as every car gets what it gets without it
    peak_price_per_mw  money per MW of the highest import above `peak_mw` (above zero where that is not given)
    weights         of `minimize_cost`, `minimize_peak`, `maximize_convenience`: what they mean is said in
                    `gl.weigh_charging`; they take the place of `peak_price_per_mw`
    fair            where not all can be served, share by priority and in proportion to need, exactly; where cars may
                    give energy back, to within five percent of each need. What cars leave without for it is part of
                    the plan's cost, as `ev_unserved`

    Raises what `gl.schedule` and `EVFleet` raise.
    """
    fleet, table = as_fleet(fleet), price_table(prices)
    horizon = horizon or Horizon.regular(pd.DatetimeIndex(table.index))
    base = each_step(base_mw, horizon, "base_mw")
    limit, kept = _limit(fleet, horizon, base, transformer_mw, peak_mw)
    weighed = None
    asked = fleet
    if weights is not None:
        weighed = weigh_charging(fleet, table, weights, base_mw=base, horizon=horizon)
        fleet = weighed.fleet
    price, free = peak_price_per_mw, peak_mw or 0.0
    if weighed is not None:
        price, free = weighed.peak_price_per_mw, 0.0
    served = fair_energies(asked, horizon, limit - base).to_numpy()
    lost = 0.0
    if fair:
        fleet, lost = _fairly(fleet, horizon, served)
    connection = Connection(
        import_limit_mw=limit, contracted_peak_mw=free if price > 0 else None, peak_price_per_mw=price, id="site"
    )
    load = Load(base, sheddable=0.0, id="base load")
    plan = schedule([fleet, load], table, connection=connection, horizon=horizon)
    if lost > 0.0:
        parts = {**plan.parts, "ev_unserved": plan.parts.get("ev_unserved", 0.0) + lost}
        plan = replace(plan, cost=plan.cost + lost, parts=parts)
    charging = charging_of(plan, asked, base)
    return ChargingPlan(
        plan,
        charging,
        uncontrolled_charging(asked, horizon, base_mw=base),
        least_laxity_first(asked, horizon, limit, base_mw=base),
        table,
        limit,
        kept,
        weighed,
        problems_of(asked, horizon, np.full(len(horizon), limit), base, served, charging),
    )


def _limit(
    fleet: EVFleet, horizon: Horizon, base: FloatArray, transformer_mw: float, peak_mw: float | None
) -> tuple[float, bool | None]:
    """The limit to plan with: the peak where nobody leaves shorter for it, the transformer else."""
    if peak_mw is None or peak_mw >= transformer_mw:
        return transformer_mw, None if peak_mw is None else True
    if (base > peak_mw).any():
        return transformer_mw, False
    under, over = (fair_energies(fleet, horizon, limit - base) for limit in (peak_mw, transformer_mw))
    same = float((over - under).max()) <= 1e-9  # MWh: what the linear programs of fair shares round to
    return (peak_mw, True) if same else (transformer_mw, False)


def _fairly(fleet: EVFleet, horizon: Horizon, served_mwh: FloatArray) -> tuple[EVFleet, float]:
    """The fleet with the energies of a fair share where not all can be served, and what the rest is worth to drivers.

    The fleet as it is where all can be served, and where a plan itself has to share. Worth in money.
    """
    if (giving_power(fleet.sessions) > 0).any():
        return replace(fleet, fair_steps=max(fleet.fair_steps, 20)), 0.0
    short = stays_of(fleet, horizon).energy_mwh - served_mwh
    if float(short.max(initial=0.0)) <= 0.0:
        return fleet, 0.0
    rank = ranks(numbers(fleet.sessions, "priority", 0.0))
    # The price that a plan has for a priority: see `EVFleet.value_of_lost_charge`.
    worth = fleet.value_of_lost_charge * (1.0 + rank / (rank.max(initial=0) + 1.0))
    fair = replace(fleet, sessions=fleet.sessions.assign(energy_mwh=np.clip(served_mwh, 0.0, None)))
    return fair, float(worth @ np.clip(short, 0.0, None))
