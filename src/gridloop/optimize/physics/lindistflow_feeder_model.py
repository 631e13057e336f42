"""Multiphase LinDistFlow as physics of an optimal power flow: what generators give is decided, voltages follow.

Columns are the outputs alone. Rows: what every source gives; and, where an answer breaks them, the squared voltage of
every node that has a limit and, as tangents, the rating of inverters and the current of every conductor. Each row is
the real part of a functional of the voltages: prices at every node are sums of these (lindistflow_feeder_read).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import coo_array, csr_array

from gridloop.optimize.physics.lindistflow_cuts import Bands, Circles, CutModel, CutOutcome, Triplets
from gridloop.optimize.physics.lindistflow_feeder import SCALE, FeederMoment
from gridloop.optimize.physics.lindistflow_feeder_result import FeederOptimalFlow
from gridloop.optimize.physics.opf_base import Output
from gridloop.powerflow.feeder.nodes import GROUND
from gridloop.units import BoolArray, ComplexArray, FloatArray, IntArray


class FeederModel(CutModel):
    """p, q [gen] columns; voltage_at the nodes of the voltage rows; current [conductor end, node] functionals in kA."""

    def __init__(self, moment: FeederMoment) -> None:
        super().__init__()
        self.moment, self.grid = moment, moment.linear
        none = np.zeros(0, dtype=np.int64)
        self.p = self.q = self.voltage_at = self.source_p = self.source_q = none
        self.current = csr_array((0, moment.arrays.n_nodes), dtype=complex)
        self.lines: Circles | None = None

    @property
    def machines(self) -> IntArray:
        """Which of the generators are machines of the feeder, the others being sources."""
        return np.flatnonzero(self.moment.gen_row >= 0)

    def of_outputs(self, functional: ComplexArray | csr_array) -> ComplexArray:
        """What one p of every machine adds to functionals of the voltages; −j times that one q. [row, machine]"""
        return np.asarray(functional @ self.grid.moved)

    def powers(self, per_p: ComplexArray) -> Triplets:
        """Rows Re(per_p (p − j q)) over the columns p and q. per_p [row, machine]"""
        count, machines = per_p.shape
        rows = np.repeat(np.arange(count), machines)
        columns = [np.tile(block[self.machines], count) for block in (self.p, self.q)]
        values = np.concatenate([per_p.real.ravel(), per_p.imag.ravel()])
        return np.concatenate([rows, rows]), np.concatenate(columns), values


class FeederLinDistFlow:
    """Multiphase LinDistFlow, with the methods of any physics of an optimal power flow.

    compare  solve the AC power flow of the answer as well, at the same taps: `FeederOptimalFlow.ac_check`
    """

    name = "lindistflow"
    reactive = True

    def __init__(self, *, compare: bool = True) -> None:
        self.compare = compare

    def new_model(self, moment: FeederMoment) -> FeederModel:
        """Raises `SolveFailed` where the nodal matrix is singular."""
        return FeederModel(moment)

    def add_bus_voltage(self, model: FeederModel) -> None:
        """Which nodes have a limit; their rows follow with the outputs, which alone are columns."""
        m, n = model.moment, model.grid
        low, high = limits(m)
        limited = (np.isfinite(high) | (low > 0)) & m.arrays.supplied & ~n.neutral()
        limited[n.held] = False  # given, not decided
        model.voltage_at = np.flatnonzero(limited)

    def add_branch_power(self, model: FeederModel) -> None:
        """Currents of all conductors as functionals of the voltages. [conductor end, node], kA"""
        m, a = model.moment, model.moment.arrays
        rating = m.feeder.line["i_max_ka"].to_numpy(dtype=float)
        rows, columns, values, radius, names, place = [], [], [], [], [], []
        count = 0
        for group in a.groups:
            if group.table != "line":
                continue
            for e in np.flatnonzero(np.isfinite(rating[group.row])).tolist():
                ends, line = group.nodes[e], int(group.row[e])
                there = ends != GROUND
                for k in range(ends.size):
                    rows += [count] * int(there.sum())
                    columns += ends[there].tolist()
                    values += (group.y[e, k, there] * a.v_base_kv[ends[there]]).tolist()
                    radius.append(rating[line])
                    names.append(str(m.feeder.line.index[line]))
                    place.append(line)
                    count += 1
        model.current = csr_array(coo_array((values, (rows, columns)), shape=(count, a.n_nodes), dtype=complex))
        self._rated = (pd.Index(names, dtype=object), np.array(place, dtype=np.int64), np.array(radius))

    def add_power_balance(self, model: FeederModel, output: Output) -> None:
        """What a source gives follows from the voltages: Σ V conj(I) of its held nodes."""
        m, linear = model.moment, model.grid
        assert output.q is not None
        model.p, model.q = output.p, output.q
        given = linear.injected(*(np.zeros(model.machines.size),) * 2)
        held = linear.held
        current = (linear.y[held] @ linear.moved) - linear.drive[held]
        per_p = np.asarray(np.conj(linear.v0[held])[:, None] * current) / SCALE  # conj of V conj(I) per p
        owner = dict(zip(m.arrays.source.tolist(), m.arrays.source_row.tolist(), strict=True))
        row_of = {int(row): k for k, row in enumerate(m.source_row.tolist()) if row >= 0}
        gen = np.array([row_of[owner[int(h)]] for h in held], dtype=np.int64)
        sources = np.flatnonzero(m.source_row >= 0)
        share = csr_array(
            coo_array((np.ones(held.size), (gen, np.arange(held.size))), shape=(m.gen_id.size, held.size))
        )
        per_p, total = (np.asarray((share @ part)[sources], dtype=complex) for part in (per_p, given))
        # S is conj(per_p) per p and j conj(per_p) per q.
        rows = np.arange(sources.size)
        for name, block, right, factor in (
            ("source_balance", model.p, total.real, -1.0), ("source_reactive", model.q, total.imag, -1j)
        ):  # fmt: skip
            r, c, v = model.powers(np.asarray(factor * per_p, dtype=complex))
            found = model.add_rows(
                name, np.concatenate([rows, r]), np.concatenate([block[sources], c]),
                np.concatenate([np.ones(sources.size), v]), right, right,
            )  # fmt: skip
            if name == "source_balance":
                model.source_p = found
            else:
                model.source_q = found
        self._add_voltage_rows(model)
        machines = model.machines
        model.prefer(model.q[machines], np.zeros(machines.size), np.ones(machines.size))

    def _add_voltage_rows(self, model: FeederModel) -> None:
        linear, at = model.grid, model.voltage_at
        low, high = limits(model.moment)
        fixed = linear.squared(linear.v_fixed)[at]
        per_p = 2 * np.conj(linear.v0[at])[:, None] * linear.moved[at]
        rows, columns, values = model.powers(per_p)
        matrix = csr_array((values, (rows, columns)), shape=(at.size, model.n_columns))
        names = model.moment.arrays.node_names[at]
        model.bands = Bands(
            "squared_voltage_by_generation", names, matrix, np.maximum(low[at], 0.0) ** 2 - fixed, high[at] ** 2 - fixed
        )

    def add_thermal_limit(self, model: FeederModel) -> None:
        m, linear = model.moment, model.grid
        names, place, radius = self._rated
        if radius.size:
            per_p, given = model.of_outputs(model.current), np.asarray(model.current @ linear.v_fixed)
            model.lines = Circles(
                "rating", names, place, model.powers(per_p), model.powers(-1j * per_p), radius, given.real, given.imag
            )
            model.circles.append(model.lines)
        rated = np.flatnonzero(np.isfinite(m.s_rated))
        if rated.size:
            one = (np.arange(rated.size), np.ones(rated.size))
            p, q = ((one[0], block[rated], one[1]) for block in (model.p, model.q))
            model.circles.append(Circles("inverter", m.gen_id[rated], rated, p, q, m.s_rated[rated]))

    def add_angle_limit(self, model: FeederModel) -> None:
        """A feeder has none."""

    def read(self, model: FeederModel, outcome: CutOutcome, build_s: float) -> FeederOptimalFlow:
        from gridloop.optimize.physics.lindistflow_feeder_read import read_feeder_flow

        return read_feeder_flow(self, model, outcome, build_s)


def limits(m: FeederMoment) -> tuple[FloatArray, FloatArray]:
    """Band of every node's voltage; zero and inf where there is none. [node]"""
    bus, at = m.feeder.bus, m.arrays.bus_of
    there: BoolArray = at >= 0
    low, high = np.zeros(at.size), np.full(at.size, np.inf)
    for values, column in ((low, "v_min_pu"), (high, "v_max_pu")):
        given = bus[column].to_numpy(dtype=float)[at[there]]
        values[there] = np.where(np.isnan(given), values[there], given)
    return low, high
