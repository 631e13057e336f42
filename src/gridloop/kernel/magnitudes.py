"""Voltage magnitudes of blocks of lanes, by node and scenario: what studies reduce."""

from __future__ import annotations

import numpy as np

from gridloop.kernel.compiled import outer
from gridloop.kernel.lanes import LANES


@outer
def feeder_magnitudes(d, row, v0, v):
    """|v0 + d| of every node as v [node, scenario] float32; lanes beyond the last scenario are left out.

    d  [block, 2 · row, LANES] deviations;  row [node], negative where the voltage is held;  v0 [node] complex
    """
    count = v.shape[1]
    for n in range(row.size):
        r, real, imaginary = row[n], np.float32(v0[n].real), np.float32(v0[n].imag)
        if r < 0:
            v[n] = np.sqrt(real * real + imaginary * imaginary)
            continue
        for b in range(d.shape[0]):
            begin = b * LANES
            lanes = min(LANES, count - begin)
            for k in range(lanes):
                a, c = real + d[b, 2 * r, k], imaginary + d[b, 2 * r + 1, k]
                v[n, begin + k] = np.sqrt(a * a + c * c)


@outer
def network_magnitudes(vr, vi, position, v):
    """|V| of every node as v [node, scenario] float64.

    vr, vi  [block, position, LANES];  position [node], negative where a node is not supplied: it is NaN
    """
    count = v.shape[1]
    for n in range(position.size):
        i = position[n]
        if i < 0:
            v[n] = np.nan
            continue
        for b in range(vr.shape[0]):
            begin = b * LANES
            lanes = min(LANES, count - begin)
            for k in range(lanes):
                a, c = vr[b, i, k], vi[b, i, k]
                v[n, begin + k] = np.sqrt(a * a + c * c)
