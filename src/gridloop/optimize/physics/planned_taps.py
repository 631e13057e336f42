"""Taps that a plan moves: which transformers its changers have, where they stand now, where a plan puts them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange, listed
from gridloop.optimize.devices.group import TapTerm
from gridloop.optimize.physics.grid import Grid
from gridloop.units import FloatArray


class PlannedTaps:
    """All tap changers of a plan on one grid."""

    def __init__(self, grid: Grid, terms: Sequence[TapTerm], steps: int) -> None:
        """Raises `OutOfRange` where two changers move one transformer."""
        names = pd.Series([name for term in terms for group in term.transformers for name in group], dtype=object)
        doubled = sorted(set(names[names.duplicated()]))
        if doubled:
            raise OutOfRange(
                f"{len(doubled)} transformers are moved by two tap changers ({listed(doubled)}); "
                "give each to one of them.",
                transformers=doubled,
            )
        self.grid, self.terms, self.steps = grid, list(terms), steps

    def present(self) -> list[FloatArray]:
        """Positions as the grid has them, by term. [changer, step]"""
        first = [np.array([self.grid.present_tap(names[0]) for names in term.transformers]) for term in self.terms]
        return [np.repeat(column[:, None], self.steps, axis=1) for column in first]

    def positions(self, x: Sequence[FloatArray]) -> dict[str, FloatArray]:
        """Position of every transformer that a changer moves, from those of the changers. [step]"""
        return {
            name: at[k]
            for term, at in zip(self.terms, x, strict=True)
            for k, transformers in enumerate(term.transformers)
            for name in transformers
        }
