"""Change-point models: how daily energy follows the outdoor temperature T, and which bend the record supports.

    mean  b                                   nothing follows T
    2P    b + s T
    3PH   b + h · max(0, P − T)               heating below a change point P, h ≥ 0
    3PC   b + c · max(0, T − P)               cooling above it, c ≥ 0
    4P    b + h · max(0, P − T) + c · max(0, T − P)           two slopes that meet, of any sign
    5P    b + h · max(0, P − T) + c · max(0, T − Q), P ≤ Q    heating, a flat middle, cooling

(Kissock, Haberl & Claridge, Inverse Modeling Toolkit, ASHRAE RP-1050, 2003.) Given its change points a model is linear,
so that they are searched on a grid of the temperatures there were, and then finer around the best. Which model counts
is decided by Schwarz's criterion, n ln(SSE / n) + k ln n with change points counted in k; a slope of the wrong sign
takes a model out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from gridloop.units import FloatArray

MODELS = ("mean", "2P", "3PH", "3PC", "4P", "5P")
POINTS = {"mean": 0, "2P": 0, "3PH": 1, "3PC": 1, "4P": 1, "5P": 2}
# Change points are looked for between these shares of the days: with less on one side a slope rests on a few days.
WITHIN = (0.10, 0.90)
GRID = {0: 0, 1: 33, 2: 15}
FINER = 3  # rounds, each a fifth as wide


@dataclass(frozen=True, eq=False)
class Bend:
    """A model of temperature with its change points, beside columns that are linear anyway.

    names   of the temperature's columns; points of the change points [°C]
    sse, k  of the whole fit: squares of what is left, and parameters with change points
    """

    model: str
    names: tuple[str, ...]
    points: tuple[float, ...]
    coefficients: FloatArray
    sse: float
    k: int

    def criterion(self, n: int) -> float:
        """Schwarz's."""
        return n * float(np.log(max(self.sse, 1e-300) / n)) + self.k * float(np.log(n))


def columns(model: str, t: FloatArray, points: tuple[float, ...]) -> tuple[tuple[str, ...], FloatArray]:
    """Names and columns of a model. [day, column]"""
    if model == "mean":
        return (), np.zeros((t.size, 0))
    if model == "2P":
        return ("temperature",), t[:, None]
    low, high = points[0], points[-1]
    heat, cool = np.clip(low - t, 0, None), np.clip(t - high, 0, None)
    if model == "3PH":
        return ("heating",), heat[:, None]
    if model == "3PC":
        return ("cooling",), cool[:, None]
    return ("heating", "cooling"), np.column_stack([heat, cool])


def by_points(model: str, t: FloatArray, points: tuple[float, ...], slopes: FloatArray) -> FloatArray:
    """Change of the prediction per °C of each change point: their uncertainty is the saving's too. [day, point]"""
    if not points:
        return np.zeros((t.size, 0))
    below, above = (t < points[0]).astype(float), (t > points[-1]).astype(float)
    if model == "3PH":
        return np.asarray(slopes[0] * below[:, None])
    if model == "3PC":
        return np.asarray(-slopes[0] * above[:, None])
    if model == "4P":
        return np.asarray((slopes[0] * below - slopes[1] * above)[:, None])
    return np.column_stack([slopes[0] * below, -slopes[1] * above])


def bend(model: str, y: FloatArray, fixed: FloatArray, t: FloatArray) -> Bend | None:
    """The best change points of a model; None where a slope has the wrong sign or days do not tell.

    y [day]; fixed [day, column] linear columns with the constant; t [day] °C
    """
    n_points = POINTS[model]
    low, high = np.quantile(t, WITHIN)
    if n_points and not high > low:
        return None
    best = _searched(model, y, fixed, t, np.linspace(low, high, GRID[n_points]), n_points)
    if best is None or not n_points:
        return best
    width = (high - low) / (GRID[n_points] - 1)
    for _ in range(FINER):
        for moved in _near(best.points, width, low, high):
            found = _at(model, y, fixed, t, moved)
            if found is not None and found.sse < best.sse:
                best = found
        width /= 5
    return best


def _searched(
    model: str, y: FloatArray, fixed: FloatArray, t: FloatArray, grid: FloatArray, n_points: int
) -> Bend | None:
    found = [_at(model, y, fixed, t, points) for points in combinations_with_replacement(map(float, grid), n_points)]
    known = [each for each in found if each is not None]
    return min(known, key=lambda each: each.sse, default=None)


def _near(points: tuple[float, ...], width: float, low: float, high: float) -> list[tuple[float, ...]]:
    """Change points around the best, in fifths of the grid before."""
    steps = np.linspace(-1, 1, 11) * width
    each = [np.clip(point + steps, low, high) for point in points]
    if len(each) == 1:
        return [(float(p),) for p in each[0]]
    return [(float(p), float(q)) for p in each[0] for q in each[1] if p <= q]


def _at(model: str, y: FloatArray, fixed: FloatArray, t: FloatArray, points: tuple[float, ...]) -> Bend | None:
    """Least squares at given change points."""
    names, own = columns(model, t, points)
    x = np.hstack([fixed, own])
    # Columns of one size: squares of 30 °C beside ones cost digits otherwise.
    size = np.maximum(np.abs(x).max(axis=0), 1e-12)
    b, _, rank, _ = np.linalg.lstsq(x / size, y, rcond=1e-10)
    if rank < x.shape[1]:
        return None
    slopes = (b / size)[fixed.shape[1] :]
    if model in ("3PH", "3PC", "5P") and (slopes < 0).any():
        return None
    left = y - x @ (b / size)
    return Bend(model, names, points, b / size, float(left @ left), x.shape[1] + len(points))
