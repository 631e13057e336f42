"""Correlated numbers with distributions of their own: a triangular product and a table of quantiles.

A matrix product of a library may add in another order for another number of columns; this one adds in the order of the
columns of the factor, whatever stands beside a scenario, so that each one comes out the same in any block.
"""

from __future__ import annotations

from typing import Any

from gridloop.kernel.compiled import inner, outer

_COLUMNS = 256


@inner
def _add_scaled(factor: Any, z: Any, y: Any) -> None:
    """Add factor · z to y. z, y [k]"""
    for k in range(y.size):
        y[k] += factor * z[k]


@outer
def correlate(lower: Any, z: Any, y: Any) -> None:
    """y = lower · z.

    lower  [element, element]  lower triangle, as of Cholesky
    z      [element, scenario]  independent numbers
    y      [element, scenario]  written here
    """
    # A few scenarios at a time, so that their rows of z stay in the cache for all elements.
    for begin in range(0, z.shape[1], _COLUMNS):
        end = min(begin + _COLUMNS, z.shape[1])
        for i in range(z.shape[0]):
            here = y[i, begin:end]
            here[:] = 0.0
            for j in range(i + 1):
                if lower[i, j] != 0.0:
                    _add_scaled(lower[i, j], z[j, begin:end], here)


@outer
def from_table(table: Any, most: Any, y: Any) -> None:
    """Replace normal scores by the values of a table, linear between its entries and constant beyond them.

    table  [element, entry]  value at scores −most … most in equal steps
    y      [element, scenario]  normal scores; overwritten with values
    """
    last = table.shape[1] - 1
    per_score = last / (2.0 * most)
    for i in range(y.shape[0]):
        row = table[i]
        for k in range(y.shape[1]):
            place = (y[i, k] + most) * per_score
            place = min(max(place, 0.0), float(last))
            at = min(int(place), last - 1)
            share = place - at
            y[i, k] = row[at] * (1.0 - share) + row[at + 1] * share
