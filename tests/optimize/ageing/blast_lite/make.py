"""Writes rates.csv and years.csv from BLAST-Lite: `python make.py FOLDER`, the folder where it is installed.

BLAST-Lite imports packages that fetch weather, which nothing here needs: empty ones stand in for them.
"""

from __future__ import annotations

import sys
import types
from importlib import import_module
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
MODELS = {
    "nmc": ("nmc111_gr_Kokam75Ah_2017", "Nmc111_Gr_Kokam75Ah_Battery", ("q1", "q3", "q5")),
    "nmc_18650": ("nmc111_gr_Sanyo2Ah_2014", "Nmc111_Gr_Sanyo2Ah_Battery", ("alpha_cap", "beta_cap", "")),
    "lfp": ("lfp_gr_250AhPrismatic_2019", "Lfp_Gr_250AhPrismatic", ("kcal", "kcyc", "")),
    "lfp_26650": ("lfp_gr_SonyMurata3Ah_2018", "Lfp_Gr_SonyMurata3Ah_Battery", ("", "", "")),
}
YEARS = 20
STEPS_PER_DAY = (1, 16)


def models(folder: str) -> dict[str, type]:
    """Classes of BLAST-Lite."""
    sys.path.insert(0, folder)
    for name in ("h5pyd", "geopy", "geopy.geocoders"):
        sys.modules.setdefault(name, types.ModuleType(name))
    sys.modules["geopy.geocoders"].Nominatim = object
    np.trapz = np.trapezoid  # noqa: NPY201 (the old name, which numpy has dropped and BLAST-Lite still uses)
    return {name: getattr(import_module(f"blast.models.{module}"), made) for name, (module, made, _) in MODELS.items()}


def stress(cell: object, soc: np.ndarray, celsius: float, depth: float, c_rate: float) -> dict:
    """What update_rates reads."""
    return {
        "t_secs": np.linspace(0.0, 86400.0, soc.size),
        "TdegK": np.full(soc.size, celsius + 273.15),
        "soc": soc,
        "Ua": type(cell)._get_Ua(soc),
        "dod": depth,
        "Crate": c_rate,
    }


def rates(made: dict[str, type]) -> pd.DataFrame:
    """Rates of every law on a grid of stresses."""
    found = []
    for name, (_, _, keys) in MODELS.items():
        if not any(keys):
            continue
        for celsius, middle, depth, c_rate in product((10.0, 25.0, 40.0), (0.3, 0.5, 0.7), (0.1, 0.5), (0.1, 0.5)):
            rest, cycle = made[name](), made[name]()
            rest.update_rates(stress(rest, np.full(3, middle), celsius, depth, c_rate))
            sweep = np.linspace(middle - depth / 2, middle + depth / 2, 2001)
            cycle.update_rates(stress(cycle, sweep, celsius, depth, c_rate))
            row = [name, celsius, middle, depth, c_rate, rest.rates[keys[0]][-1], cycle.rates[keys[1]][-1]]
            found.append([*row, cycle.rates[keys[2]][-1] if keys[2] else np.nan])
    columns = ["model", "temperature_c", "middle", "depth", "c_rate", "calendar", "cycling", "full_cycles"]
    return pd.DataFrame(found, columns=columns)


def years(made: dict[str, type]) -> pd.DataFrame:
    """Capacity after every year of one triangle a day between a tenth and nine tenths, at 25 °C."""
    half = np.linspace(0.1, 0.9, 49)
    day = np.concatenate([half, half[::-1][1:]])
    seconds = np.linspace(0.0, 86400.0, day.size)
    found = []
    for name, steps in product(MODELS, STEPS_PER_DAY):
        cell = made[name]()
        given = cell._extract_stressors(seconds, day, np.full(day.size, 25.0))
        cell.update_rates(given)
        step = given | {"delta_t_days": given["delta_t_days"] / steps, "delta_efc": given["delta_efc"] / steps}
        for year in range(1, YEARS + 1):
            for _ in range(365 * steps):
                cell.update_states(step)
                for key in cell.states:  # it keeps all it ever was; the newest is enough
                    cell.states[key] = cell.states[key][-1:]
            cell.update_outputs(step)
            found.append([name, steps, year, cell.outputs["q"][-1]])
    return pd.DataFrame(found, columns=["model", "steps_per_day", "year", "capacity"])


if __name__ == "__main__":
    known = models(sys.argv[1])
    rates(known).to_csv(HERE / "rates.csv", index=False, float_format="%.9e")
    years(known).to_csv(HERE / "years.csv", index=False, float_format="%.9f")
