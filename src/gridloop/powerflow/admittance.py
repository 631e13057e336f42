"""The part of the admittance matrix that anything is supplied through."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from gridloop.network.arrays import NetworkArrays
from gridloop.units import IntArray


def supplied_admittance(arrays: NetworkArrays) -> tuple[csr_array, IntArray]:
    """Admittance matrix of the supplied nodes with its diagonal stored, and which nodes they are."""
    lit = np.flatnonzero(arrays.topology.supplied)
    matrix = csr_array(arrays.admittance()[lit][:, lit])
    matrix.sort_indices()
    return matrix, lit
