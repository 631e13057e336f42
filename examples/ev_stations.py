"""Fifty charging stations behind one transformer: cost, peak and convenience weighed, beside charging uncontrolled.

Run `python examples/ev_stations.py`. Numbers of the study: 50 stations with 4 ports of 7.2 kW, 500 sessions on a day in
November, a transformer of 1,000 kW, 800 kW not to be exceeded, 300 kW of other load; weights 0.5, 0.3 and 0.2.
"""

# ruff: noqa: T201 (an example prints)

import numpy as np
import pandas as pd

import gridloop as gl

ZONE, DATE = "America/Los_Angeles", "2024-11-14"
STATIONS = [
    {"station_id": f"CS_{i:03d}", "location": f"location_{i % 10}", "num_ports": 4, "power_per_port_kw": 7.2}
    for i in range(50)
]
# How long cars stay is ours: whoever comes home in the evening leaves in the morning.
PATTERNS = {
    "morning_commute": {"time": "07:00-09:00", "probability": 0.3, "stay_h": 8.5},
    "work_day": {"time": "09:00-17:00", "probability": 0.2, "stay_h": 4.0},
    "evening_commute": {"time": "17:00-19:00", "probability": 0.4, "stay_h": 11.0},
    "overnight": {"time": "19:00-07:00", "probability": 0.1, "stay_h": 9.0},
}
TRANSFORMER_MW, PEAK_MW, BASE_MW = 1.0, 0.8, 0.3
WEIGHTS = {"minimize_cost": 0.5, "minimize_peak": 0.3, "maximize_convenience": 0.2}


def prices() -> pd.Series:
    """A day and a half of hours as California has them: cheap at noon, dear in the evening. $/MWh"""
    start = pd.Timestamp(DATE, tz=ZONE).tz_convert("UTC")
    times = pd.date_range(start, periods=36, freq="h")
    hour = np.arange(36) % 24
    sun, evening = np.exp(-(((hour - 12.5) / 3.0) ** 2)), np.exp(-(((hour - 18.5) / 1.8) ** 2))
    return pd.Series(52.0 - 30.0 * sun + 75.0 * evening, index=times)


def main() -> None:
    """Plan the day, compare it, add cars that give back, and tell the drivers."""
    sessions = gl.simulate_arrivals(STATIONS, DATE, PATTERNS, n_sessions=500, seed=14, zone=ZONE)
    market = prices()
    print(f"Simulated {len(sessions)} EV charging sessions, {sessions['energy_mwh'].sum():.1f} MWh")
    one_way = sessions.assign(v2g=False)
    study = gl.plan_charging(
        one_way, market, base_mw=BASE_MW, transformer_mw=TRANSFORMER_MW, peak_mw=PEAK_MW, weights=WEIGHTS
    )
    plan, before = study.charging, study.uncontrolled
    print(f"Energy delivered: {plan.energy_mwh:.2f} MWh, of what is needed {100 * plan.served_share:.1f} %")
    print(f"Cost: ${plan.cost(market):.2f}, per session ${plan.cost(market) / len(sessions):.2f}")
    print(f"Peak: {1000 * plan.peak_mw:.0f} kW, {100 * plan.peak_mw / TRANSFORMER_MW:.0f} % of the transformer")
    saved = study.savings
    print(f"Uncontrolled: ${before.cost(market):.2f} and {1000 * before.peak_mw:.0f} kW")
    print(f"Saved: ${saved['cost_savings']:.2f} ({saved['cost_savings_pct']:.1f} %)", end=", ")
    print(f"{1000 * saved['peak_reduction_mw']:.0f} kW of peak ({saved['peak_reduction_pct']:.1f} %)")

    # Cost alone, exactly: what the weights for peak and convenience cost.
    cheapest = gl.charge_fleet(one_way, market, limit_mw=PEAK_MW, base_mw=BASE_MW)
    print(f"Cost alone under {1000 * PEAK_MW:.0f} kW: ${cheapest.parts['import']:.2f}", end=", ")
    print(f"peak {1000 * cheapest.peak_mw:.0f} kW")

    events = gl.charging_events(cheapest, sessions)
    print("Notifications:", ", ".join(f"{n} {name}" for name, n in events["event"].value_counts().items()))
    print(" ", events["text"].iloc[0])

    # Cars that may give back: only above 100 $/MWh, and a fifth of the battery at most.
    gives = sessions[sessions["v2g"]]
    fleet = gl.EVFleet(gives, discharge_price_threshold=100.0, max_discharge_share=0.2)
    both_ways, charge_only = (gl.schedule([cars], market) for cars in (fleet, gl.EVFleet(gives.assign(v2g=False))))
    given = -both_ways.wide("p_mw", "ev").clip(upper=0.0)
    print(f"V2G: {len(gives)} cars give {1000 * given.to_numpy().sum():.0f} kWh back", end=", ")
    print(f"which saves ${charge_only.cost - both_ways.cost:.2f} after wear")


if __name__ == "__main__":
    main()
