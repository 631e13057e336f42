"""Samplers: how scenarios come about. Each says what varies; bound to a solver and a seed, it draws any block alone.

A sampler is a description: frozen, comparable, without randomness. `bind` resolves elements and nominal values and
gives `Draws`. There, `draw(first, count)` is a pure function: a scenario is the same bit for bit in every block that
holds it.
"""

from __future__ import annotations

from typing import Protocol

from gridloop.powerflow.study.samplers.adoption import Adoption
from gridloop.powerflow.study.samplers.copula import GaussianCopula
from gridloop.powerflow.study.samplers.independent import Independent, LogNormal, Normal, Uniform
from gridloop.powerflow.study.solver import Solver, Values

__all__ = ["Adoption", "Draws", "GaussianCopula", "Independent", "LogNormal", "Normal", "Sampler", "Uniform"]


class Draws(Protocol):
    """A sampler bound to a solver and a seed. It can be pickled, and several threads may draw at once."""

    def draw(self, first: int, count: int) -> Values:
        """Values of the scenarios first … first + count − 1. [element, scenario] per key"""
        ...


class Sampler(Protocol):
    """What varies between scenarios. `size` is how many scenarios there are, None where there is no end."""

    @property
    def size(self) -> int | None: ...

    def bind(self, solver: Solver, seed: int) -> Draws: ...
