"""Impedances of sources and switches as OpenDSS derives them from short-circuit data and sequence values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from gridloop.io.opendss_values import given
from gridloop.units import SQRT3


def source_impedance(properties: Mapping[str, Any], v_kv: float) -> tuple[complex, complex]:
    """Positive- and zero-sequence impedance of a three-phase source. [Ω]

    From r1, x1, r0, x0 where they are written; else from the three- and single-phase short-circuit power (mvasc3,
    mvasc1) or current (isc3, isc1), with x1r1 = 4 and x0r0 = 3. The zero sequence follows from the fault of one phase,
    |2 Z₁ + Z₀| = √3 V / I_sc1.
    """
    ratio_1, ratio_0 = given(properties, "x1r1", 4.0), given(properties, "x0r0", 3.0)
    if "isc3" in properties:
        i_3 = given(properties, "isc3", 10_000.0)
    else:
        i_3 = given(properties, "mvasc3", 2000.0) * 1000.0 / (SQRT3 * v_kv)
    if "isc1" in properties or ("isc3" in properties and "mvasc1" not in properties):
        i_1 = given(properties, "isc1", 10_500.0)
    else:
        i_1 = given(properties, "mvasc1", 2100.0) * 1000.0 / (SQRT3 * v_kv)
    if "r1" in properties or "x1" in properties:
        z1 = complex(given(properties, "r1", 1.65), given(properties, "x1", 6.6))
    else:
        x1 = v_kv * 1000.0 / SQRT3 / i_3 / math.sqrt(1.0 + 1.0 / ratio_1**2)
        z1 = complex(x1 / ratio_1, x1)
    if "r0" in properties or "x0" in properties:
        return z1, complex(given(properties, "r0", 1.9), given(properties, "x0", 5.7))
    # |2 z1 + r0 (1 + j ratio_0)|² = (√3 V_ll / I_sc1)², a quadratic in r0.
    a = 1.0 + ratio_0**2
    b = 4.0 * (z1.real + z1.imag * ratio_0)
    c = 4.0 * abs(z1) ** 2 - (SQRT3 * v_kv * 1000.0 / i_1) ** 2
    r0 = (-b + math.sqrt(max(b * b - 4.0 * a * c, 0.0))) / (2.0 * a)
    return z1, complex(r0, r0 * ratio_0)


def switch_impedance(properties: Mapping[str, Any]) -> tuple[complex, complex]:
    """Positive- and zero-sequence impedance of a line with `switch=yes`. [Ω]

    Such a line starts as 0.001 long with 1 Ω of each per length; what is written after that counts.
    """
    length = given(properties, "length", 0.001)
    z1 = complex(given(properties, "r1", 1.0), given(properties, "x1", 1.0)) * length
    z0 = complex(given(properties, "r0", 1.0), given(properties, "x0", 1.0)) * length
    return z1, z0
