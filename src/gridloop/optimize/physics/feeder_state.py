"""Three-phase feeders, solved exactly for all intervals of a plan at once: the same methods as of a balanced grid.

Regulators follow their own controls: in every interval they step from where they stood in the last state, at first from
the taps of the tables, until all rest in their bands. Where they rest depends on where they come from, and so a plan's
check has their taps. Those that a plan moves stay where it puts them. Some never rest: the state of such an interval
is that of the last taps, and says which regulators still want others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, SolveFailed, listed
from gridloop.network.feeder.check import check_feeder
from gridloop.network.feeder.model import Feeder
from gridloop.optimize.devices.group import Given
from gridloop.optimize.physics.entries import Entries
from gridloop.optimize.physics.feeder_laid import LaidFeeder, incidence_of
from gridloop.optimize.physics.feeder_places import FeederPlaces
from gridloop.optimize.physics.feeder_point import FeederPoint
from gridloop.optimize.physics.grid import no_flow
from gridloop.optimize.physics.loss_modes import QuadraticLosses
from gridloop.powerflow.feeder.arrays import FeederArrays, build_feeder_arrays
from gridloop.powerflow.feeder.control import MAX_ROUNDS, first_to_move, wanted_steps
from gridloop.units import BoolArray, ComplexArray, FloatArray, IntArray

DIAGNOSED = 3  # intervals of a failed plan that are looked into
_WORST = 5
_LEAST_CURVATURE = 1e-6  # modes below this share of the largest are nothing
_PHASES = 3  # terminals beyond are neutrals, and have no band


@dataclass(frozen=True)
class SolvedFeeder:
    """States of all intervals.

    laid  [step]  the feeder at the taps of that interval; taps [control, step]
    hunting  [control, step]  which regulators want other taps after the last round
    s     [busy, step]  consumption where devices stand, MVA;  v [node, step] per unit
    """

    laid: list[LaidFeeder]
    taps: FloatArray
    hunting: BoolArray
    s: ComplexArray
    v: ComplexArray
    converged: BoolArray


class FeederState:
    """One feeder, ready to be solved for many intervals. What its own tables of loads and generators have does not
    count: what injects is the devices."""

    rows_per_step = 12  # every home behind its own cable has a voltage of its own

    def __init__(self, feeder: Feeder) -> None:
        """Raises `InvalidNetwork` and `BadInput` where the tables are wrong."""
        check_feeder(feeder).raise_errors(feeder.name)
        self.feeder = feeder
        self.arrays: FeederArrays = build_feeder_arrays(feeder)
        self.n_nodes = self.arrays.n_nodes
        self.v_low, self.v_high = self._band("v_min_pu", -np.inf), self._band("v_max_pu", np.inf)
        names = self.arrays.node_names
        self.node_ids = names.append(pd.Index([f"source#{k}" for k in range(self.n_nodes - len(names))]))
        self.prepare([])

    def _band(self, column: str, none: float) -> FloatArray:
        """Band of every node; none at neutrals, held nodes, and where there is no supply. [node]"""
        a = self.arrays
        limited = (a.bus_of >= 0) & a.supplied & (a.phase <= _PHASES)
        limited[a.source] = False
        values = self.feeder.bus[column].to_numpy(dtype=float)[np.maximum(a.bus_of, 0)]
        return np.where(limited & ~np.isnan(values), values, none)

    def prepare(self, buses: Sequence[str]) -> None:
        """Devices will stand at these buses. Raises `BadInput` and `UnsuppliedBus`, as `entries_of`."""
        self.places = FeederPlaces.of(self.arrays, buses)
        self.n_entries = self.places.tail.size
        self._named = list(dict.fromkeys(buses))
        self.busy: IntArray = np.unique(self.places.entries_of(buses).at)
        self._laid: dict[tuple[float, ...], LaidFeeder] = {}

    def entries_of(self, buses: Sequence[str]) -> Entries:
        """Where devices at these buses enter. Raises `BadInput` and `UnsuppliedBus`."""
        return self.places.entries_of(buses)

    def priced(self) -> tuple[pd.Index, Entries, BoolArray]:
        """Every node and every bus as devices name it, where it is, and which of them are not supplied."""
        return self.places.priced(self._named)

    @property
    def branch_ids(self) -> pd.Index:
        """Conductors with a rating, then units of transformers."""
        return self.laid_at(self.arrays.tap.astype(float)).rated.ids

    def quadratic_losses(self, entry: Entries, most: int, reactive: bool) -> QuadraticLosses:
        """λ and q of docs/math/flexibility-grid.md for what enters here, the largest first."""
        laid = self.laid_at(self.arrays.tap.astype(float))
        decided = np.unique(entry.at)
        ends = self.places.tail, self.places.head
        incidence = incidence_of(self.n_nodes, *ends)
        c = 1.0 / np.conj(incidence @ laid.v0)
        c = np.where(self.places.lit & np.isfinite(c), c, 0.0)
        z = incidence @ laid.response(incidence[decided].T.toarray().astype(complex))  # [place, decided]
        # Coils and conductors are reciprocal: half of Z and its conjugate transpose is its real part.
        g = np.conj(c)[:, None] * z.real * c[decided]
        own = (g[decided] + g[decided].conj().T) / 2
        both = np.block([[own.real, own.imag], [-own.imag, own.real]]) if reactive else own.real
        value, vector = np.linalg.eigh(both)
        kept = np.argsort(-value, kind="stable")[:most]
        kept = kept[value[kept] > _LEAST_CURVATURE * value.max(initial=0.0)]
        n = decided.size
        q = vector[:, kept] if reactive else np.concatenate([vector[:, kept], np.zeros((n, kept.size))])
        to_p = (g.real @ q[:n] + g.imag @ q[n:]) / value[kept]
        to_q = (g.real @ q[n:] - g.imag @ q[:n]) / value[kept]
        return QuadraticLosses(value[kept], to_p.T, to_q.T)

    def given(self, parts: Sequence[Given], steps: int) -> ComplexArray:
        """Injections that are not decided. [place, step], MW and Mvar"""
        total = np.zeros((self.n_entries, steps), dtype=complex)
        for part in parts:
            self.entries_of(part.bus).put(total, part.p_mw + 1j * part.q_mvar)
        return total

    def controls_of(self, transformers: Sequence[str]) -> IntArray:
        """Controls that move these transformers. Raises `BadInput` for one without: its taps are fixed."""
        owner = self.feeder.regulator["transformer"].to_numpy(dtype=object)[self.arrays.controls.row]
        without = sorted(set(transformers) - set(owner))
        if without:
            raise BadInput(
                f"{len(without)} transformers of tap changers have no regulator in the feeder ({listed(without)}). "
                f"Name one of {listed(sorted(set(map(str, owner)))) or 'its regulators: it has none'}.",
                transformers=without,
            )
        return np.flatnonzero(np.isin(owner, list(transformers)))

    def present_tap(self, transformer: str) -> float:
        """Position as the tables have it."""
        return float(self.arrays.tap[self.controls_of([transformer])[0]])

    def laid_at(self, taps: FloatArray) -> LaidFeeder:
        """The feeder at taps [control]; kept for the next time."""
        key = tuple(taps.tolist())
        if key not in self._laid:
            self._laid[key] = LaidFeeder(self.arrays, taps, self.places.tail[self.busy], self.places.head[self.busy])
        return self._laid[key]

    def solve(
        self, injection_mva: ComplexArray, taps: Mapping[str, FloatArray], start: SolvedFeeder | None = None
    ) -> SolvedFeeder:
        """Three-phase flow of every interval, converged or not, regulators at rest or `hunting`.

        injection_mva  [place, step]; taps: transformer → [step]; start: an earlier solution to begin with
        """
        s, steps = -injection_mva[self.busy], injection_mva.shape[1]
        position = np.repeat(self.arrays.tap[:, None].astype(float), steps, axis=1) if start is None else start.taps
        position, own = position.copy(), np.ones(self.arrays.tap.size, dtype=bool)
        for name, wanted in taps.items():
            mine = self.controls_of([name])
            position[mine], own[mine] = wanted, False
        v = np.zeros((self.n_nodes, steps), dtype=complex) if start is None else start.v.copy()
        converged, moving = np.zeros(steps, dtype=bool), np.ones(steps, dtype=bool)
        hunting = np.zeros(position.shape, dtype=bool)
        for round_ in range(MAX_ROUNDS + 1):
            distinct, which = np.unique(position[:, moving], axis=1, return_inverse=True)
            at = np.flatnonzero(moving)
            for k in range(distinct.shape[1]):
                some, laid = at[which.ravel() == k], self.laid_at(distinct[:, k])
                begin = None if start is None else laid.across @ v[:, some]
                v[:, some], converged[some] = laid.solve(s[:, some], begin)
            moving &= converged
            for t in np.flatnonzero(moving):
                wants = np.where(own, wanted_steps(self.arrays, v[:, t], position[:, t]), 0)  # type: ignore[arg-type]
                hunting[:, t] = wants != 0
                moving[t] = bool(wants.any())
                if round_ < MAX_ROUNDS:  # no taps without a flow at them
                    position[:, t] += first_to_move(self.arrays, wants)
            if not moving.any():
                break
        if start is not None and not converged.all():
            return self.solve(injection_mva, taps)
        laid_by_step = [self.laid_at(column) for column in position.T]
        return SolvedFeeder(laid_by_step, position, hunting, s, v, converged)

    def at(self, solved: SolvedFeeder) -> FeederPoint:
        """What a solution means for limits and losses."""
        return FeederPoint(self, solved)

    def failure(self, solved: SolvedFeeder, injection_mva: ComplexArray) -> SolveFailed:
        """The error that says which intervals have no solution, and the nodes that are lowest before they have none.

        Facts: steps; buses and load_scale, one entry for each of the first few of them.
        """
        steps = np.flatnonzero(~solved.converged)
        buses, scales = [], []
        for step in steps[:DIAGNOSED]:
            low, high, depth = 0.0, 1.0, np.abs(solved.laid[0].v0)
            for _ in range(12):
                share = (low + high) / 2
                v, done = solved.laid[step].solve(share * solved.s[:, [step]])
                if done[0]:
                    low, depth = share, np.abs(v[:, 0])
                else:
                    high = share
            limited = np.flatnonzero((self.arrays.bus_of >= 0) & self.arrays.supplied & (self.arrays.phase <= _PHASES))
            worst = limited[np.argsort(depth[limited], kind="stable")[:_WORST]]
            buses.append([str(self.node_ids[k]) for k in worst])
            scales.append(low)
        return no_flow("three-phase", steps, injection_mva.shape[1], buses, scales)
