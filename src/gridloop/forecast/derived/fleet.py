"""Fleet: quantiles of the sum of plants, by a Gaussian copula on the ranks of what came in its own forecasts.

Quantiles do not add up: the P90 of a sum is the sum of the P90s only where all plants err together. How far they do is
learned from ranks — the probability that each plant's forecast gave to what came — which are alike for large and small
plants and for noon and dusk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, OutOfRange, listed
from gridloop.forecast.models.level_boosting import Curve
from gridloop.forecast.scenarios.dependence import positive
from gridloop.forecast.value import Forecast
from gridloop.units import FloatArray

LEAST_RANKS = 30
"""Moments at which two plants have a rank, below which their correlation is not learned."""

SHRINK = 10.0
"""Moments without correlation that are believed in advance."""

MODEL = "fleet"
DRAWS = 2000


@dataclass(frozen=True)
class Fleet:
    """Plants and how their errors go together.

    points       [plant]
    correlation  [plant, plant] of the ranks as normal scores; symmetric, ones on the diagonal

    Raises `OutOfRange` where the matrix is none of a correlation.
    """

    points: tuple[str, ...]
    correlation: FloatArray

    def __post_init__(self) -> None:
        matrix = np.asarray(self.correlation, dtype=float)
        size = len(self.points)
        rounding = 1e-9  # of a matrix that was written down and read again
        if (
            matrix.shape != (size, size)
            or not np.isfinite(matrix).all()
            or np.abs(matrix - matrix.T).max(initial=0.0) > rounding
            or np.abs(np.diag(matrix) - 1.0).max(initial=0.0) > rounding
            or np.linalg.eigvalsh(matrix).min(initial=0.0) < -1e-6
        ):
            raise OutOfRange(
                f"fleet: the correlation of {size} plants must be {size} × {size}, symmetric, with ones on the "
                "diagonal and no negative eigenvalue. Learn it with Fleet.learned.",
                points=list(self.points),
            )

    @classmethod
    def learned(cls, ranks: pd.DataFrame) -> Fleet:
        """From ranks [moment × plant], 0 … 1, NaN where a plant has none (at night, or nothing came).

        Raises `GapInSeries` where a plant has fewer than `LEAST_RANKS` together with another.
        """
        from scipy.special import ndtri

        values = ranks.to_numpy(dtype=float)
        edge = 0.5 / max(1, len(values))
        score = ndtri(np.clip(values, edge, 1.0 - edge))
        known = np.isfinite(score)
        together = known.astype(float).T @ known.astype(float)
        thin = [str(p) for k, p in enumerate(ranks.columns) if together[k].min() < LEAST_RANKS]
        if thin:
            raise GapInSeries(
                f"fleet: {listed(thin)} have fewer than {LEAST_RANKS} ranks together with the others. Give more days.",
                points=thin,
            )
        filled = np.where(known, score, 0.0)
        cover = filled.T @ filled / (together + SHRINK)
        power = np.sqrt((filled**2).T @ known / (together + SHRINK))
        raw = cover / np.maximum(power * power.T, 1e-12)
        shrunk = raw * together / (together + SHRINK)
        np.fill_diagonal(shrunk, 1.0)  # a plant goes with itself, however few its ranks
        return cls(tuple(str(p) for p in ranks.columns), positive(shrunk))

    def total(self, forecast: Forecast, *, name: str, rng: np.random.Generator, draws: int = DRAWS) -> Forecast:
        """Quantiles of the sum, one point called `name`, at the levels of the forecast.

        forecast  holds all plants of the fleet; more levels make better tails. What a plant takes from the grid counts
                  as zero: not for net load or anything else that may be negative
        Raises `OutOfRange` where a plant has no forecast.
        """
        missing = [p for p in self.points if p not in forecast.points]
        if missing:
            raise OutOfRange(f"fleet: {listed(missing)} have no forecast; there are {listed(forecast.points)}.")
        uniform = self.draw(draws, rng)
        values = forecast.every()
        levels = forecast.levels
        total = np.zeros((values.shape[1], draws))
        for k, point in enumerate(self.points):
            knots = values[:, :, forecast.points.index(point)].T
            total += np.maximum(Curve.through(levels, knots).at(uniform[k]).T, 0.0)
        quantiles = np.quantile(total, levels, axis=1)[:, :, None]
        return Forecast.from_arrays(
            forecast.issued_at, [name], forecast.valid_at, quantiles, {name: MODEL}, levels=levels.tolist()
        )

    def draw(self, draws: int, rng: np.random.Generator) -> FloatArray:
        """Ranks that go together as the plants' do. [plant, draw] 0 … 1"""
        from scipy.special import ndtr

        value, vector = np.linalg.eigh(np.asarray(self.correlation, dtype=float))
        root = vector * np.sqrt(np.maximum(value, 0.0))
        ranks: FloatArray = ndtr(root @ rng.standard_normal((len(self.points), draws)))
        return ranks


def ranks_of(forecasts: Sequence[Forecast], actual: pd.DataFrame) -> pd.DataFrame:
    """Rank of what came in each forecast: (issued_at, valid_at) × point, NaN at night and where nothing came.

    actual  UTC valid_at × point [MW]
    """
    tables = []
    for forecast in forecasts:
        came = actual.reindex(index=forecast.valid_at, columns=forecast.points).to_numpy(dtype=float)
        values = forecast.every()
        ranks = [Curve.through(forecast.levels, values[:, :, k].T).rank(came[:, k]) for k in range(came.shape[1])]
        table = np.where(values[-1] > 0.0, np.stack(ranks, axis=1), np.nan)
        index = pd.MultiIndex.from_product([[forecast.issued_at], forecast.valid_at], names=["issued_at", "valid_at"])
        tables.append(pd.DataFrame(table, index=index, columns=forecast.points))
    return pd.concat(tables)
