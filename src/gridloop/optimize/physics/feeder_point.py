"""Operating points of a three-phase feeder: exact states of all intervals, limits that they come near, tangents."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gridloop.optimize.devices.group import TapTerm
from gridloop.optimize.physics.feeder_currents import RatedCurrents
from gridloop.optimize.physics.operating_point import LimitedPoint, NearLimits, Places, TangentRows, worst_per_step
from gridloop.powerflow.feeder.nodes import GROUND
from gridloop.units import ComplexArray, FloatArray, IntArray

if TYPE_CHECKING:  # the state makes the point
    from gridloop.optimize.physics.feeder_state import FeederState, SolvedFeeder

# Across less than this a device could not stand: no sensitivity.
_LEAST_PU = 0.05
# What a tap adds to its own current directly is large, and the voltages take nearly all of it back: what is left is
# only right where both are derivatives, and not differences over a whole step.
_PART_OF_A_STEP = 1e-3


class FeederPoint(LimitedPoint):
    """States of all intervals. Power per unit is on 1 MVA: sensitivities are per MW and Mvar as they are."""

    def __init__(self, grid: FeederState, solved: SolvedFeeder) -> None:
        self.grid: FeederState = grid
        self.solved = solved
        v = solved.v
        lost = [np.vdot(v[:, t], laid.lossy @ v[:, t]).real for t, laid in enumerate(solved.laid)]
        self.losses_mw = np.array(lost)

    @cached_property
    def v(self) -> FloatArray:  # type: ignore[override]  # the base declares it, here it is found when asked for
        """Voltage magnitudes to ground; NaN where not supplied, at neutrals and at held nodes. [node, step]"""
        a = self.grid.arrays
        shown = a.supplied & (a.bus_of >= 0) & (a.phase <= 3)
        return np.where(shown[:, None], np.abs(self.solved.v), np.nan)

    @cached_property
    def loading(self) -> FloatArray:  # type: ignore[override]  # as above
        """Loading of both ends of every conductor, and of every coil. [branch, 3, step], %; NaN where there is none"""
        laid = self.solved.laid
        if all(one is laid[0] for one in laid):
            return np.asarray(laid[0].rated.loading(self.solved.v))
        parts = [one.rated.loading(self.solved.v[:, [t]]) for t, one in enumerate(laid)]
        return np.asarray(np.concatenate(parts, axis=2), dtype=float)

    def voltages(self, near_pu: float, most: int, widened_pu: FloatArray | float = 0.0) -> Places:
        """As of any grid, those where devices stand first: what is high or low between two of them is so at one of them
        too. The worst of all nodes comes on top."""
        room = widened_pu - self.voltage_excess
        places = self.grid.places
        ends = np.concatenate([places.tail[self.grid.busy], places.head[self.grid.busy]])
        at_devices = np.zeros(room.shape[0], dtype=bool)
        at_devices[ends[ends != GROUND]] = True
        chosen = worst_per_step(np.where(at_devices[:, None], room, np.inf), near_pu, most)
        worst = worst_per_step(room, near_pu, 1)
        pairs = np.unique(np.concatenate([np.stack(chosen, axis=1), np.stack(worst, axis=1)]), axis=0)
        return pairs[:, 0], pairs[:, 1]

    def loss_rows(self) -> TangentRows:
        v = self.solved.v
        f = np.stack(
            [one.lossy.T @ np.conj(v[:, t]) + np.conj(one.lossy @ v[:, t]) for t, one in enumerate(self.solved.laid)],
            axis=1,
        )
        steps = np.arange(v.shape[1])
        return TangentRows(*self._powers(self._adjoint(f, steps), steps), [])

    def tangent_of(self, near: NearLimits, taps: Sequence[TapTerm]) -> TangentRows:
        v, rows = self.solved.v, np.arange(near.step.size)
        f = np.zeros((v.shape[0], rows.size), dtype=complex)
        if near.kind == "voltage":
            at = v[near.element, near.step]
            f[near.element, rows] = np.conj(at) / np.abs(at)
        else:
            f = self._of_currents(near, [self.solved.laid[t].rated for t in near.step])
        y = self._adjoint(f, near.step)
        to_tap = []
        for term in taps:
            effect = np.zeros((rows.size, len(term.transformers)))
            for k, names in enumerate(term.transformers):
                effect[:, k] = self._of_a_step(near, y, self.grid.controls_of(names))
            to_tap.append(effect)
        return TangentRows(*self._powers(y, near.step), to_tap)

    def summary(self, starts: pd.DatetimeIndex, loading_limit_pct: float = 100.0) -> pd.DataFrame:
        """As of any grid, and `taps`: positions of the regulators in service, in their order, such as "3 -2 5";
        `hunting`: which of them do not come to rest."""
        found = super().summary(starts, loading_limit_pct)
        if self.solved.taps.size:
            found["taps"] = [" ".join(f"{tap:.0f}" for tap in column) for column in self.solved.taps.T]
            arrays = self.grid.arrays
            names = arrays.feeder.regulator.index.to_numpy(dtype=object)[arrays.controls.row]
            found["hunting"] = [", ".join(names[wants]) for wants in self.solved.hunting.T]
        return found

    def _of_currents(self, near: NearLimits, rated: list[RatedCurrents]) -> ComplexArray:
        """Functionals of loadings: what a change of the voltages adds to |I|, in % of the rating. [node, row]"""
        found = np.zeros((self.solved.v.shape[0], near.step.size), dtype=complex)
        for r, (element, end, step) in enumerate(zip(near.element, near.end, near.step, strict=True)):
            here, own = self.solved.laid[step].rated, rated[r]
            row = int(here.at[element, end])
            i = (here.current[[row]] @ self.solved.v[:, step])[0]
            along = np.conj(i) / abs(i) if abs(i) > 0 else 0.0
            functional = own.current[[row]]
            found[functional.indices, r] = 100.0 / here.rating[element, end] * along * functional.data
        return found

    def _adjoint(self, functional: ComplexArray, step: IntArray) -> ComplexArray:
        """y of functionals [node, row], each in its own interval."""
        found = np.zeros(functional.shape, dtype=complex)
        laid = self.solved.laid
        owner = {id(one): one for one in laid}
        of_row = np.array([id(laid[t]) for t in step], dtype=np.int64)
        for key, one in owner.items():
            mine = np.flatnonzero(of_row == key)
            if mine.size:
                t = step[mine]
                found[:, mine] = one.adjoint(functional[:, mine], self.solved.s[:, t], self.solved.v[:, t])
        return found

    def _powers(self, y: ComplexArray, step: IntArray) -> tuple[FloatArray, FloatArray]:
        """What one more MW and Mvar at every place add: Re and Im of y conj(1 / u). [row, place]"""
        places = self.grid.places
        inner = (places.head != GROUND)[:, None]
        v = self.solved.v[:, step]
        u = v[places.tail] - np.where(inner, v[places.head], 0.0)
        there = (np.abs(u) > _LEAST_PU) & places.lit[:, None]
        across = np.where(there, y[places.tail] - np.where(inner, y[places.head], 0.0), 0.0)
        effect = (across * np.conj(1.0 / np.where(there, u, 1.0))).T
        return np.ascontiguousarray(effect.real), np.ascontiguousarray(effect.imag)

    def _of_a_step(self, near: NearLimits, y: ComplexArray, controls: IntArray) -> FloatArray:
        """What one step of these controls adds to the values: by the voltages, and to a current directly. [row]"""
        arrays, effect = self.grid.arrays, np.zeros(near.step.size)
        for t in np.unique(near.step):
            mine = np.flatnonzero(near.step == t)
            lower, higher = (self.solved.taps[:, t].copy() for _ in range(2))
            lower[controls] -= _PART_OF_A_STEP
            higher[controls] += _PART_OF_A_STEP
            change = arrays.regulator_admittance(higher) - arrays.regulator_admittance(lower)
            drawn = change @ self.solved.v[:, t] / (2 * _PART_OF_A_STEP)
            effect[mine] = -(y[:, mine].T @ drawn).real
            if near.kind == "loading":
                own = NearLimits(
                    self, near.kind, near.element[mine], near.end[mine], near.step[mine],
                    [near.name[k] for k in mine], near.value[mine], near.low[mine], near.high[mine],
                )  # fmt: skip
                parts = [self._of_currents(own, [RatedCurrents.of(arrays, at)] * mine.size) for at in (higher, lower)]
                effect[mine] += ((parts[0] - parts[1]).T @ self.solved.v[:, t]).real / (2 * _PART_OF_A_STEP)
        return effect
