"""Graphite: the potential of the negative electrode against lithium, which drives the ageing at rest."""

from __future__ import annotations

import numpy as np

from gridloop.units import FloatArray

EMPTY_LITHIATION, FULL_LITHIATION = 0.0085, 0.78


def anode_potential(soc: FloatArray) -> FloatArray:
    """Open-circuit potential of graphite at a state of charge of the cell. [V]

    Source: M. Safari, C. Delacourt, J. Electrochem. Soc. 158 (2011) A562, for the potential; M. Schimpe et al.,
    J. Electrochem. Soc. 165 (2018) A181, for the share of lithium at empty and at full.
    """
    x = EMPTY_LITHIATION + np.asarray(soc) * (FULL_LITHIATION - EMPTY_LITHIATION)
    steps = (
        (-0.0440, 0.1958, 0.1088),
        (-0.1978, 1.0571, 0.0854),
        (-0.6875, -0.0117, 0.0529),
        (-0.0175, 0.5692, 0.0875),
    )
    potential = 0.6379 + 0.5416 * np.exp(-305.5309 * x)
    for height, at, width in steps:
        potential = potential + height * np.tanh((x - at) / width)
    return np.asarray(potential)
