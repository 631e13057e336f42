"""Per unit, signs and angles: the conventions of docs/conventions.md as code.

Power base: `BASE_MVA` for every per-unit number inside the library (convention 3). Voltage base: the
bus's `v_nom_kv`. Generators count injection as positive, loads and storage count consumption (convention 2).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

BASE_MVA = 100.0
SQRT3 = math.sqrt(3.0)


def base_ohm(v_nom_kv: FloatArray, base_mva: float = BASE_MVA) -> FloatArray:
    """Impedance base of a voltage level. [Ω]"""
    return np.asarray(v_nom_kv, dtype=float) ** 2 / base_mva


def base_ka(v_nom_kv: FloatArray, base_mva: float = BASE_MVA) -> FloatArray:
    """Current base of a three-phase voltage level. [kA]"""
    return base_mva / (SQRT3 * np.asarray(v_nom_kv, dtype=float))


def finite_or_none(value: float) -> float | None:
    """A number as JSON has it: None where it is missing or infinite."""
    return float(value) if math.isfinite(value) else None
