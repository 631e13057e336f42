"""What a battery's plan does to the battery: cycles, capacity after ten years, the price of wear, and whether it pays.

Run `python examples/battery_ageing.py`.
"""

# ruff: noqa: T201 (an example prints)

from dataclasses import replace

import numpy as np
import pandas as pd

import gridloop as gl

# Money per MWh of 24 hours: cheap at noon, dear in the evening. Every day of the week has its own spread.
PRICES = [41, 38, 36, 35, 36, 41, 47, 45, 33, 24, 18, 15, 14, 15, 19, 26, 38, 58, 82, 88, 71, 58, 50, 45]
SPREADS = [1.0, 0.9, 1.1, 1.3, 1.0, 0.6, 0.5]
BATTERY = gl.Battery(
    capacity_mwh=20, max_charge_mw=5, max_discharge_mw=5, min_soc=0.1, max_soc=0.9, degradation_cost=0.50
)


def week() -> pd.Series:
    """Prices of seven days."""
    day = np.array(PRICES, dtype=float)
    price = np.concatenate([day.mean() + spread * (day - day.mean()) for spread in SPREADS])
    return pd.Series(price, index=pd.date_range("2026-06-15", periods=price.size, freq="h", tz="UTC"))


def planned(battery: gl.Battery, market: pd.Series, chemistry: str) -> tuple[float, gl.Ageing]:
    """What the battery earns in a year of such weeks, and how it ages."""
    plan = gl.schedule([battery], market)
    earned = -float((plan.of("battery", "p_mw") * market).sum()) * 365.25 / 7
    return earned, gl.battery_ageing(plan.of("battery", "soc"), chemistry=chemistry, battery=battery, years=10)


def show(name: str, earned: float, ageing: gl.Ageing) -> None:
    """One line of ageing and one of money."""
    money = gl.battery_economics(
        earned, capacity_mwh=BATTERY.capacity_mwh, ageing=ageing, capital_cost=400_000, om_cost=10_000,
        replacement_cost=250_000, project_lifetime=20,
    )  # fmt: skip
    print(
        f"{name}: {ageing.cycles_per_year:.0f} full cycles a year, {ageing.total_cycles:.0f} cycles in 10 years; "
        f"{ageing.capacity_retention_pct:.1f} % left then, end of life in year {ageing.replacement_year}"
    )
    rate = f"{money.irr_pct:.1f} %" if money.irr.status == "one" else money.irr.status
    print(
        f"    earns {earned:,.0f} a year; npv {money.npv:,.0f}, irr {rate}, payback {money.payback_years:.1f} years; "
        f"worth {money.break_even_capital_cost:,.0f} per MWh"
    )


def main() -> None:
    """The stated baseline, wear at 0.50 per MWh, beside wear at what it costs and at something in between."""
    market = week()
    for chemistry in ("nmc", "lfp"):
        earned, ageing = planned(BATTERY, market, chemistry)
        show(f"{chemistry}, wear 0.50 per MWh", earned, ageing)
        # The full price saves replacements that a project of 20 years may never need: something less may earn more.
        for share in (0.5, 1.0):
            wear = share * ageing.marginal_cost_per_mwh
            show(
                f"{chemistry}, wear {wear:.2f} per MWh",
                *planned(replace(BATTERY, degradation_cost=wear), market, chemistry),
            )


if __name__ == "__main__":
    main()
