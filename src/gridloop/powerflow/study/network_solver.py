"""Studies of networks on the compiled kernels, chunk by chunk, started from the flow of the study's own mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from gridloop.kernel.grid import no_changes
from gridloop.kernel.lanes import LANES, new_rows
from gridloop.kernel.magnitudes import network_magnitudes
from gridloop.kernel.newton import CONVERGED
from gridloop.kernel.spread import add_rows, fill_blocks, take_voltages
from gridloop.network.model import Network
from gridloop.powerflow.engine import Engine, Start, Wanted
from gridloop.powerflow.flow import check, planned
from gridloop.powerflow.flows import STATUS
from gridloop.powerflow.sensitivity import current_magnitudes
from gridloop.powerflow.solve import branch_powers
from gridloop.powerflow.study.identity import fingerprint
from gridloop.powerflow.study.plain_solver import DIRECTION, PlainSolver
from gridloop.powerflow.study.solver import Chunk, Grid, Values
from gridloop.units import BASE_MVA, ComplexArray, FloatArray, IntArray


@dataclass(frozen=True)
class NetworkStudySolver:
    """Studies of a network by `gridloop.kernel.newton`. Keys: `load`, `generator`, `storage` . `p_mw`, `q_mvar`.

    tolerance_pu  largest mismatch of active or reactive power at a node
    centre        values by key that scenarios start around; those of the tables where it has none

    Raises `InvalidNetwork` where the tables are wrong; a bus without supply only has no voltage.
    """

    network: Network
    tolerance_pu: float = 1e-8
    max_iterations: int = 30
    centre: Mapping[str, FloatArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check(self.network)

    def __getstate__(self) -> dict[str, Any]:
        # The engine is made anew where it arrives: that is quick, and it holds what belongs to one machine.
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def around(self, values: Values) -> NetworkStudySolver:
        """The same solver, started around mean values [element] by key: scenarios near them need few steps."""
        return replace(self, centre=dict(values))

    @cached_property
    def digest(self) -> str:
        settings = (self.tolerance_pu, self.max_iterations)
        # The order of rows counts: draws follow it.
        return f"newton {fingerprint([settings, dict(self.centre), dict(self.network.tables)])}"

    @cached_property
    def _plain(self) -> PlainSolver:
        """The twin: what concerns labels and tables is its."""
        return PlainSolver(self.network, self.tolerance_pu)

    @cached_property
    def grid(self) -> Grid:
        return replace(self._plain.grid, status=STATUS)

    def elements(self, key: str) -> pd.Index:
        return self._plain.elements(key)

    def nominal(self, key: str) -> FloatArray:
        return self._plain.nominal(key)

    @cached_property
    def engine(self) -> Engine:
        return Engine.build(self._plain.arrays, self.tolerance_pu)

    @cached_property
    def _starts(self) -> tuple[Start, Start, Start]:
        """Where scenarios start: with the common matrix, with their own, and afresh."""
        s = self._base(self.centre)
        for key, value in self.centre.items():
            s = s + self._sum(key, value[:, None])[:, 0]
        start = self.engine.start_at(s)
        return start, replace(start, factors=None), self.engine.afresh(s)

    def _sum(self, key: str, value: FloatArray) -> ComplexArray:
        """What values [element, scenario] of a key inject at the nodes, per unit."""
        table, column = key.split(".")
        value = value * self._counts(key)[:, None]
        total = DIRECTION[table] * self._plain.arrays.sum_to_nodes(table, value) / BASE_MVA
        return total if column == "p_mw" else 1j * total

    def _counts(self, key: str) -> FloatArray:
        """0 for reactive power of machines that hold a voltage: the flow finds it; 1 elsewhere. [element]"""
        holds = self._plain.arrays.holds
        return np.where(holds, 0.0, 1.0) if key == "generator.q_mvar" else np.ones(len(self.elements(key)))

    def _base(self, keys: Mapping[str, Any]) -> ComplexArray:
        """What the tables inject but for the quantities that `keys` set. [node], per unit"""
        s = planned(self.network, self._plain.arrays)
        for key in keys:
            s = s - self._sum(key, self.nominal(key)[:, None])[:, 0]
        return s

    def solve(self, values: Values, needs: frozenset[str] = frozenset()) -> Chunk:
        count = next((v.shape[1] for v in values.values()), 1)
        engine, arrays = self.engine, self._plain.arrays
        v = np.empty((arrays.n_nodes, count))
        status, iterations = np.full(count, -1, np.int8), np.zeros(count, np.int32)
        whole = np.full((arrays.n_nodes, count), complex(np.nan, np.nan)) if needs else None
        base = self._base(values)[engine.node]
        left = np.arange(count)
        for start in self._starts:
            part = values if left.size == count else {key: value[:, left] for key, value in values.items()}
            wanted = self._wanted(part, left.size, base)
            answer = engine.new_answer(wanted.p.shape[0])
            engine.solve(wanted, start, answer, self.max_iterations)
            found = np.empty((arrays.n_nodes, left.size))
            network_magnitudes(answer.vr, answer.vi, engine.position, found)
            v[:, left], status[left] = found, answer.status[: left.size]
            iterations[left] += answer.iterations[: left.size]
            if whole is not None:
                some = np.full((arrays.n_nodes, left.size), complex(np.nan, np.nan))
                take_voltages(answer.vr, answer.vi, engine.node, 0, some)
                whole[:, left] = some
            left = left[status[left] != CONVERGED]
            if left.size == 0:
                break
        loading = losses = None
        if whole is not None:
            b = arrays.branches
            if "loading_pct" in needs:
                i_ka = current_magnitudes(b, whole) * b.base_ka[:, :, None]
                loading = np.fmax.reduce(100.0 * i_ka / b.rating_ka[:, :, None], axis=1)
            if "losses_mw" in needs:
                tail, head = branch_powers(b, whole)
                shunt = np.nansum(arrays.shunt.real[:, None] * np.abs(whole) ** 2, axis=0)
                losses = (np.nansum((tail + head).real, axis=0) + shunt) * BASE_MVA
        return Chunk(v, status, iterations, loading, losses)

    def _wanted(self, values: Values, count: int, base: ComplexArray) -> Wanted:
        """Powers of `count` scenarios in blocks; base [position], per unit"""
        engine, blocks = self.engine, -(-count // LANES)
        p, q = new_rows(blocks, engine.n), new_rows(blocks, engine.n)
        fill_blocks(p, base.real)
        fill_blocks(q, base.imag)
        for key, value in values.items():
            table, column = key.split(".")
            add_rows(p if column == "p_mw" else q, value, self._rows(table), self._factor(key), 0)
        held = engine.held.size
        none, nothing = np.empty((0, held, LANES)), np.empty((0, held, LANES), np.int8)
        return Wanted(p, q, none, nothing, no_changes())

    def _factor(self, key: str) -> FloatArray:
        return self._counts(key) * DIRECTION[key.split(".")[0]] / BASE_MVA

    def _rows(self, table: str) -> IntArray:
        """Position of every element of a table; −1 where it is out of service or not supplied."""
        arrays = self._plain.arrays
        node, on = arrays.element_node[table], arrays.element_on[table]
        return np.where(on, self.engine.position[np.where(on, node, 0)], -1)
