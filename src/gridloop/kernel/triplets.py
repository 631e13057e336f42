"""Products of symmetric matrices that are given by the triplets of their lower triangle."""

from __future__ import annotations

from gridloop.kernel.compiled import outer


@outer
def multiply(row, col, value, x, out):
    """out += A x.  row, col, value [entry] of the lower triangle, entries of one place add up; x, out [row]"""
    for k in range(row.size):
        i, j = row[k], col[k]
        out[i] += value[k] * x[j]
        if i != j:
            out[j] += value[k] * x[i]
