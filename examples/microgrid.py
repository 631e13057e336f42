"""An island that nobody announces: energy kept for it, its first seconds, its loads in turns, and the way back.

Run `python examples/microgrid.py`. The baseline is the same battery on the same day that trades and keeps nothing.
Load, sun and prices are synthetic, made in this script.
"""

# ruff: noqa: T201 (an example prints)

import numpy as np
import pandas as pd

from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.island_reserve import IslandReserve
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.microgrid.black_start import ColdLoad, black_start
from gridloop.optimize.microgrid.former import GridFormer
from gridloop.optimize.microgrid.machine import Stage
from gridloop.optimize.microgrid.resync import Side, SyncWindow, resynchronise
from gridloop.optimize.microgrid.rolling import Circuit, Rota
from gridloop.optimize.microgrid.survival import survival
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule

TIMES = pd.date_range("2026-06-15", periods=96, freq="15min", tz="UTC")
HOUR = np.arange(96) / 4
LOAD = 1.2 + 0.6 * np.sin((HOUR - 11) / 24 * 2 * np.pi)
SUN = np.clip(2.5 * np.sin((HOUR - 6) / 12 * np.pi), 0, None)
PRICE = 70 + 35 * np.sin((HOUR - 14) / 24 * 2 * np.pi) + 60 * ((HOUR >= 17) & (HOUR < 20))
PRIORITY, LENGTH_H, FUTURES, SEED = 0.4, 4.0, 50, 1
BATTERY = Battery(6.0, 2.0, 2.0, id="battery")
SOURCE = GridFormer.of_battery(BATTERY, s_mva=2.2, headroom_mw=0.2)
STREETS = [f"street {k}" for k in range(4)]


def plans() -> dict[str, Plan]:
    """The day without and with energy kept for an island of four hours."""
    prices = pd.DataFrame({"import_eur_per_mwh": PRICE + 20, "export_eur_per_mwh": PRICE}, index=TIMES)
    mix: list[Device] = [BATTERY, Load(LOAD, id="village"), Renewable(SUN, id="roofs")]
    reserve = IslandReserve([BATTERY], LENGTH_H, PRIORITY * LOAD, 0.3 * SUN, headroom_mw=0.2)
    return {"trades": schedule(mix, prices), "trades and keeps": schedule([*mix, reserve], prices)}


def probabilities(plan: Plan) -> np.ndarray:
    """To live four hours from the end of every quarter on, over futures with more or less load and sun."""
    rng = np.random.default_rng(SEED)
    steps, soc = int(4 * LENGTH_H), plan.wide("soc")["battery"].to_numpy()
    found = []
    for k in range(96 - steps - 1):
        ahead = slice(k + 1, k + 1 + steps)
        need = PRIORITY * LOAD[ahead, None] * rng.uniform(0.85, 1.05, FUTURES)
        sun = SUN[ahead, None] * rng.uniform(0.3, 1.1, FUTURES)
        found.append(survival(SOURCE, need, sun, initial_soc=float(soc[k])).probability(LENGTH_H))
    return np.array(found)


def main() -> None:
    for name, plan in plans().items():
        lived = probabilities(plan)
        print(
            f"{name:17} {plan.cost:5.0f} EUR, lives {LENGTH_H:g} h with {lived.mean():.1%}, at worst {lived.min():.0%}"
        )

    swing = SOURCE.machine().simulate(1.5, [Stage(49.0, 0.4), Stage(48.8, 0.4)])
    print(f"1.5 MW lost: {swing.rocof_hz_per_s:+.1f} Hz/s, lowest {swing.lowest_hz:.2f} Hz, {swing.shed_mw:g} MW shed")

    rota = Rota([Circuit("clinic", 0), *(Circuit(street, 1) for street in STREETS)])
    for _ in range(8):
        rota.turn(0.5, np.full(5, 0.3), 0.5)
    off = zip(("clinic", *STREETS), rota.hours_off, strict=True)
    print("0.5 of 1.5 MW missing for 4 h, hours off: " + ", ".join(f"{name} {hours:g}" for name, hours in off))

    start = black_start(SOURCE, [ColdLoad("clinic", 0.3, 0), *(ColdLoad(street, 0.3, 1) for street in STREETS)])
    print("black start: " + ", ".join(f"{step.id} after {60 * step.at_h:.0f} min" for step in start.steps))
    print(f"  {start.diagnosis}")

    back = resynchronise(Side(49.9, 0.98, 120.0), Side(50.01, 1.01), SyncWindow.ieee1547(SOURCE.s_mva))
    print(f"back after {back.closed_s:.0f} s at {back.frequency_hz:+.3f} Hz, {back.angle_deg:+.2f} degrees")


if __name__ == "__main__":
    main()
