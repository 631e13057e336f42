"""Design: the numbers that a model of one kind sees at each moment, and the units it answers in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gridloop.units import BoolArray, FloatArray


@dataclass(frozen=True)
class Design:
    """Inputs for every moment and point.

    columns  name → [moment], [moment, 1] or [moment, point]
    base     [moment, point] MW: where the answer starts from
    scale    [moment, point] MW: what one unit of the answer is; positive
    weight   [moment, point]: how much a row counts in training
    active   [moment, point]: False where the answer is known to be zero (the sun is down)
    sound    [moment, point]: False where the inputs are too thin for the model
    """

    columns: Mapping[str, FloatArray]
    base: FloatArray
    scale: FloatArray
    weight: FloatArray
    active: BoolArray
    sound: BoolArray

    def matrix(self) -> FloatArray:
        """[moment · point, column], float32: halves the work and costs no accuracy that a tree could see."""
        shape = self.scale.shape
        columns = [c[:, None] if c.ndim == 1 else c for c in self.columns.values()]
        matrix = np.empty((*shape, len(columns)), dtype=np.float32)
        for k, column in enumerate(columns):
            matrix[:, :, k] = column
        return matrix.reshape(-1, len(columns))
