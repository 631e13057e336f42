"""Roof, battery and vehicles on the feeder of power_flow.py: 24 hours planned without the network, and with it.

Run `python examples/plan_with_network.py`.
"""

# ruff: noqa: T201 (an example prints)

import numpy as np
import pandas as pd
from power_flow import feeder

import gridloop as gl

HOURS = pd.date_range("2026-06-15 10:00", periods=24, freq="h", tz="UTC")


def devices() -> tuple[gl.Load, gl.Renewable, gl.Battery, gl.EVFleet]:
    """What is on the feeder; forecasts are in MW, one value per hour."""
    sun = np.clip(np.sin((HOURS.hour.to_numpy() - 4) / 15 * np.pi), 0.0, None)
    cars = pd.DataFrame(
        {
            "bus": "mill",
            "arrival": HOURS[0],
            "departure": HOURS[6],
            "energy_mwh": np.linspace(0.010, 0.040, 20),
            "max_charge_mw": 0.011,
        },
        index=[f"car {k}" for k in range(20)],
    )
    return (
        gl.Load(np.full(24, 1.2), q_mvar=0.3, id="mill load", bus="mill"),
        gl.Renewable(9.0 * sun, curtailment_cost=100.0, q_limit_mvar=3.0, id="farm roof", bus="farm"),
        gl.Battery(6.0, max_charge_mw=2.0, max_discharge_mw=2.0, degradation_cost=5.0, id="farm battery", bus="farm"),
        gl.EVFleet(cars),
    )


def main() -> None:
    """Two plans, what AC says of the second, and why its first set-points are what they are."""
    mix = devices()
    residual = pd.Series(mix[0].p_mw - mix[1].available_mw, index=HOURS)
    prices = gl.DynamicTariff(scale_mw=float(residual.abs().max())).prices(residual)
    blind = gl.schedule(mix, prices)
    plan = gl.schedule(mix, prices, network=feeder())
    print(f"without the network {blind.cost:8.1f} EUR; nobody has looked at losses and voltages")
    print(f"with the network    {plan.cost:8.1f} EUR; {plan.rounds} rounds, every hour checked by AC power flow\n")
    table = pd.DataFrame(
        {
            "import price": prices["import_eur_per_mwh"],
            "roof MW": plan.of("farm roof", "p_mw"),
            "roof Mvar": plan.of("farm roof", "q_mvar"),
            "battery MW": plan.of("farm battery", "p_mw"),
            "vehicles MW": plan.wide("p_mw", "ev").sum(axis=1),
            "highest V pu": plan.check["v_max_pu"].to_numpy(),
        }
    )
    print((table.round(3) + 0.0).set_axis(HOURS.strftime("%H:%M")).to_string())
    print("\nWhat is sent now, and why:")
    columns = ["device", "quantity", "value", "reason", "binding"]
    print(plan.setpoints()[columns].round(3).drop_duplicates(["quantity", "reason"]).to_string(index=False))


if __name__ == "__main__":
    main()
