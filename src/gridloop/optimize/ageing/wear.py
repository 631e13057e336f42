"""Wear: what one more MWh costs a battery that will be replaced some day, as a plan can use it.

A replacement costs R and is due after T years, when time and use together have taken the share L of the capacity:
F(T, u) = L, with u the energy discharged per year. A year of service then costs R / T, and one more MWh per year

    d(R/T)/du = −R/T² · dT/du = R/T² · F_u / F_T.

Every loss by use is a function of u·T alone, so u · F_u = T · F_T|use, where F_T|use is the part of the fade at the
end that would stop with the use. Hence

    cost per MWh = R / (u · T) · σ,        σ = F_T|use / F_T    (0 … 1).

R / (u · T) would charge all of the replacement to the energy; σ leaves to time what time takes anyway. With
F = A·T^p + B·(uT)^q it is σ = q·y_use / (p·y_time + q·y_use), each y the loss at the end of life.
"""

from __future__ import annotations

import numpy as np

from gridloop.optimize.ageing.fade import Fade


def discharged_over_life(fade: Fade, full_cycles_per_year: float, life_years: float) -> float:
    """Energy that leaves the cells until the end of life, per unit of first capacity; it falls with the capacity."""
    return full_cycles_per_year * life_years * fade.mean_retention(0.0, life_years)


def marginal_cost(
    fade: Fade, full_cycles_per_year: float, life_years: float, replacement_cost: float, discharge_efficiency: float
) -> float:
    """Money per MWh discharged at the terminals.

    replacement_cost  money per MWh of capacity
    NaN where there are no cycles to price or no end of life.
    """
    if full_cycles_per_year <= 0.0 or not np.isfinite(life_years):
        return float("nan")
    sold = discharged_over_life(fade, full_cycles_per_year, life_years) * discharge_efficiency
    return replacement_cost / sold * fade.share_of_use(life_years)
