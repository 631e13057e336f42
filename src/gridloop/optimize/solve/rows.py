"""What a caller tells a session after the model is written: further rows, decisions taken, and what contradicts."""

from __future__ import annotations

from dataclasses import dataclass

from gridloop.units import FloatArray, IntArray


@dataclass(frozen=True)
class Excess:
    """By how much rows may be exceeded, at a price per unit; rows that name the same one share it."""

    name: str
    price: float


@dataclass(frozen=True)
class Row:
    """One constraint added to a solved model: lower ≤ Σ coefficient · variable ≤ upper.

    labels  labels of the variables, each at most once
    excess  None for a hard row; otherwise how it may be exceeded; then one of the bounds is infinite
    """

    name: str
    labels: IntArray
    coefficients: FloatArray
    lower: float
    upper: float
    excess: Excess | None = None


@dataclass(frozen=True)
class Fix:
    """New bounds for variables: a decision taken between two solves, or before the first."""

    labels: IntArray
    lower: FloatArray
    upper: FloatArray


@dataclass(frozen=True)
class Conflict:
    """A minimal set of bounds and constraints that cannot hold together: labels, and names of added rows."""

    variables: IntArray
    constraints: IntArray
    rows: tuple[str, ...]
