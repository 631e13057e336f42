"""A linear model whose costs change between solves: the same rows, asked again at another price."""

from __future__ import annotations

import numpy as np

from gridloop.optimize.solve.linear import Session
from gridloop.units import FloatArray, IntArray


class RepricedSession(Session):
    """A `Session` that starts from the last basis after a change of costs, as after one of bounds."""

    def reprice(self, labels: IntArray, coefficients: FloatArray) -> None:
        """Set the cost per unit of variables. labels, coefficients [variable]: labels, each at most once"""
        columns = self._column_of[labels].astype(np.int32)
        self._highs.changeColsCost(columns.size, columns, np.asarray(coefficients, dtype=float))
        if self._search is not None:
            self._search.forget()
