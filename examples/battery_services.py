"""The reference battery, 20 MWh and 5 MW: what a day brings by arbitrage alone, with regulation, and by weights.

The baseline is the battery that stands still: it earns nothing and wears nothing.
Run `python examples/battery_services.py`.
"""

# ruff: noqa: T201 (an example prints)

import pandas as pd

import gridloop as gl
from gridloop.optimize.devices.services import Regulation

# A day of a sunny market, money per MWh; regulation, money per MW held ready for an hour.
ENERGY = [29, 27, 26, 25, 26, 30, 38, 41, 33, 24, 18, 14, 12, 13, 17, 24, 33, 48, 72, 88, 76, 58, 43, 34]
UP = [6, 6, 5, 5, 6, 8, 11, 12, 9, 7, 6, 5, 5, 5, 6, 8, 12, 18, 26, 31, 24, 15, 9, 7]
DOWN = [9, 9, 10, 10, 9, 8, 7, 7, 9, 12, 14, 15, 15, 14, 12, 9, 7, 6, 6, 6, 6, 7, 8, 9]


def market() -> pd.DataFrame:
    """Prices of energy and of both directions of regulation."""
    hours = pd.date_range("2020-05-11 08:00", periods=24, freq="h", tz="UTC")
    columns = {
        "import_eur_per_mwh": ENERGY,
        "export_eur_per_mwh": ENERGY,
        "regulation_up_eur_per_mw": UP,
        "regulation_down_eur_per_mw": DOWN,
    }
    return pd.DataFrame(columns, index=hours, dtype=float)


def battery(regulation: Regulation | None = None) -> gl.Battery:
    """The battery of the reference text."""
    return gl.Battery(
        capacity_mwh=20, max_charge_mw=5, max_discharge_mw=5, charge_efficiency=0.95, discharge_efficiency=0.95,
        min_soc=0.1, max_soc=0.9, initial_soc=0.5, degradation_cost=0.50, regulation=regulation,
    )  # fmt: skip


def main() -> None:
    """Plan the day three ways; the third counts regulation for two thirds of its money."""
    prices = market()
    regulating = battery(Regulation(energy_h=1.0, called_up=0.1, called_down=0.1))
    weights = {"arbitrage": 0.6, "regulation": 0.4}
    plans = {
        "stands still": None,
        "arbitrage": gl.schedule([battery()], prices),
        "with regulation": gl.schedule([regulating], prices),
        "weights 0.6 and 0.4": gl.schedule([regulating], prices, weights=weights),
    }
    print(f"{'':20} {'profit':>8} {'energy':>8} {'regulation':>11} {'wear':>6} {'stored':>8}")
    for name, plan in plans.items():
        parts = {} if plan is None else plan.parts
        energy = 0.0 - sum(parts.get(part, 0.0) for part in ("import", "export"))
        paid = 0.0 - sum(parts.get(part, 0.0) for part in ("regulation_up", "regulation_down"))
        start = 0.0 if plan is None else 10.0 * prices["export_eur_per_mwh"].mean() * 0.95
        stored = 0.0 - parts.get("stored_energy", 0.0) - start  # beyond the 10 MWh that it began with
        wear = parts.get("battery_wear", 0.0)
        print(f"{name:20} {energy + paid - wear + stored:8.0f} {energy:8.0f} {paid:11.0f} {wear:6.0f} {stored:8.0f}")
    plan = plans["with regulation"]
    assert plan is not None
    columns = {"MW": "p_mw", "up MW": "regulation_up_mw", "down MW": "regulation_down_mw", "soc": "soc"}
    table = pd.DataFrame({name: plan.of("battery", quantity) for name, quantity in columns.items()})
    print((table.round(2) + 0.0).set_axis(table.index.strftime("%H:%M")).to_string())


if __name__ == "__main__":
    main()
