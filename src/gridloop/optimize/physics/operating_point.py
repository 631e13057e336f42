"""Operating points: the AC states of all intervals of a plan, what limits they come near, and tangents there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gridloop.network.arrays import Branches
from gridloop.optimize.devices.group import TapTerm
from gridloop.powerflow.sensitivity import Linearization, Rows, current_magnitudes
from gridloop.units import BASE_MVA, ComplexArray, FloatArray, IntArray

if TYPE_CHECKING:  # the state makes the point
    from gridloop.optimize.physics.grid import Grid
    from gridloop.optimize.physics.grid_state import GridState, SolvedHorizon

# Beyond these a limit counts as broken: rounding of the power flow's own tolerance, nothing more.
V_TOLERANCE_PU = 1e-6
LOADING_TOLERANCE_PCT = 1e-4


Places = tuple[IntArray, IntArray]  # nodes or branches, and the step of each


@dataclass(frozen=True)
class TangentRows:
    """Sensitivities in natural units: to_p, to_q [row, node] per MW and Mvar; to_tap, one [row, changer] per term."""

    to_p: FloatArray
    to_q: FloatArray
    to_tap: list[FloatArray]


@dataclass(frozen=True)
class NearLimits:
    """Limits that a state breaks or comes near; one row per (element, step).

    kind     voltage or loading; element is a node or a branch, end the branch's tail (0) or head (1)
    room     distance to the limit, negative beyond it, in the unit of the value: pu or %
    """

    point: LimitedPoint
    kind: str
    element: IntArray
    end: IntArray
    step: IntArray
    name: list[str]
    value: FloatArray
    low: FloatArray
    high: FloatArray

    @property
    def room(self) -> FloatArray:
        return np.fmin(self.value - self.low, self.high - self.value)

    def tangent(self, taps: Sequence[TapTerm]) -> TangentRows:
        """How each of these values answers to injections and taps."""
        return self.point.tangent_of(self, taps)


class LimitedPoint:
    """What is the same at the operating points of any grid: which limits are near, and where the extremes are.

    grid    its names and bands: node_ids, branch_ids, v_low and v_high [node]
    solved  the states, as the grid solves them
    """

    grid: Grid
    solved: Any
    losses_mw: FloatArray
    v: FloatArray
    loading: FloatArray

    def tangent_of(self, near: NearLimits, taps: Sequence[TapTerm]) -> TangentRows:
        """How the values of these limits answer to injections and taps."""
        raise NotImplementedError

    def loss_rows(self) -> TangentRows:
        """How the losses of every step answer to injections. [step, place], MW per MW and per Mvar"""
        raise NotImplementedError

    @cached_property
    def voltage_excess(self) -> FloatArray:
        """How far voltages are beyond their band; negative inside it. [node, step], per unit"""
        beyond = np.fmax(self.grid.v_low[:, None] - self.v, self.v - self.grid.v_high[:, None])
        return np.asarray(np.where(np.isnan(beyond), -np.inf, beyond))

    def loading_excess(self, limit_pct: float) -> FloatArray:
        """How far loadings are beyond the limit; negative below it. [branch, step], %"""
        return np.asarray(np.where(np.isnan(self.loading), -np.inf, self.loading).max(axis=1) - limit_pct)

    def voltages(self, near_pu: float, most: int, widened_pu: FloatArray | float = 0.0) -> Places:
        """Nodes and steps whose voltage is beyond its band, `widened` [node, step], or within `near_pu` of that; the
        worst of every step, at most `most`."""
        return worst_per_step(widened_pu - self.voltage_excess, near_pu, most)

    def loadings(self, near_pct: float, most: int, limit_pct: float, widened_pct: FloatArray | float = 0.0) -> Places:
        """Branches and steps whose loading is beyond the limit, `widened` [branch, step], or within `near_pct` of
        that; the worst of every step, at most `most`."""
        return worst_per_step(widened_pct - self.loading_excess(limit_pct), near_pct, most)

    def voltage_limits(self, places: Places) -> NearLimits:
        """Limits of voltages: of each the side that is nearer."""
        node, step = places
        low, high, value = self.grid.v_low[node], self.grid.v_high[node], self.v[node, step]
        above = high - value < value - low
        buses = self.grid.node_ids[node]
        name = [f"{'voltage_high' if up else 'voltage_low'}:{bus}" for bus, up in zip(buses, above, strict=True)]
        least, highest = np.where(above, -np.inf, low), np.where(above, high, np.inf)
        return NearLimits(self, "voltage", node, np.zeros_like(node), step, name, value, least, highest)

    def loading_limits(self, places: Places, limit_pct: float) -> NearLimits:
        """Limits of loadings: of each branch at the end that is loaded more."""
        branch, step = places
        loading = np.where(np.isnan(self.loading), -np.inf, self.loading)[branch, :, step]
        end = loading.argmax(axis=1).astype(np.int64)
        ids = self.grid.branch_ids
        name, value = [f"loading:{ids[b]}" for b in branch], loading.max(axis=1, initial=-np.inf)
        least, highest = np.full(branch.size, -np.inf), np.full(branch.size, limit_pct)
        return NearLimits(self, "loading", branch, end, step, name, value, least, highest)

    def summary(self, starts: pd.DatetimeIndex, loading_limit_pct: float = 100.0) -> pd.DataFrame:
        """Extremes of every step and where they are."""
        ids = self.grid.node_ids
        loading = np.nanmax(np.where(np.isnan(self.loading), -1.0, self.loading), axis=1)
        if not loading.size:  # nothing has a rating
            loading = np.full((1, len(starts)), -1.0)
        branch, names = loading.argmax(axis=0), self.grid.branch_ids
        low, high = np.nanargmin(self.v, axis=0), np.nanargmax(self.v, axis=0)
        steps = np.arange(len(starts))
        over_v = self.v > self.grid.v_high[:, None] + V_TOLERANCE_PU
        under_v = self.v < self.grid.v_low[:, None] - V_TOLERANCE_PU
        return pd.DataFrame(
            {
                "v_min_pu": self.v[low, steps],
                "v_min_bus": ids[low],
                "v_max_pu": self.v[high, steps],
                "v_max_bus": ids[high],
                "loading_max_pct": loading[branch, steps],
                "worst_branch": names[branch] if len(names) else "",
                "losses_mw": self.losses_mw,
                "voltage_violations": (over_v | under_v).sum(axis=0),
                "overloads": (loading > loading_limit_pct + LOADING_TOLERANCE_PCT).sum(axis=0),
            },
            index=starts,
        )


class OperatingPoint(LimitedPoint):
    """AC states of all intervals of a balanced grid."""

    def __init__(self, grid: GridState, solved: SolvedHorizon) -> None:
        self.grid: GridState = grid
        self.solved, self.solution = solved, solved.solution
        self.losses_mw = np.nansum(self.solution.injected.real, axis=0) * BASE_MVA

    @cached_property
    def linearization(self) -> Linearization:
        """Sensitivities here."""
        return Linearization(self.grid.arrays, self.solution, [a.branches for a in self.solved.arrays])

    @cached_property
    def v(self) -> FloatArray:  # type: ignore[override]  # the base declares it, here it is found when asked for
        """Voltage magnitudes. [node, step], per unit"""
        return np.abs(self.solution.v)

    @cached_property
    def loading(self) -> FloatArray:  # type: ignore[override]  # as above
        """Loading of both ends of every branch. [branch, 2, step], %; NaN where there is no rating"""
        rating = self.grid.arrays.branches.rating_pu[:, :, None]
        arrays, v = self.solved.arrays, self.solution.v
        if all(a is arrays[0] for a in arrays):
            return np.asarray(100.0 * current_magnitudes(arrays[0].branches, v) / rating)
        parts = [current_magnitudes(a.branches, v[:, [t]]) for t, a in enumerate(arrays)]
        return np.asarray(100.0 * np.concatenate(parts, axis=2) / rating)

    def tangent_of(self, near: NearLimits, taps: Sequence[TapTerm]) -> TangentRows:
        linear = self.linearization
        if near.kind == "voltage":
            rows, scale = linear.voltage(near.element, near.step), np.ones(near.step.size)
        else:
            rows = linear.current(near.element, near.end, near.step)
            scale = 100.0 / self.grid.arrays.branches.rating_pu[near.element, near.end]
        tangent = self.in_units(rows, near.step, taps, scale)
        if near.kind == "loading":
            # A tap changes the current of its own transformer directly too, and the voltages take most of it back.
            for term, effect in zip(taps, tangent.to_tap, strict=True):
                for k, names in enumerate(term.transformers):
                    around = self.half_a_step_around(names)
                    effect[:, k] += scale * linear.current_step(near.element, near.end, near.step, *around)
        return tangent

    def loss_rows(self) -> TangentRows:
        """How the losses of every step answer to injections. [step, node], MW per MW and per Mvar"""
        rows = self.linearization.losses()
        steps = np.arange(rows.to_p.shape[0])
        return self.in_units(rows, steps, (), np.full(steps.size, BASE_MVA))

    def in_units(self, rows: Rows, step: IntArray, taps: Sequence[TapTerm], scale: FloatArray) -> TangentRows:
        """Rows per MW, Mvar and tap step instead of per unit."""
        to_tap = []
        for term in taps:
            effect = np.zeros((step.size, len(term.transformers)))
            for k, names in enumerate(term.transformers):
                for t in np.unique(step):
                    mine = step == t
                    moved = self._power_change(names, int(t))
                    # Injections stay: what the tap adds to them is what the voltages have to take back.
                    effect[mine, k] = -scale[mine] * (rows.to_p[mine] @ moved.real + rows.to_q[mine] @ moved.imag)
            to_tap.append(effect)
        per_mw = scale[:, None] / BASE_MVA
        return TangentRows(rows.to_p * per_mw, rows.to_q * per_mw, to_tap)

    def half_a_step_around(self, transformers: Sequence[str]) -> tuple[list[Branches], list[Branches]]:
        """Branches of every step with some transformers half a position lower, and half a position higher."""
        here = [dict(zip(self.solved.tap_names, column, strict=True)) for column in self.solved.taps.T.tolist()]
        lower, higher = (
            [
                self.grid.at_taps({name: tap + half * (name in transformers) for name, tap in taps.items()}).branches
                for taps in here
            ]
            for half in (-0.5, 0.5)
        )
        return lower, higher

    def _power_change(self, transformers: Sequence[str], step: int) -> ComplexArray:
        """Change of the computed injections when transformers move one step, at fixed voltages. [node], per unit"""
        before, after = (branches[step] for branches in self.half_a_step_around(transformers))
        rows = before.ids.get_indexer(pd.Index(transformers))
        tail, head = before.tail[rows], before.head[rows]
        v = np.append(self.solution.v[:, step], 0.0)  # an open end has node −1: the last place, without voltage
        change = np.zeros(v.size, dtype=complex)
        for end, own, other in ((tail, "tt", "th"), (head, "hh", "ht")):
            far = head if end is tail else tail
            dy_own, dy_other = (getattr(after, f"y_{y}")[rows] - getattr(before, f"y_{y}")[rows] for y in (own, other))
            np.add.at(change, end, v[end] * np.conj(dy_own * v[end] + dy_other * v[far]))
        return np.nan_to_num(change[:-1])


def worst_per_step(room: FloatArray, margin: float, most: int) -> Places:
    """Rows with less room than the margin, per column the `most` with the least; (row, column) pairs."""
    rows, columns = [], []
    for step in range(room.shape[1]):
        near = np.flatnonzero(room[:, step] < margin)
        chosen = near[np.argsort(room[near, step], kind="stable")][:most]
        rows.append(chosen)
        columns.append(np.full(chosen.size, step, dtype=np.int64))
    return np.concatenate(rows), np.concatenate(columns)
