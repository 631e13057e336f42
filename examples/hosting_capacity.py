"""How many roofs and cars a village street can host: a Monte-Carlo study of adoption over one day.

Run `python examples/hosting_capacity.py` for 10 draws of chance, `python examples/hosting_capacity.py 100` for more.
"""

# ruff: noqa: T201 (an example prints)

import sys

import numpy as np

import gridloop as gl
from gridloop.powerflow.study.reducers import HostingCapacity, Violations, WorstK
from gridloop.powerflow.study.samplers import Adoption
from gridloop.powerflow.study.simulate import simulate

HOUSES = 12
HOUR = np.arange(24)
SUN = np.clip(np.sin((HOUR - 6) / 24 * 2 * np.pi), 0, 1) ** 1.3
# Of the 2.5 kW that a house draws at its evening peak.
EVENING = 0.2 + 0.15 * np.exp(-(((HOUR - 8) / 2) ** 2)) + 0.8 * np.exp(-(((HOUR - 19) / 2.5) ** 2))


def street() -> gl.Network:
    """0.4 kV: a transformer station, and a cable of 12 × 40 m with a house at every joint."""
    band = {"v_nom_kv": 0.4, "v_min_pu": 0.95, "v_max_pu": 1.05}
    cable = {"r_ohm_per_km": 0.32, "x_ohm_per_km": 0.08, "i_max_ka": 0.21, "length_km": 0.04}
    joints = [f"joint {k}" for k in range(HOUSES + 1)]
    return gl.Network.from_tables(
        {
            "bus": [{"id": name, **band} for name in joints],
            "line": [
                {"id": f"cable {k}", "tail_bus": joints[k], "head_bus": joints[k + 1], **cable} for k in range(HOUSES)
            ],
            "load": [
                {"id": f"house {k}", "bus": joints[k], "p_mw": 0.0025, "q_mvar": 0.0005} for k in range(1, HOUSES + 1)
            ],
            "source": [{"id": "station", "bus": joints[0], "v_set_pu": 1.015}],
        },
        name="street",
        owner="village works",
    )


def main() -> None:
    """Let adoption rise from nothing to everybody, and say where the street gives way."""
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    levels = np.linspace(0, 1, 6)
    adoption = Adoption(
        cases=draws * levels.size,
        profile=EVENING,
        sun=SUN,
        pv_share=levels,
        ev_share=levels,
        pv_mw=(0.005, 0.012),
        noise_sd=0.2,
    )
    capacity = HostingCapacity(adoption.levels, risk=0.05)
    study = simulate(street(), adoption, reduce=[capacity, Violations(), WorstK(3, "highest_v_pu")], seed=1)
    print(study)
    found = study["hosting_capacity"]
    print(found[["cases", "violating", "violating_high"]].to_dataframe().round(3).to_string(index=False))
    print(f"With a risk of 5 % the street hosts {float(found['capacity_pv_share']):.0%} of its houses.")
    worst = study["worst_highest_v_pu"]
    print(worst.round(4).to_string())
    again = study.rebuild(int(worst.index[0]))
    print(f"Scenario {again.index}: {again.v_pu.max():.4f} pu at {again.v_pu.idxmax()}, hour {again.index % 24}.")


if __name__ == "__main__":
    main()
