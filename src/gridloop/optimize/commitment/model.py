"""The whole model of a commitment, and where in it everything stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridloop.network.unit_system import UnitSystem
from gridloop.optimize.commitment.arrays import UnitArrays
from gridloop.optimize.commitment.network import UnitGrid
from gridloop.optimize.commitment.network_rows import GridRows, add_grid, known_to
from gridloop.optimize.commitment.program import Program, Writer
from gridloop.optimize.commitment.rest import (
    Case,
    Injections,
    add_balance,
    add_flexible_load,
    add_renewables,
    add_requirement,
    add_storage,
)
from gridloop.optimize.commitment.sums import Sums, add_sums
from gridloop.optimize.commitment.tight import OnOff, Output, add_on_off, add_output
from gridloop.units import BoolArray, IntArray


@dataclass(frozen=True, eq=False)
class CommitmentModel:
    """A program and the places of its columns and rows.

    outputs, others  one per scenario; balance, reserve, regulation [scenario][hour] rows, empty where none is wanted
    elastic  columns that would fill or drain a balance and fill a requirement; they are held at 0, and let loose only
             where a smaller model has to have a solution, or to find out by how much a model has none
    grid     the network, as far as its limits are rows; None: all are on one copper plate
    """

    program: Program
    arrays: UnitArrays
    cases: Sequence[Case]
    on_off: OnOff
    outputs: Sequence[Output]
    others: Sequence[Injections]
    balance: Sequence[IntArray]
    reserve: Sequence[IntArray]
    regulation: Sequence[IntArray]
    elastic: IntArray
    sums: Sums
    grid: GridRows | None = None

    def kept_rows(self, *rows: IntArray) -> BoolArray:
        """True at these rows, and at those of the network, which stay where the model is made smaller. [row]"""
        keep = np.zeros(self.program.a.shape[0], dtype=bool)
        for some in rows:
            keep[some] = True
        if self.grid is not None:
            keep[self.grid.all_rows] = True
        return keep


def build(system: UnitSystem, cases: Sequence[Case], grid: UnitGrid | None = None) -> CommitmentModel:
    """Cheapest commitment and output of all scenarios; equations in docs/math/commitment.md.

    On a network (`grid`) without any limit of its flows yet: those that a solution breaks come in, by `grown`.
    """
    model, arrays = Writer(), UnitArrays.of(system)
    reserve_mw, regulation_mw = (np.asarray(s, dtype=float) for s in (system.reserve_mw, system.regulation_mw))
    wants_reserve, wants_regulation = bool(reserve_mw.any()), bool(regulation_mw.any())
    on_off = add_on_off(model, arrays)
    outputs, others, balance, reserve, regulation = [], [], [], [], []
    for case in cases:
        output = add_output(
            model,
            arrays,
            on_off,
            weight=case.weight,
            with_reserve=wants_reserve,
            with_regulation=wants_regulation,
        )
        other = Injections()
        add_renewables(model, case, other)
        add_storage(model, system, other)
        add_flexible_load(model, system, case, other)
        balance.append(add_balance(model, arrays, on_off, output, other, case.demand))
        reserve.append(add_requirement(model, output.r, reserve_mw) if wants_reserve else np.zeros(0, dtype=np.int64))
        regulation.append(
            add_requirement(model, output.regulation, regulation_mw)
            if wants_regulation
            else np.zeros(0, dtype=np.int64)
        )
        outputs.append(output)
        others.append(other)
    rows = np.concatenate([*balance, *balance, *reserve, *regulation])
    elastic = model.add_columns(rows.size, upper=0.0)
    into = np.ones(rows.size)
    drained = sum(part.size for part in balance)
    into[drained : 2 * drained] = -1.0
    model.add_entries(rows, elastic, into)
    limits = None if grid is None else add_grid(model, system, grid, arrays, on_off, cases, outputs, others)
    if limits is not None:
        elastic = np.concatenate([elastic, limits.over.ravel(), limits.under.ravel()])
    sums = add_sums(model, arrays, on_off)
    program = model.program()
    if limits is not None:
        limits = known_to(limits, program)
    return CommitmentModel(
        program, arrays, cases, on_off, outputs, others, balance, reserve, regulation, elastic, sums, limits
    )


def base_case(system: UnitSystem) -> Case:
    """The series of the system as its only scenario."""
    return Case(
        1.0,
        system.demand_mw.to_numpy(dtype=float),
        system.renewable_min_mw.to_numpy(dtype=float).reshape(system.hours, -1),
        system.renewable_max_mw.to_numpy(dtype=float).reshape(system.hours, -1),
    )
