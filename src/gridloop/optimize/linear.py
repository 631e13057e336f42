"""Variables, sums and rows of a linear model from plain arrays, in the order of their coordinates.

linopy keeps the model and the names of its parts. What it would align by label stands in the same order here already,
and skipping that makes building a plan's model several times quicker. A `PlainModel` in its place takes the same
numbers without its coordinates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import linopy
import numpy as np
import pandas as pd
import xarray as xr

from gridloop.optimize.plain_model import PlainModel
from gridloop.units import BoolArray, FloatArray, IntArray

Coords = Sequence["pd.Index[Any]"]  # named indexes: one per axis

NO_VARIABLE = -1  # linopy's label where a variable is masked
TERM = "_term"  # linopy's name for the dimension of the terms in a sum


@dataclass(frozen=True)
class Sum:
    """Σ coefficient · variable. labels, coefficients [term]; a label of `NO_VARIABLE` counts as zero."""

    labels: IntArray
    coefficients: FloatArray

    @classmethod
    def of(cls, *parts: tuple[linopy.Variable, FloatArray | float]) -> Sum:
        """Sum over all elements of variables, each weighted by an array of its shape or one that broadcasts to it."""
        labels = [variable.labels.values for variable, _ in parts]
        weights = [np.broadcast_to(w, found.shape).ravel() for (_, w), found in zip(parts, labels, strict=True)]
        return cls(np.concatenate([found.ravel() for found in labels]), np.concatenate(weights).astype(float))


def add_variables(
    model: linopy.Model,
    name: str,
    coords: Coords,
    lower: FloatArray | float,
    upper: FloatArray | float,
    present: BoolArray | None = None,
) -> linopy.Variable:
    """Variables over named coordinates; where `present` is False there is none."""
    shape = tuple(len(index) for index in coords)
    if isinstance(model, PlainModel):
        bounds = [np.broadcast_to(np.asarray(values, dtype=float), shape) for values in (lower, upper)]
        there = np.ones(shape, dtype=bool) if present is None else np.broadcast_to(present, shape)
        return cast("linopy.Variable", model.place_variables(name, coords, bounds[0], bounds[1], there))

    def over_coords(values: FloatArray | BoolArray | float, dtype: type) -> xr.DataArray:
        return xr.DataArray(np.broadcast_to(np.asarray(values, dtype=dtype), shape), coords=list(coords))

    mask = None if present is None else over_coords(present, bool)
    return model.add_variables(over_coords(lower, float), over_coords(upper, float), name=name, mask=mask)


def add_rows(
    model: linopy.Model,
    name: str,
    coords: Coords,
    terms: Sequence[tuple[IntArray, FloatArray | float]],
    sign: str,
    right: FloatArray | float,
) -> linopy.constraints.Constraint:
    """Constraints over named coordinates: Σ terms  (= | <= | >=)  right.

    terms  (labels, coefficients); labels have the shape of the coordinates, or one axis more at the end for a sum
           along it; coefficients broadcast to the labels

    Raises `ValueError` where a number is missing: linopy would leave such a row out without a word.
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
    if isinstance(model, PlainModel):
        every = np.concatenate(wide, axis=-1), np.concatenate(numbers, axis=-1).astype(float)
        return cast("linopy.constraints.Constraint", model.place_rows(name, coords, *every, sign, right))
    data = xr.Dataset(
        {
            "coeffs": ((*dims, TERM), np.concatenate(numbers, axis=-1).astype(float)),
            "vars": ((*dims, TERM), np.concatenate(wide, axis=-1)),
            "sign": (dims, np.full(shape, sign)),
            "rhs": (dims, right),
        },
        coords=dict(zip(dims, coords, strict=True)),
    )
    row = linopy.constraints.Constraint(data, model, name=name, skip_broadcast=True)
    added = model.add_constraints(row, name=name)
    assert isinstance(added, linopy.constraints.Constraint)  # only a frozen model gives another class
    return added


def minimize(model: linopy.Model, parts: Iterable[Sum]) -> None:
    """Set the objective to the sum of the parts; each variable enters once."""
    parts = list(parts)
    labels = np.concatenate([part.labels for part in parts])
    weights = np.concatenate([part.coefficients for part in parts])
    known = labels != NO_VARIABLE
    total = np.bincount(labels[known], weights=weights[known])
    used = np.flatnonzero(total)
    if isinstance(model, PlainModel):
        model.minimize(used, total[used])
        return
    data = xr.Dataset({"coeffs": ((TERM,), total[used]), "vars": ((TERM,), used), "const": ((), 0.0)})
    model.add_objective(linopy.LinearExpression(data, model))


def one_step_earlier(labels: IntArray) -> IntArray:
    """Labels [device, step] moved one step later, so that each stands where its successor is decided."""
    before = np.full_like(labels, NO_VARIABLE)
    before[:, 1:] = labels[:, :-1]
    return before
