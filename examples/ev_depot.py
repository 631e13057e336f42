"""A depot of vans behind a transformer: who charges when, what it saves, who leaves short, and vans that give back.

Run `python examples/ev_depot.py`.
"""

# ruff: noqa: T201 (an example prints)

import numpy as np
import pandas as pd

import gridloop as gl

# EUR/MWh from 16:00 on: dear in the evening, cheap after midnight.
PRICES = [95, 110, 142, 160, 171, 150, 120, 98, 74, 61, 52, 47, 44, 46, 58, 83]
# Workshop and offices beside the vans, kW.
BASE_KW = [90, 85, 80, 70, 65, 60, 60, 55, 50, 50, 50, 50, 55, 65, 80, 90]
TRANSFORMER_MW, PEAK_MW = 0.4, 0.25


def vans(n: int = 24) -> pd.DataFrame:
    """Vans of 75 kWh that come back from 16:00 to 20:00 and leave from 5:00 to 7:30, four of them ambulances."""
    start = pd.Timestamp("2026-01-14 16:00", tz="UTC")
    k = np.arange(n)
    return pd.DataFrame(
        {
            "bus": "depot",
            "arrival": start + pd.to_timedelta(10 * k, unit="min"),
            "departure": start + pd.to_timedelta(13 * 60 + 30 * (k % 6), unit="min"),
            "capacity_mwh": 0.075,
            "soc_arrival": 0.2 + 0.1 * (k % 4),
            "soc_desired": 0.9,
            "max_charge_mw": 0.022,
            "priority": (k % 6 == 0).astype(float),
        },
        index=[f"van {i + 1}" for i in k],
    )


def tell(title: str, found: gl.ChargingPlan) -> None:
    """Print a plan beside both baselines."""
    print(f"\n{title}")
    table = found.compare().loc[["energy_mwh", "served_share", "cost", "peak_mw", "utilization_pct"]]
    print(table.round(3).to_string())


def main() -> None:
    """Plan a night three times: as it is, behind half the transformer, and with vans that may give back."""
    hours = pd.date_range("2026-01-14 16:00", periods=len(PRICES), freq="h", tz="UTC")
    prices, base = pd.Series(PRICES, index=hours, dtype=float), np.array(BASE_KW) / 1000.0
    fleet = gl.EVFleet(vans())
    night = gl.plan_charging(fleet, prices, base_mw=base, transformer_mw=TRANSFORMER_MW, peak_mw=PEAK_MW)
    tell(f"{len(fleet.sessions)} vans behind {1000 * TRANSFORMER_MW:.0f} kW, kept to {1000 * PEAK_MW:.0f}", night)
    saved = night.savings
    print(
        f"saves {saved['cost_savings']:.0f} EUR ({saved['cost_savings_pct']:.0f} %) and "
        f"{saved['peak_reduction_pct']:.0f} % peak"
    )

    tight = gl.plan_charging(fleet, prices, base_mw=base, transformer_mw=0.12)
    tell("The same behind 120 kW", tight)
    print(tight.diagnosis)
    print(
        tight.charging.shortfalls().groupby("priority")["short_share"].agg(["count", "min", "max"]).round(3).to_string()
    )

    giving = gl.EVFleet(vans().assign(v2g=True, min_soc=0.15), discharge_price_threshold=130.0, degradation_cost=15.0)
    both = gl.plan_charging(giving, prices, base_mw=base, transformer_mw=TRANSFORMER_MW, peak_mw=PEAK_MW)
    tell("Vans that may give a fifth of their battery above 130 EUR/MWh", both)
    given = -both.charging.p_mw.clip(upper=0.0).to_numpy().sum()
    more = night.charging.cost(prices) - both.charging.cost(prices)
    print(
        f"they give {1000 * given:.0f} kWh: {more:.0f} EUR less for energy, "
        f"{both.plan.parts['ev_wear']:.0f} EUR of wear"
    )

    wrong = vans()
    wrong.loc["van 5", "max_charge_mw"] = 0.0011
    problems = gl.charging_problems(gl.EVFleet(wrong), gl.Horizon.regular(hours))
    print(f"\nOne plug wired to 1.1 kW? {'' if problems is None else problems.causes[0]}")


if __name__ == "__main__":
    main()
