"""Homes planned on the three-phase feeder they hang on, beside the same plan on a copper plate.

Run `python examples/homes_on_a_feeder.py`. The street, its homes, roofs, cars and heat pumps are made up.
"""

# ruff: noqa: T201 (an example prints)

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import gridloop as gl
from gridloop.io.citylearn import Homes
from gridloop.optimize.studies.community_grid import Equipment, community_grid

STREET = """
Clear
New Circuit.street basekv=11 pu=1.03 bus1=grid mvasc3=100 mvasc1=80
New Transformer.station phases=3 windings=2 xhl=4 %loadloss=1.2
~ wdg=1 bus=grid conn=delta kv=11 kva=160
~ wdg=2 bus=joint0 conn=wye kv=0.4 kva=160
New Linecode.cable nphases=3 r1=0.32 x1=0.08 r0=0.9 x0=0.25 c1=0 c0=0 units=km
"""


def street(joints: int = 4) -> gl.Feeder:
    """A cable of some joints, 90 m apart, and one home per phase at each of them (their loads come as devices)."""
    lines = [
        f"New Line.cable{k} bus1=joint{k - 1} bus2=joint{k} linecode=cable length=0.09 units=km normamps=200"
        for k in range(1, joints + 1)
    ]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "street.dss"
        file.write_text(STREET + "\n".join([*lines, "Set voltagebases=[11 0.4]", "CalcVoltageBases\n"]))
        feeder = gl.read_network(str(file))
    assert isinstance(feeder, gl.Feeder)
    return feeder.edit("bus", {f"joint{k}": {"v_min_pu": 0.94, "v_max_pu": 1.06} for k in range(joints + 1)})


def homes(names: list[str], seed: int = 1) -> Homes:
    """A sunny day of homes that differ: an evening peak, a roof, a battery; a dear time from 16 to 21 h."""
    rng = np.random.default_rng(seed)
    hours = pd.date_range("2026-06-01", periods=24, freq="h", tz="UTC", name="valid_at")
    clock = np.arange(24)
    evening = np.exp(-(((clock - 19) / 2.5) ** 2)) + 0.4 * np.exp(-(((clock - 7) / 1.5) ** 2))
    sun = np.clip(np.sin((clock - 5) / 14 * np.pi), 0.0, None)
    return Homes(
        pd.DataFrame({i: 1e-3 * (0.3 + 2.0 * evening * rng.gamma(8.0, 1 / 8.0, 24)) for i in names}, index=hours),
        pd.DataFrame({i: 1e-3 * rng.uniform(6.0, 9.0) * sun for i in names}, index=hours),
        pd.Series(np.where((clock >= 16) & (clock < 21), 400.0, 200.0), index=hours),
        pd.Series(0.2, index=hours),
        pd.DataFrame({"capacity_mwh": 0.006, "power_mw": 0.004, "round_trip_efficiency": 0.9}, index=names),
    )


def main() -> None:
    """What the copper plate breaks, what holding it costs, and what energy is worth at each home."""
    places = {
        f"home {joint}{'abc'[phase - 1]}": f"joint{joint}.{phase}" for joint in (1, 2, 3, 4) for phase in (1, 2, 3)
    }
    run = community_grid(
        homes(list(places)), street(), places, equipment=Equipment(car_mw=0.011), outdoor_c=12.0, export_share=0.4
    )
    facts = run.facts()
    print(f"{len(places)} homes, {len(run.devices)} devices and fleets, 24 hours, band 0.94 ... 1.06 pu\n")
    print(f"{'':14}{'hours broken':>14}{'lowest pu':>12}{'highest pu':>12}{'loading %':>11}")
    for plan in ("alone", "copper", "grid"):
        row = [facts[f"{plan}_{what}"] for what in ("hours_broken", "v_min_pu", "v_max_pu", "loading_pct")]
        print(f"{plan:14}{row[0]:14.0f}{row[1]:12.3f}{row[2]:12.3f}{row[3]:11.0f}")
    print(
        f"\ncost: copper plate {facts['copper_cost']:.2f}, losses {facts['losses_cost']:+.2f}, "
        f"limits {facts['limits_cost']:+.2f}: {facts['grid_cost']:.2f}"
    )
    print("\nWhat one more MWh is worth at each home (the tariff is 200, 400 in the evening, 40 % of it for exports):")
    print(run.homes[["bus", "price_low", "price", "price_high", "curtailed_grid_mwh"]].round(4).to_string())
    print("\nThe dearest limits:")
    print(run.limits.head(4).to_string(index=False))
    print(f"\nChecked by a three-phase flow of its own: {'confirmed' if run.checked.ok else run.checked.sentences()}")


if __name__ == "__main__":
    main()
