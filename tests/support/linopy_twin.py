"""The slow twin of `LabelledModel`: the same calls, written to a model of linopy."""

from __future__ import annotations

from typing import Any

import linopy
import numpy as np
import xarray as xr

TERM = "_term"  # linopy's name for the dimension of the terms in a sum


class LinopyTwin:
    """Takes what `LabelledModel` takes; `matrices`, `variables` and `constraints` are linopy's."""

    def __init__(self) -> None:
        self.model = linopy.Model()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def add_variables(self, name, coords, lower, upper, present, whole=False):
        low, high, there = (xr.DataArray(np.array(v), coords=list(coords)) for v in (lower, upper, present))
        return self.model.add_variables(low, high, name=name, mask=None if present.all() else there, integer=whole)

    def add_rows(self, name, coords, labels, numbers, sign, right):
        dims = [str(index.name) for index in coords]
        data = xr.Dataset(
            {
                "coeffs": ((*dims, TERM), numbers),
                "vars": ((*dims, TERM), labels),
                "sign": (dims, np.full(right.shape, sign)),
                "rhs": (dims, right),
            },
            coords=dict(zip(dims, coords, strict=True)),
        )
        row = linopy.constraints.Constraint(data, self.model, name=name, skip_broadcast=True)
        return self.model.add_constraints(row, name=name)

    def minimize(self, labels, numbers):
        data = xr.Dataset({"coeffs": ((TERM,), numbers), "vars": ((TERM,), labels), "const": ((), 0.0)})
        self.model.add_objective(linopy.LinearExpression(data, self.model))
