"""Flow limits as rows of a commitment: there are none at first, and those that a solution breaks come in.

With P the power of all injectors i at their nodes n(i), of one hour and scenario, and d what is drawn:

    low_b ≤ Σ_i PTDF_b,n(i) P_i − Σ_n PTDF_b,n d_n ≤ high_b          P of a unit: p_min u + p

A row more only tightens the model: what a relaxation with fewer of them proves as a bound stays proven. One pair of
columns per hour loosens all limits of that hour; they are held at 0, and let loose where a smaller model has to have a
solution all the same, as those of the balances are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from gridloop.kernel import unit_columns as kernel
from gridloop.network.unit_system import UnitSystem
from gridloop.optimize.commitment.arrays import UnitArrays
from gridloop.optimize.commitment.network import UnitGrid
from gridloop.optimize.commitment.program import Program, Writer
from gridloop.optimize.commitment.rest import Case, Injections
from gridloop.optimize.commitment.tight import OnOff, Output
from gridloop.optimize.physics.dc_limits import BROKEN, FlowLimits
from gridloop.units import BASE_MVA, FloatArray, IntArray

if TYPE_CHECKING:
    from gridloop.optimize.commitment.model import CommitmentModel

# MW of all limits of an hour that one unit of its loosening columns gives: an overload costs ten times as much as the
# same lack in a balance, for a MW over a line may be worth several MWh.
_EASE = 0.1


@dataclass(frozen=True, eq=False)
class Injectors:
    """Columns of all injectors of one scenario, and the limits of its hours.

    column [injector, hour], sign [injector], node [injector]; u [unit, hour] and p_min [unit] the rest of units' power
    given  [node, hour]  injection that is not decided, per unit
    limits [hour]
    """

    column: IntArray
    sign: FloatArray
    node: IntArray
    u: IntArray
    p_min: FloatArray
    given: FloatArray
    limits: Sequence[FlowLimits]

    def power(self, x: FloatArray) -> FloatArray:
        """Injection of all injectors. [injector, hour], MW"""
        p = x[self.column] * self.sign[:, None]
        p[: self.p_min.size] += self.p_min[:, None] * x[self.u]
        return p

    def injection(self, x: FloatArray) -> FloatArray:
        """What is injected in all. [node, hour], per unit"""
        total = self.given.copy()
        np.add.at(total, self.node, self.power(x) / BASE_MVA)
        return total

    def over_columns(self, factor: FloatArray, hour: int, columns: int) -> sp.csr_matrix:
        """Rows over the injectors [row, injector] of one hour as rows over all columns."""
        row, i = np.nonzero(factor)
        value = factor[row, i]
        mine = i < self.p_min.size
        rows = np.concatenate([row, row[mine]])
        at = np.concatenate([self.column[i, hour], self.u[i[mine], hour]])
        values = np.concatenate([value * self.sign[i], value[mine] * self.p_min[i[mine]]])
        return sp.csr_matrix((values, (rows, at)), shape=(factor.shape[0], columns))


@dataclass(frozen=True, eq=False)
class GridRows:
    """What a program knows of a network so far.

    scenarios  injectors and limits of every scenario
    over, under [scenario, hour]  columns that loosen limits
    held     rows of the references beyond the first, which absorb nothing; held_of [row, 3] scenario, hour, reference
    rows     [limit] places in the program; scenario, hour, branch, outage [limit], outage −1: none
    factors  [held and limit, column] these rows of the program
    """

    grid: UnitGrid
    scenarios: Sequence[Injectors]
    over: IntArray
    under: IntArray
    held: IntArray
    held_of: IntArray
    rows: IntArray
    scenario: IntArray
    hour: IntArray
    branch: IntArray
    outage: IntArray
    factors: sp.csr_matrix

    @property
    def all_rows(self) -> IntArray:
        """References and limits."""
        return np.concatenate([self.held, self.rows])

    def prices(self, dual: FloatArray) -> FloatArray:
        """What these rows add to what a column is paid. [column]"""
        return np.asarray(self.factors.T @ dual[self.all_rows])


def add_grid(
    model: Writer, system: UnitSystem, grid: UnitGrid, arrays: UnitArrays, on_off: OnOff,
    cases: Sequence[Case], outputs: Sequence[Output], others: Sequence[Injections],
) -> GridRows:  # fmt: skip
    """References that absorb nothing, and the columns that loosen limits; there is no limit yet."""
    hours = arrays.hours
    scenarios, held, held_of = [], [], []
    for s, (case, output, other) in enumerate(zip(cases, outputs, others, strict=True)):
        drawn = grid.drawn(system, case.demand)
        parts = [(output.p, 1.0, grid.node["unit"])]
        parts += [(other.columns[q], other.signs[q], grid.node[q]) for q in other.columns if other.signs[q] != 0.0]
        node = np.concatenate([n for _, _, n in parts])
        dc = grid.dc
        limits = [replace(grid.limits, node=node, given=-drawn[:, t]) for t in range(hours)]
        one = Injectors(
            column=np.concatenate([c for c, _, _ in parts]),
            sign=np.concatenate([np.full(len(c), sign) for c, sign, _ in parts]),
            node=node,
            u=on_off.u,
            p_min=arrays.column(kernel.P_MIN),
            given=-drawn,
            limits=limits,
        )
        scenarios.append(one)
        still = _driven(grid)
        for k in range(1, dc.share.shape[0]):
            for t in range(hours):
                right = BASE_MVA * float(dc.share[k] @ drawn[:, t] + still[k])
                row = model.add_rows([], lower=right, upper=right, n=1)
                entries = one.over_columns(dc.share[k, node][None, :], t, model.columns).tocoo()
                model.add_entries(np.full(entries.nnz, row[0]), entries.col.astype(np.int64), entries.data)
                held.append(int(row[0]))
                held_of.append((s, t, k))
    shape = (len(cases), hours)
    over, under = (model.add_columns(shape[0] * hours, upper=0.0).reshape(shape) for _ in range(2))
    nothing = np.zeros(0, dtype=np.int64)
    return GridRows(
        grid, scenarios, over, under, np.array(held, dtype=np.int64), np.array(held_of, dtype=np.int64).reshape(-1, 3),
        nothing, nothing, nothing, nothing, nothing, sp.csr_matrix((0, 0)),
    )  # fmt: skip


def _driven(grid: UnitGrid) -> FloatArray:
    """What angles and shifts that are given drive out of every reference. [reference], per unit"""
    g = grid.dc.grid
    flow = g.flows(np.zeros(g.n_nodes))[g.whole]
    out = np.bincount(g.tail, flow, g.n_nodes) - np.bincount(g.head, flow, g.n_nodes)
    return np.asarray(out[g.held])


def known_to(rows: GridRows, program: Program) -> GridRows:
    """The same, with its rows of this program at hand."""
    return replace(rows, factors=sp.csr_matrix(program.a[rows.all_rows]))


def flows_of(grid: GridRows, x: FloatArray, s: int) -> FloatArray:
    """Flows of all branches in one scenario. [branch, hour], per unit"""
    return grid.grid.dc.grid.flows(grid.scenarios[s].injection(x))


def limits_of(grid: GridRows, s: int, t: int) -> FlowLimits:
    """The limits of one hour, with those that are rows by now. A copy: what comes in belongs to one model alone, and
    rounds count anew, for those of a search do not lead to one another."""
    here = (grid.scenario == s) & (grid.hour == t)
    return replace(grid.scenarios[s].limits[t], branch=grid.branch[here], outage=grid.outage[here])


def grown(model: CommitmentModel, x: FloatArray) -> CommitmentModel | None:
    """The model with the limits that x [column] breaks most as further rows; None where it breaks none."""
    grid = model.grid
    if grid is None:
        return None
    program, dc = model.program, grid.grid.dc
    blocks: list[sp.csr_matrix] = []
    lows, highs = [], []
    places: list[tuple[IntArray, ...]] = []
    for s, one in enumerate(grid.scenarios):
        flow = flows_of(grid, x, s)
        worst = np.maximum(flow - dc.high[:, None], dc.low[:, None] - flow).max(axis=0, initial=-np.inf)
        asked = np.arange(worst.size) if dc.outages is not None else np.flatnonzero(worst > BROKEN)
        for t in asked.tolist():
            limits = limits_of(grid, s, t)
            added = limits.add(flow[:, t])
            if added is None:
                continue
            matrix, low, high = added
            k = low.size
            block = one.over_columns(matrix.toarray(), t, program.a.shape[1]).tocoo()
            loose = np.repeat([grid.over[s, t], grid.under[s, t]], k)
            row = np.concatenate([block.row, np.tile(np.arange(k), 2)])
            value = np.concatenate([block.data, np.repeat([-_EASE, _EASE], k)])
            blocks.append(sp.csr_matrix((value, (row, np.concatenate([block.col, loose]))), shape=block.shape))
            lows.append(BASE_MVA * low)
            highs.append(BASE_MVA * high)
            places.append((np.full(k, s), np.full(k, t), limits.branch[-k:], limits.outage[-k:]))
    if not blocks:
        return None
    low, high = np.concatenate(lows), np.concatenate(highs)
    longer = Program(
        sp.csr_matrix(sp.vstack([program.a, *blocks])), program.cost, program.lower, program.upper,
        np.concatenate([program.row_lower, low]), np.concatenate([program.row_upper, high]), program.integer,
    )  # fmt: skip
    rows = np.concatenate([grid.rows, np.arange(low.size) + program.a.shape[0]])
    scenario, hour, branch, outage = (
        np.concatenate([before, *(p[k] for p in places)])
        for k, before in enumerate((grid.scenario, grid.hour, grid.branch, grid.outage))
    )
    more = replace(grid, rows=rows, scenario=scenario, hour=hour, branch=branch, outage=outage)
    return replace(model, program=longer, grid=known_to(more, longer))
