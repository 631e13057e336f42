"""Gaussian copula: elements with distributions of their own whose normal scores are correlated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtri

from gridloop.errors import BadInput, GapInSeries, OutOfRange, listed
from gridloop.kernel.copula import correlate, from_table
from gridloop.kernel.random import normal_block
from gridloop.powerflow.study.samplers.streams import numbers, per_element, seed_word, stream
from gridloop.powerflow.study.solver import Solver, Values
from gridloop.units import FloatArray

# Scores beyond this do not come: `normal_block` reaches to 6.3 standard deviations.
_MOST = 6.5
# Entries per standard deviation of the table that is looked up.
_PER_SCORE = 64
_DATA_QUANTILES = 201


@dataclass(frozen=True)
class GaussianCopula:
    """Values of one key: marginals by quantile tables, dependence by a correlation matrix of normal scores.

    key            such as `load.p_mw`
    quantiles      [probability × element] values, columns by element id, index of rising probabilities between 0 and 1.
                   Between two of them a value is linear in the normal score (exact for normal marginals), beyond the
                   outer ones constant
    correlation    [element, element] of the normal scores, in the order of the columns; positive semidefinite
    factors_of     further keys → None to scale their nominal values by value / nominal of `key`, element by element

    Elements without a column keep their nominal values.
    """

    key: str
    quantiles: pd.DataFrame
    correlation: ArrayLike
    factors_of: Sequence[str] = ()

    @classmethod
    def from_data(cls, key: str, data: pd.DataFrame, *, factors_of: Sequence[str] = ()) -> GaussianCopula:
        """Marginals and correlation of recorded values: one row per moment, one column per element.

        The correlation is that of the normal scores of ranks (van der Waerden), which outliers do not bend.
        Raises `GapInSeries` where values are missing: fill them by name first.
        """
        missing = int(data.isna().to_numpy().sum())
        if missing:
            raise GapInSeries(f"{missing} of {data.size} values are missing; drop those moments, or fill them by name.")
        if len(data) < 3:
            raise BadInput(f"A copula needs at least 3 moments of data, not {len(data)}.")
        steps = (np.arange(_DATA_QUANTILES) + 0.5) / _DATA_QUANTILES
        quantiles = pd.DataFrame(data.quantile(steps).to_numpy(dtype=float), index=steps, columns=data.columns)
        scores = ndtri((data.rank().to_numpy(dtype=float) - 0.5) / len(data))
        spread = scores.std(axis=0)
        scores = (scores - scores.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        correlation = scores.T @ scores / len(data)
        np.fill_diagonal(correlation, 1.0)
        return cls(key, quantiles, correlation, factors_of)

    @property
    def size(self) -> int | None:
        return None

    def bind(self, solver: Solver, seed: int) -> CopulaDraws:
        """Raises `BadInput` and `OutOfRange` for unknown elements and for tables that are none."""
        ids, nominal = solver.elements(self.key), solver.nominal(self.key)
        unknown = [str(i) for i in self.quantiles.columns.difference(ids)]
        if unknown or not len(self.quantiles.columns) or self.quantiles.columns.has_duplicates:
            raise BadInput(
                f"Columns of quantiles must be distinct elements of {self.key}; unknown: {listed(unknown) or 'none'}.",
                ids=unknown,
            )
        scale = {}
        for other in self.factors_of:
            if not solver.elements(other).equals(ids):
                raise BadInput(f"{other!r} speaks of other elements than {self.key!r}: it cannot follow it.")
            mine = per_element(other, solver.nominal(other), ids)
            with np.errstate(divide="ignore", invalid="ignore"):
                scale[other] = np.where(nominal != 0, mine / nominal, 0.0)
        return CopulaDraws(
            seed=seed_word(seed),
            key=self.key,
            nominal=nominal,
            rows=ids.get_indexer(self.quantiles.columns),
            lower=_factor(
                numbers("correlation", self.correlation, low=-1 - 1e-9, high=1 + 1e-9), self.quantiles.columns
            ),
            table=_table(self.quantiles),
            scale=scale,
        )


def _factor(correlation: FloatArray, columns: pd.Index) -> FloatArray:
    """Lower triangle whose product with its transpose is the correlation. [element, element]

    Data give matrices that are singular, or that miss being semidefinite by their rounding: up to 1e-6 is put onto the
    diagonal and taken off again by scaling, which moves no correlation by more than that.
    """
    n = len(columns)
    if correlation.shape != (n, n) or not np.allclose(correlation, correlation.T, rtol=0, atol=1e-9):
        raise BadInput(
            f"The correlation must be a symmetric matrix of {n} × {n}, not of the shape {correlation.shape}."
        )
    if not np.allclose(np.diag(correlation), 1.0, rtol=0, atol=1e-9):
        raise OutOfRange("The correlation of an element with itself must be 1.")
    for more in (0.0, 1e-12, 1e-9, 1e-6):
        try:
            return np.asarray(np.linalg.cholesky((correlation + more * np.eye(n)) / (1.0 + more)), dtype=float)
        except np.linalg.LinAlgError:
            continue
    least = float(np.linalg.eigvalsh(correlation)[0])
    raise OutOfRange(
        f"The correlation has the eigenvalue {least:.3g}; no numbers are correlated like that. Take one from data, "
        "or clip its eigenvalues at zero and scale its diagonal back to 1.",
        eigenvalue=least,
    )


def _table(quantiles: pd.DataFrame) -> FloatArray:
    """Values at equal steps of the normal score. [element, entry]"""
    p = numbers("probabilities of the quantiles", quantiles.index.to_numpy(), low=0.0, high=1.0)
    values = numbers("quantiles", quantiles.to_numpy())
    if (np.diff(p) <= 0).any() or (p <= 0).any() or (p >= 1).any():
        raise OutOfRange("The probabilities of the quantiles must rise, above 0 and below 1.")
    if (np.diff(values, axis=0) < 0).any():
        falling = quantiles.columns[np.flatnonzero((np.diff(values, axis=0) < 0).any(axis=0))]
        raise OutOfRange(f"Quantiles must not fall: they do for {listed([str(i) for i in falling])}.")
    scores = np.linspace(-_MOST, _MOST, int(2 * _MOST * _PER_SCORE) + 1)
    return np.stack([np.interp(scores, ndtri(p), column) for column in values.T])


@dataclass(frozen=True)
class CopulaDraws:
    """A copula bound to the elements of a solver."""

    seed: np.uint64
    key: str
    nominal: FloatArray
    rows: Any
    lower: FloatArray
    table: FloatArray
    scale: dict[str, FloatArray]

    def draw(self, first: int, count: int) -> Values:
        """Values of scenarios in a row. [element, scenario] per key"""
        z, y = np.empty((self.rows.size, count)), np.empty((self.rows.size, count))
        normal_block(self.seed, stream("copula"), np.uint64(0), np.uint64(first), z)
        correlate(self.lower, z, y)
        from_table(self.table, _MOST, y)
        values = np.repeat(self.nominal[:, None], count, axis=1)
        values[self.rows] = y
        return {self.key: values} | {other: values * factor[:, None] for other, factor in self.scale.items()}
