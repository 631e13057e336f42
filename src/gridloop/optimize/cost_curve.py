"""Cost curves given by points: the text in the table, its segments, and whether it is convex."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridloop.units import FloatArray

# Slopes of points that were rounded on paper may fall by this share of the largest slope and still count as convex.
_ROUNDED = 1e-9


@dataclass(frozen=True, eq=False)
class CostCurve:
    """A piecewise linear cost of power: its points in MW and money per hour, by rising power. [point]"""

    p_mw: FloatArray
    cost_per_h: FloatArray

    @property
    def slope(self) -> FloatArray:
        """Cost of one more MWh on every segment. [segment]"""
        return np.asarray(np.diff(self.cost_per_h) / np.diff(self.p_mw))

    @property
    def intercept(self) -> FloatArray:
        """Cost at 0 MW of the line through every segment: for a convex curve cost = max(intercept + slope · p).
        [segment]"""
        return np.asarray(self.cost_per_h[:-1] - self.slope * self.p_mw[:-1])

    @property
    def convex(self) -> bool:
        """True where no MWh is cheaper than one before it."""
        slope = self.slope
        return bool((np.diff(slope) >= -_ROUNDED * np.abs(slope).max(initial=1.0)).all())

    def at(self, p_mw: FloatArray | float) -> FloatArray:
        """Cost of a power; beyond the ends the first and the last segment go on. Money per hour"""
        lines = self.intercept[:, None] + self.slope[:, None] * np.atleast_1d(np.asarray(p_mw, dtype=float))
        return np.asarray(lines.max(axis=0))


def read_curve(text: str) -> CostCurve:
    """A curve from `MW:cost per hour; …`. Raises `ValueError` where it is none: fewer than two points, no numbers,
    power that does not rise."""
    pairs = [part.split(":") for part in text.split(";") if part.strip()]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"{text!r} is not of the form MW:cost;MW:cost")
    p, cost = (np.array([float(pair[k]) for pair in pairs]) for k in (0, 1))
    if p.size < 2 or not all(map(math.isfinite, [*p, *cost])) or not (np.diff(p) > 0).all():
        raise ValueError(f"{text!r} needs two or more finite points of rising power")
    return CostCurve(p, cost)


def read_curves(texts: pd.Series | Iterable[Any]) -> dict[int, CostCurve]:
    """Curves by position; a text that is empty or missing has none, and what cannot be read becomes a curve of no
    points."""
    curves: dict[int, CostCurve] = {}
    for k, text in enumerate(texts):
        if pd.isna(text) or text == "":
            continue
        try:
            curves[k] = read_curve(str(text))
        except ValueError:
            curves[k] = CostCurve(np.zeros(0), np.zeros(0))
    return curves
