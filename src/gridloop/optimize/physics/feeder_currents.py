"""Currents of a feeder that have a rating, as functionals of its voltages: in conductors of lines, in coils."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array, csr_array

from gridloop.powerflow.feeder.arrays import FeederArrays
from gridloop.powerflow.feeder.elements import coil_rating_ka, regulator_group
from gridloop.powerflow.feeder.nodes import GROUND
from gridloop.powerflow.feeder.primitives import Group
from gridloop.units import ComplexArray, FloatArray, IntArray

ENDS = 3  # a conductor has two ends, a unit of a transformer up to three coils


@dataclass(frozen=True)
class RatedCurrents:
    """Every conductor of a line with `i_max_ka`, and every unit of a transformer.

    ids      "line.phase", "transformer" or, where it has several units, "transformer.unit"
    current  [current, node]  complex functionals, kA per unit of voltage
    at       [element, 3]     row of the current at each end or coil; −1 where there is none
    rating   [element, 3]     kA
    """

    ids: pd.Index
    current: csr_array
    at: IntArray
    rating: FloatArray

    @classmethod
    def of(cls, arrays: FeederArrays, taps: FloatArray) -> RatedCurrents:
        """At these taps [control], which regulators' own currents depend on."""
        of_regulators = regulator_group(arrays, taps)  # type: ignore[arg-type]  # fractions for tangents
        moved = np.unique(arrays.units.row)
        line_ka = arrays.feeder.line["i_max_ka"].to_numpy(dtype=float)
        coil_ka = coil_rating_ka(arrays.feeder)
        ids: list[str] = []
        at: list[list[int]] = []
        rating: list[list[float]] = []
        rows: list[tuple[Group, int, int]] = []

        def add(name: str, group: Group, element: int, ends: list[int], limits: list[float]) -> None:
            blank = ENDS - len(ends)
            ids.append(name)
            at.append([*range(len(rows), len(rows) + len(ends)), *[-1] * blank])
            rating.append([*limits, *[np.nan] * blank])
            rows.extend((group, element, end) for end in ends)

        units = [(g, e) for g in (*arrays.groups, of_regulators) if g.table == "transformer" for e in range(g.row.size)]
        units = [(g, e) for g, e in units if g is of_regulators or g.row[e] not in moved]
        for group in arrays.groups:
            if group.table != "line":
                continue
            half = group.nodes.shape[1] // 2
            for e in np.flatnonzero(np.isfinite(line_ka[group.row])).tolist():
                line = arrays.feeder.line.index[group.row[e]]
                for k in np.flatnonzero(group.nodes[e, :half] != GROUND).tolist():
                    limit = float(line_ka[group.row[e]])
                    add(f"{line}.{arrays.phase[group.nodes[e, k]]}", group, e, [k, half + k], [limit, limit])
        several = pd.Series([int(g.row[e]) for g, e in units], dtype=np.int64)
        number, count = several.groupby(several).cumcount() + 1, several.map(several.value_counts())
        for (group, e), k, n in zip(units, number, count, strict=True):
            row = int(group.row[e])
            name, windings = arrays.feeder.transformer.index[row], group.nodes.shape[1] // 2
            limits = coil_ka[row, :windings].tolist()
            add(str(name) if n == 1 else f"{name}.{k}", group, e, [2 * w for w in range(windings)], limits)
        shape = (-1, ENDS)
        return cls(
            pd.Index(ids, dtype=object),
            _functionals(arrays, rows),
            np.array(at, dtype=np.int64).reshape(shape),
            np.array(rating, dtype=float).reshape(shape),
        )

    def loading(self, v: ComplexArray) -> FloatArray:
        """Of voltages [node, step]. [element, 3, step], %"""
        i = np.concatenate([np.abs(self.current @ v), np.zeros((1, v.shape[1]))])
        return np.asarray(100.0 * i[self.at] / self.rating[:, :, None])


def _functionals(arrays: FeederArrays, rows: list[tuple[Group, int, int]]) -> csr_array:
    """The current into one end of an element each. [row, node], kA per unit of voltage"""
    i: list[int] = []
    j: list[int] = []
    values: list[complex] = []
    for k, (group, element, end) in enumerate(rows):
        nodes = group.nodes[element]
        there = np.flatnonzero(nodes != GROUND)
        i += [k] * there.size
        j += nodes[there].tolist()
        values += (group.y[element, end, there] * arrays.v_base_kv[nodes[there]]).tolist()
    return csr_array(coo_array((values, (i, j)), shape=(len(rows), arrays.n_nodes), dtype=complex))
