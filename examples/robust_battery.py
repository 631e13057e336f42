"""A battery beside a roof and a limit, planned for 20 futures at once, beside planning on their mean.

Run `python examples/robust_battery.py`. Prices and sun differ between the futures, more so the further they lie ahead.
The baseline is what everybody does: plan on the mean forecast, then answer what comes. Both are computed in this run,
as is what knowing the future would be worth.
"""

# ruff: noqa: T201 (an example prints)

import numpy as np
import pandas as pd

from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.robust.scenario import Scenario, scenarios_from
from gridloop.optimize.robust.schedule import schedule_robust

HOURS, FUTURES, SEED = 12, 20, 5
SITE = Connection(import_limit_mw=2.0, export_limit_mw=1.0)


def futures() -> list[Scenario]:
    """From noon: a cloud may stay, and the evening may be dear or very dear."""
    rng = np.random.default_rng(SEED)
    times = pd.date_range("2026-06-15 12:00", periods=HOURS, freq="h", tz="UTC")
    hour = 12.0 + np.arange(HOURS)
    clear = 3.0 * np.clip(np.cos((hour - 13.0) / 14.0 * np.pi), 0.0, None)
    evening = np.exp(-(((hour - 19.5) / 1.8) ** 2))
    clouds, scarcity = rng.uniform(0.1, 1.0, FUTURES), rng.gamma(1.2, 60.0, FUTURES)
    known = np.arange(HOURS) == 0
    sun = np.where(known, clear, clear * clouds[:, None])
    prices = [pd.Series(45.0 + extra * evening, index=times) for extra in scarcity]
    tables = [pd.DataFrame({"import_eur_per_mwh": p + 15.0, "export_eur_per_mwh": p}) for p in prices]
    devices: list[Device] = [
        Battery(4.0, 2.0, 2.0, initial_soc=0.4, degradation_cost=12.0, end_value_per_mwh=40.0, id="battery"),
        Renewable(clear, id="roof"),
        Load(np.where(evening > 0.3, 2.6, 1.4), id="site"),
    ]
    return scenarios_from(devices, tables, {("roof", "available_mw"): sun})


def main() -> None:
    """Plan for the mean of the costs, then with care for the dearest fifth, then with a chance for the limit."""
    cases = futures()
    for risk in (0.0, 0.5, 0.9):
        plan = schedule_robust(cases, connection=SITE, risk=risk, level=0.8, common=4)
        now = plan.setpoints().iloc[0]
        print(f"Risk {risk}: battery {now['value']:+.2f} MW ({now['reason']}), mean {plan.mean:.2f}", end=", ")
        print(f"dearest fifth {plan.cvar:.2f}, planned on the mean {plan.on_the_mean:.2f}", end=", ")
        print(f"robust {plan.objective:.2f}, knowing {plan.knowing:.2f}", end="; ")
        print(f"VSS {plan.value_of_stochastic:.2f}, EVPI {plan.value_of_information:.2f}")
    for chance in (0.05, 0.3):
        plan = schedule_robust(cases, connection=SITE, chance=chance, common=4)
        print(f"Chance {chance}: mean {plan.mean:.2f}, limits kept in {100 * plan.kept_weight:.0f} % of the weight")


if __name__ == "__main__":
    main()
