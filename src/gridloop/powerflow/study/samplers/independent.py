"""Independent: every element times a factor of its own, uniform, normal or log-normal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridloop.errors import BadInput, OutOfRange
from gridloop.kernel.normal import exponential
from gridloop.kernel.random import normal_block, uniform_block
from gridloop.powerflow.study.samplers.streams import per_element, seed_word, stream
from gridloop.powerflow.study.solver import Solver, Values
from gridloop.units import FloatArray


@dataclass(frozen=True)
class Uniform:
    """A factor anywhere between `low` and `high`; each a number, one per element, or a Series by id."""

    low: Any
    high: Any


@dataclass(frozen=True)
class Normal:
    """A factor normal about `mean`; it may be negative, and a wide one often is."""

    sd: Any
    mean: Any = 1.0


@dataclass(frozen=True)
class LogNormal:
    """A positive factor whose logarithm is normal with the standard deviation `sd` about log `median`."""

    sd: Any
    median: Any = 1.0


Factor = Uniform | Normal | LogNormal


@dataclass(frozen=True)
class Independent:
    """Nominal values times independent factors.

    factors  key such as `load.p_mw` → the distribution of its factors
    tied     key → key of `factors` whose very factors it takes too: {"load.q_mvar": "load.p_mw"} keeps power factors
    """

    factors: Mapping[str, Factor]
    tied: Mapping[str, str] | None = None

    @property
    def size(self) -> int | None:
        return None

    def bind(self, solver: Solver, seed: int) -> IndependentDraws:
        """Raises `BadInput` and `OutOfRange` for what cannot vary or has no sense."""
        word = seed_word(seed)
        rows = [_row(solver, key, key, factor) for key, factor in self.factors.items()]
        for key, other in (self.tied or {}).items():
            if other not in self.factors or key in self.factors:
                raise BadInput(
                    f"{key!r} is tied to {other!r}: tie a key that has no factors of its own to one that has "
                    f"({', '.join(self.factors)})."
                )
            if not solver.elements(key).equals(solver.elements(other)):
                raise BadInput(f"{key!r} and {other!r} speak of other elements: they cannot share factors.")
            rows.append(_row(solver, key, other, self.factors[other]))
        if not rows:
            raise BadInput("Nothing varies: name at least one key, such as {'load.p_mw': Uniform(0.8, 1.2)}.")
        return IndependentDraws(word, tuple(rows))


@dataclass(frozen=True)
class _Row:
    """One key: its nominal values, its stream, and the two numbers of its distribution. Arrays [element]"""

    key: str
    nominal: FloatArray
    stream: np.uint64
    kind: str
    a: FloatArray
    b: FloatArray


def _row(solver: Solver, key: str, source: str, factor: Factor) -> _Row:
    ids = solver.elements(key)
    if isinstance(factor, Uniform):
        a, b = per_element(f"{key} low", factor.low, ids), per_element(f"{key} high", factor.high, ids)
        if (b < a).any():
            raise OutOfRange(f"{key}: {int((b < a).sum())} elements have a low above their high; swap them.", key=key)
        return _Row(key, solver.nominal(key), stream(source), "uniform", a, b - a)
    if isinstance(factor, Normal):
        a, b, kind = per_element(f"{key} mean", factor.mean, ids), per_element(f"{key} sd", factor.sd, ids), "normal"
    elif isinstance(factor, LogNormal):
        median = per_element(f"{key} median", factor.median, ids)
        if not (median > 0).all():
            raise OutOfRange(f"{key}: the median of a log-normal factor must be above zero.", key=key)
        a, b, kind = np.log(median), per_element(f"{key} sd", factor.sd, ids), "lognormal"
    else:
        raise BadInput(f"{key}: {factor!r} is no factor; take Uniform, Normal or LogNormal.", key=key)
    if (b < 0).any():
        raise OutOfRange(f"{key}: {int((b < 0).sum())} standard deviations are negative.", key=key)
    return _Row(key, solver.nominal(key), stream(source), kind, a, b)


@dataclass(frozen=True)
class IndependentDraws:
    """Factors bound to the elements of a solver."""

    seed: np.uint64
    rows: tuple[_Row, ...]

    def draw(self, first: int, count: int) -> Values:
        """Values of scenarios in a row. [element, scenario] per key"""
        factors: dict[int, FloatArray] = {}
        drawn = {}
        for row in self.rows:
            if int(row.stream) not in factors:
                factors[int(row.stream)] = self._factors(row, first, count)
            drawn[row.key] = factors[int(row.stream)] * row.nominal[:, None]
        return drawn

    def _factors(self, row: _Row, first: int, count: int) -> FloatArray:
        """Factors of one stream. [element, scenario]"""
        x = np.empty((row.nominal.size, count))
        fill = uniform_block if row.kind == "uniform" else normal_block
        fill(self.seed, row.stream, np.uint64(0), np.uint64(first), x)
        x *= row.b[:, None]
        x += row.a[:, None]
        if row.kind == "lognormal":
            exponential(x.reshape(-1))
        return x
