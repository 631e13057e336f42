"""Variables, sums and rows of a plan's model from arrays, in the order of their coordinates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridloop.optimize.labelled_model import LabelledModel, Members
from gridloop.units import BoolArray, FloatArray, IntArray

Coords = Sequence["pd.Index[Any]"]  # named indexes: one per axis

NO_VARIABLE = -1  # the label where a variable is left out


@dataclass(frozen=True)
class Sum:
    """Σ coefficient · variable. labels, coefficients [term]; a label of `NO_VARIABLE` counts as zero."""

    labels: IntArray
    coefficients: FloatArray

    @classmethod
    def of(cls, *parts: tuple[Members, FloatArray | float]) -> Sum:
        """Sum over all elements of variables, each weighted by an array of its shape or one that broadcasts to it."""
        labels = [variable.labels.values for variable, _ in parts]
        weights = [np.broadcast_to(w, found.shape).ravel() for (_, w), found in zip(parts, labels, strict=True)]
        return cls(np.concatenate([found.ravel() for found in labels]), np.concatenate(weights).astype(float))


def add_variables(
    model: LabelledModel,
    name: str,
    coords: Coords,
    lower: FloatArray | float,
    upper: FloatArray | float,
    present: BoolArray | None = None,
    *,
    whole: bool = False,
) -> Members:
    """Variables over named coordinates; where `present` is False there is none. whole: they take whole numbers only."""
    shape = tuple(len(index) for index in coords)
    low, high = (np.broadcast_to(np.asarray(values, dtype=float), shape) for values in (lower, upper))
    there = np.ones(shape, dtype=bool) if present is None else np.broadcast_to(present, shape)
    return model.add_variables(name, coords, low, high, there, whole)


def add_rows(
    model: LabelledModel,
    name: str,
    coords: Coords,
    terms: Sequence[tuple[IntArray, FloatArray | float]],
    sign: str,
    right: FloatArray | float,
) -> Members:
    """Constraints over named coordinates: Σ terms  (= | <= | >=)  right.

    terms  (labels, coefficients); labels have the shape of the coordinates, or one axis more at the end for a sum
           along it; coefficients broadcast to the labels

    Raises `ValueError` where a number is missing.
    """
    shape = tuple(len(index) for index in coords)
    dims = [str(index.name) for index in coords]
    wide = [labels if labels.ndim > len(shape) else labels[..., None] for labels, _ in terms]
    numbers = [
        np.broadcast_to(c if labels.ndim > len(shape) else np.asarray(c)[..., None], wider.shape)
        for (labels, c), wider in zip(terms, wide, strict=True)
    ]
    right = np.broadcast_to(np.asarray(right, dtype=float), shape)
    missing = np.isnan(right)
    for labels, weights in zip(wide, numbers, strict=True):
        missing = missing | (np.isnan(weights) & (labels != NO_VARIABLE)).any(axis=-1)
    if missing.any():
        first = [index[int(k)] for index, k in zip(coords, np.argwhere(missing)[0], strict=True)]
        where = ", ".join(f"{dim} {label}" for dim, label in zip(dims, first, strict=True))
        raise ValueError(f"{int(missing.sum())} of {missing.size} rows {name} lack a number (first at {where})")
    return model.add_rows(
        name, coords, np.concatenate(wide, axis=-1), np.concatenate(numbers, axis=-1).astype(float), sign, right
    )


def minimize(model: LabelledModel, parts: Iterable[Sum]) -> None:
    """Set the objective to the sum of the parts; each variable enters once."""
    parts = list(parts)
    labels = np.concatenate([part.labels for part in parts])
    weights = np.concatenate([part.coefficients for part in parts])
    known = labels != NO_VARIABLE
    total = np.bincount(labels[known], weights=weights[known])
    used = np.flatnonzero(total)
    model.minimize(used.astype(np.int64), total[used].astype(float))


def one_step_earlier(labels: IntArray) -> IntArray:
    """Labels [device, step] moved one step later, so that each stands where its successor is decided."""
    before = np.full_like(labels, NO_VARIABLE)
    before[:, 1:] = labels[:, :-1]
    return before
