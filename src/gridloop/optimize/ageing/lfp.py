"""Iron-phosphate cells: a large one as grids use it, and a small one of the published classic."""

from __future__ import annotations

import numpy as np

from gridloop.optimize.ageing.chemistry import SECONDS_PER_DAY, Chemistry, KnownRange, Stress
from gridloop.optimize.ageing.graphite import anode_potential
from gridloop.units import FloatArray

GAS_CONSTANT = 8.3144598  # J / (mol K)
_REFERENCE_K = 298.15


def _large_calendar(temperature_k: FloatArray, soc: FloatArray) -> FloatArray:
    return np.asarray(8.37e4 * np.exp((-5.21e3 - 3.56e3 * anode_potential(soc)) / temperature_k))


def _large_cycling(stress: Stress) -> FloatArray:
    by_use = 4.38e-8 + 1.55e-8 * stress.depth + 1.68e-7 * stress.c_rate
    # The second term of the published law is nothing at any temperature on earth; it is kept as it stands.
    by_cold = np.exp(2.19e3 / stress.temperature_k) + np.exp(-1.55e5 / stress.temperature_k)
    return np.asarray(by_use * by_cold)


LFP_LARGE = Chemistry(
    name="lfp",
    cell="prismatic LFP/graphite of more than 250 Ah",
    source=("tests of doi:10.1016/j.est.2023.109042; NREL's fit in BLAST-Lite, model lfp_gr_250AhPrismatic_2019"),
    tested=KnownRange(temperature_c=(10.0, 45.0), depth=(0.8, 1.0), c_rate=0.65),
    calendar=_large_calendar,
    calendar_power=0.526,
    cycling=_large_cycling,
    cycling_power=0.828,
)


def _small_calendar(temperature_k: FloatArray, soc: FloatArray) -> FloatArray:
    warm = np.exp(-17_126.0 / GAS_CONSTANT * (1.0 / temperature_k - 1.0 / _REFERENCE_K))
    full = 2.8575 * (soc - 0.5) ** 3 + 0.60225
    return np.asarray(1.2571e-5 * np.sqrt(SECONDS_PER_DAY) * warm * full)


def _small_cycling(stress: Stress) -> FloatArray:
    percent = (0.0630 * stress.c_rate + 0.0971) * (4.0253 * (stress.depth - 0.6) ** 3 + 1.0923)
    return np.asarray(percent / 100.0)


LFP_SMALL = Chemistry(
    name="lfp_26650",
    cell="Sony US26650FTC1 3 Ah LFP/graphite, a cell of home batteries",
    source="M. Naumann et al., J. Energy Storage 17 (2018) 153 (at rest), J. Power Sources 451 (2020) 227666 (cycles)",
    tested=KnownRange(temperature_c=(0.0, 60.0), depth=(0.05, 1.0), c_rate=1.0),
    calendar=_small_calendar,
    calendar_power=0.5,
    cycling=_small_cycling,
    cycling_power=0.5,
)
