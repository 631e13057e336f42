"""A battery against the prices of a day: when it charges, when it gives, and what that earns.

Run `python examples/battery_and_prices.py`.
"""

# ruff: noqa: T201 (an example prints)

import pandas as pd

import gridloop as gl

# EUR/MWh of 24 hours: cheap at noon, dear in the evening.
PRICES = [71, 66, 63, 62, 64, 72, 88, 95, 84, 61, 38, 22, 14, 12, 19, 36, 62, 98, 131, 142, 127, 108, 92, 80]


def main() -> None:
    """Plan 24 hours for 4 MWh behind 2 MW, and compare with a network fee on what is bought."""
    hours = pd.date_range("2026-06-15", periods=24, freq="h", tz="UTC")
    market = pd.Series(PRICES, index=hours, dtype=float)
    battery = gl.Battery(
        capacity_mwh=4.0, max_charge_mw=2.0, max_discharge_mw=2.0, initial_soc=0.0, degradation_cost=5.0
    )
    plan = gl.schedule([battery], market)
    power = plan.of("battery", "p_mw")  # charging is positive
    earned = -float((power * market).sum())
    print(f"{plan.status}: {earned:.0f} EUR from prices, wear {plan.parts['battery_wear']:.0f} EUR")
    table = pd.DataFrame({"EUR/MWh": market, "battery MW": power, "soc": plan.of("battery", "soc")})
    print((table.round(2) + 0.0).set_axis(hours.strftime("%H:%M")).to_string())  # + 0.0 makes -0.0 a plain zero

    fee = pd.DataFrame({"import_eur_per_mwh": market + 25.0, "export_eur_per_mwh": market - 5.0})
    dearer = gl.schedule([battery], fee)
    moved = dearer.of("battery", "p_mw").clip(lower=0.0).sum()
    print(f"\nWith a fee of 25 EUR/MWh it takes {moved:.1f} MWh instead of {power.clip(lower=0.0).sum():.1f}.")


if __name__ == "__main__":
    main()
