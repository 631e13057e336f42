"""Between the layouts: values by element and scenario on one side, blocks of lanes on the other."""

from __future__ import annotations

import numpy as np

from gridloop.kernel.compiled import outer
from gridloop.kernel.lanes import LANES


@outer
def fill_blocks(blocks, base):
    """Set every lane to the same: blocks [block, row, LANES] to base [row]."""
    for b in range(blocks.shape[0]):
        for i in range(blocks.shape[1]):
            for k in range(LANES):
                blocks[b, i, k] = base[i]


@outer
def add_rows(blocks, values, row, factor, first):
    """Add factor · values to the rows they belong to; scenarios beyond the last repeat it.

    blocks  [block, row, LANES]   written here
    values  [element, scenario]
    row     [element]             row of every element; negative: nowhere
    factor  [element]
    first   scenario of the first lane
    """
    last = values.shape[1] - 1
    for b in range(blocks.shape[0]):
        begin = first + b * LANES
        for e in range(row.size):
            i = row[e]
            if i < 0:
                continue
            if begin + LANES <= last + 1:
                for k in range(LANES):
                    blocks[b, i, k] += factor[e] * values[e, begin + k]
            else:
                for k in range(LANES):
                    blocks[b, i, k] += factor[e] * values[e, min(begin + k, last)]


@outer
def put_rows(blocks, values, row, first):
    """Write values instead of adding them, see `add_rows`."""
    last = values.shape[1] - 1
    for b in range(blocks.shape[0]):
        for e in range(row.size):
            if row[e] >= 0:
                for k in range(LANES):
                    blocks[b, row[e], k] = values[e, min(first + b * LANES + k, last)]


@outer
def take_voltages(vr, vi, node, first, v):
    """Voltages of blocks as v [node, scenario] complex, from scenario `first` on; lanes beyond the last are left out.

    vr, vi  [block, position, LANES];  node  [position]
    """
    count = v.shape[1]
    for i in range(node.size):  # node by node: what is written then lies side by side
        n = node[i]
        for b in range(vr.shape[0]):
            begin = first + b * LANES
            lanes = min(LANES, count - begin)
            for k in range(lanes):
                v[n, begin + k] = vr[b, i, k] + 1j * vi[b, i, k]


@outer
def take_deviations(d, row, v0, first, v):
    """Voltages v0 + d of blocks as v [node, scenario] complex64, from scenario `first` on.

    d    [block, 2 · row, LANES];  row [node], negative where the voltage is held;  v0 [node]
    """
    count = v.shape[1]
    for b in range(d.shape[0]):
        begin = first + b * LANES
        lanes = min(LANES, count - begin)
        for n in range(row.size):
            r = row[n]
            for k in range(lanes):
                if r < 0:
                    v[n, begin + k] = np.complex64(v0[n])
                else:
                    v[n, begin + k] = np.complex64(v0[n].real + d[b, 2 * r, k] + 1j * (v0[n].imag + d[b, 2 * r + 1, k]))
