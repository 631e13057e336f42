"""One thermal mass: C dT/dt = Q − K (T − T_out), exact over an interval of constant heat Q and outside T_out.

T_end = kept · T + (1 − kept) · T_out + per_mw · Q,   kept = exp(−K h / C),   per_mw = (1 − kept) / K,   h / C for K = 0
"""

from __future__ import annotations

import numpy as np

from gridloop.units import FloatArray


def one_mass(mwh_per_k: float, mw_per_k: float, hours: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Share of the temperature difference that is kept, and kelvin per MW of heat. [step]"""
    exponent = mw_per_k * hours / mwh_per_k
    # (1 − e^−x) / x is 1 for x → 0; below 1e-12 it is so to the last bit.
    share = np.where(exponent > 1e-12, -np.expm1(-exponent) / np.maximum(exponent, 1e-12), 1.0)
    return np.exp(-exponent), share * hours / mwh_per_k
