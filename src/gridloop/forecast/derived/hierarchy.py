"""Hierarchy: forecasts of feeders, substations and the system made to add up.

Equations in docs/math/forecast-hierarchy.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from gridloop.errors import MissingColumn, OutOfRange, listed
from gridloop.forecast.value import QUANTILES, Forecast
from gridloop.units import FloatArray

Weights = Literal["structural", "shrinkage"]

LEAST_ERRORS = 10
"""Errors of each node below which a covariance is noise."""


@dataclass(frozen=True)
class Hierarchy:
    """Who adds up to whom.

    parents  node → the node it is a part of; a node that is nobody's part is a top, one without parts a leaf

    Raises `OutOfRange` where a node is a part of itself, however many steps away.
    """

    parents: Mapping[str, str]

    def __post_init__(self) -> None:
        for node in self.parents:
            seen, at = {node}, self.parents[node]
            while at in self.parents:
                if at in seen:
                    raise OutOfRange(
                        f"hierarchy: {at!r} is a part of itself ({listed(sorted(seen))}). A part has one whole, and "
                        "the way up ends.",
                        nodes=sorted(seen),
                    )
                seen.add(at)
                at = self.parents[at]

    @property
    def nodes(self) -> tuple[str, ...]:
        """All of them, sorted: the order of every array here."""
        return tuple(sorted({*self.parents, *self.parents.values()}))

    @property
    def leaves(self) -> tuple[str, ...]:
        """Those without parts, sorted."""
        wholes = set(self.parents.values())
        return tuple(node for node in self.nodes if node not in wholes)

    def summing(self) -> FloatArray:
        """S [node, leaf]: 1 where the leaf is the node or a part of it."""
        nodes, leaves = self.nodes, self.leaves
        sums = np.zeros((len(nodes), len(leaves)))
        for k, leaf in enumerate(leaves):
            at: str | None = leaf
            while at is not None:
                sums[nodes.index(at), k] = 1.0
                at = self.parents.get(at)
        return sums


@dataclass(frozen=True)
class Reconciler:
    """Forecasts that do not add up → the nearest ones that do, in the sense of the weights.

    gather  G [leaf, node]: leaves as combinations of all nodes' forecasts; G S = I
    """

    hierarchy: Hierarchy
    gather: FloatArray

    @classmethod
    def learn(
        cls, hierarchy: Hierarchy, errors: pd.DataFrame | None = None, *, weights: Weights = "shrinkage"
    ) -> Reconciler:
        """Weights from how far each node was off.

        errors   time × node [MW], what came minus forecast, of forecasts that had not seen it; for "structural" none
        weights  "structural": the variance of a node is the number of its leaves. "shrinkage": MinT, the covariance of
                 the errors with correlations shrunk towards zero as far as their own uncertainty says

        Raises `MissingColumn` where a node has no errors, `OutOfRange` where there are fewer than ten rows.
        """
        sums = hierarchy.summing()
        if weights == "structural":
            return cls(hierarchy, _gather(sums, np.diag(sums.sum(axis=1))))
        if errors is None:
            raise OutOfRange('errors: the weights "shrinkage" need them. Give errors, or take weights="structural".')
        missing = [n for n in hierarchy.nodes if n not in errors.columns]
        if missing:
            raise MissingColumn(f"errors: {listed(missing)} have no column; every node needs one.", missing=missing)
        values = errors[list(hierarchy.nodes)].to_numpy(dtype=float)
        values = values[np.isfinite(values).all(axis=1)]
        if len(values) < LEAST_ERRORS:
            raise OutOfRange(
                f"errors: {len(values)} rows are known of all nodes; {LEAST_ERRORS} are needed. Take "
                'weights="structural" until there are more.',
                rows=len(values),
            )
        return cls(hierarchy, _gather(sums, shrunk_covariance(values)))

    def arrays(self, values: FloatArray) -> FloatArray:
        """values [node, …] MW in the order of `hierarchy.nodes`, such as [node, time, scenario]; adding up."""
        nodes = len(self.hierarchy.nodes)
        if len(values) != nodes:
            raise OutOfRange(f"hierarchy: {len(values)} rows for {nodes} nodes.", rows=len(values), nodes=nodes)
        together: FloatArray = np.tensordot(self.hierarchy.summing() @ self.gather, values, axes=1)
        # summed up once more, leaf by leaf, so that nothing but the rounding of one sum remains
        leaves = together[[self.hierarchy.nodes.index(leaf) for leaf in self.hierarchy.leaves]]
        added: FloatArray = np.tensordot(self.hierarchy.summing(), leaves, axes=1)
        return added

    def forecast(self, forecast: Forecast) -> Forecast:
        """A forecast whose medians add up; every node keeps its band around its median.

        P10 and P90 do not add up, and should not: feeders are seldom all low at once. Scenarios do, through `arrays`.
        Nothing stops at zero, for net load may be negative: what is moved down from 0 MW goes below. Where a node
        cannot be negative, cut its quantiles off; medians then add up but for what was cut.
        Raises `MissingColumn` where a node has no forecast.
        """
        missing = [n for n in self.hierarchy.nodes if n not in forecast.points]
        if missing:
            raise MissingColumn(f"forecast: {listed(missing)} are not in it; every node is needed.", missing=missing)
        column = [forecast.points.index(n) for n in self.hierarchy.nodes]
        every = forecast.every()
        middle = every[int(np.argmin(np.abs(forecast.levels - QUANTILES["p50"])))][:, column]
        moved = self.arrays(middle.T).T - middle
        values = every.copy()
        values[:, :, column] += moved
        nodes = self.hierarchy.nodes
        models = {str(p): f"{m}, reconciled" if p in nodes else str(m) for p, m in forecast.model.items()}
        return Forecast.from_arrays(
            forecast.issued_at, forecast.points, forecast.valid_at, values, models, levels=list(forecast.levels)
        )


def shrunk_covariance(errors: FloatArray) -> FloatArray:
    """Covariance of errors [time, node] around zero, its correlations shrunk. [node, node]

    The share of shrinking is the correlations' own variance over their squares (Schäfer and Strimmer 2005).
    """
    count = len(errors)
    size = np.sqrt((errors**2).mean(axis=0))
    size = np.where(size > 0.0, size, max(1e-9, float(size.max()) * 1e-6))
    z = errors / size
    products = z[:, :, None] * z[:, None, :]
    correlation = products.mean(axis=0)
    variance = ((products - correlation) ** 2).sum(axis=0) / (count * max(1, count - 1))
    off = ~np.eye(errors.shape[1], dtype=bool)
    squares = float((correlation[off] ** 2).sum())
    share = min(1.0, float(variance[off].sum()) / squares) if squares > 0.0 else 1.0
    shrunk = np.where(off, (1.0 - share) * correlation, 1.0)
    covariance: FloatArray = shrunk * size[:, None] * size[None, :]
    return covariance


def _gather(sums: FloatArray, covariance: FloatArray) -> FloatArray:
    """(Sᵀ W⁻¹ S)⁻¹ Sᵀ W⁻¹. [leaf, node]"""
    tiny = 1e-10 * np.trace(covariance) / len(covariance)  # alike nodes have no inverse
    weighed = np.linalg.solve(covariance + tiny * np.eye(len(covariance)), sums)
    return np.asarray(np.linalg.solve(sums.T @ weighed, weighed.T), dtype=float)
