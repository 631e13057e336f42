"""Where the values of scenarios go in the kernels' blocks: powers to their nodes, set-points to what is held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gridloop.errors import BadInput, listed
from gridloop.kernel.lanes import LANES, new_rows
from gridloop.kernel.spread import add_rows, fill_blocks, put_rows
from gridloop.network.arrays import NetworkArrays
from gridloop.network.model import Network
from gridloop.network.topology import NO_NODE
from gridloop.powerflow.engine import Engine
from gridloop.powerflow.flow import planned
from gridloop.powerflow.scenarios import Scenarios
from gridloop.units import BASE_MVA, BoolArray, ComplexArray, FloatArray, IntArray

# How elements count: injected as positive (docs/conventions.md).
_SIGN = {"load": -1.0, "generator": 1.0, "storage": -1.0}
_FACTOR = {"p_mw": 1.0, "q_mvar": 1j}
# Scenarios, evenly spread, that a mean injection is taken of.
_SAMPLED = 64


@dataclass(frozen=True)
class Power:
    """How one quantity of one table comes into the blocks.

    column    p_mw or q_mvar
    key       of the scenarios' values; None where only the switching varies
    row       [element]  position of every element of the part; −1 where it counts nowhere
    factor    what a MW injects, per unit
    switched  what decides in each scenario whether the element is there; None where nothing does
    place, picked  rows of the switching part [element] that `key` has values for, and which of its rows those are
    nominal   [element]  the tables' values, for elements without values of their own
    """

    column: str
    key: str | None
    row: IntArray
    factor: float
    switched: str | None
    place: IntArray
    picked: IntArray
    nominal: FloatArray

    def values(self, cases: Scenarios, first: int, end: int) -> tuple[FloatArray, int]:
        """Values [element, scenario], and which of their columns is scenario `first`."""
        if self.switched is None:
            assert self.key is not None
            return cases.parts[self.key].values, first
        on = cases.parts[self.switched].values[:, first:end]
        value = np.repeat(self.nominal[:, None], on.shape[1], axis=1)
        if self.key is not None:
            value[self.place] = cases.parts[self.key].values[self.picked, first:end]
        return np.where(np.isfinite(on), np.where(on != 0.0, value, 0.0), np.nan), 0


@dataclass(frozen=True)
class Layout:
    """Scenarios of one engine, and how their values come into blocks; the same for any scenarios of the same parts.

    base_p, base_q  [position]  what the tables inject where no scenario says otherwise, per unit
    base_held       [held]      magnitudes that the tables hold
    powers          what the scenarios inject instead
    held_rows       key → [element] row of `held` that a set-point counts for; −1 where it counts nowhere
    machines        [held]      rows of the generators that hold a node, in the order of the table; none for sources
    silent          key → rows of the part that may count nowhere: what they say does not show in a flow
    """

    net: Network
    arrays: NetworkArrays
    engine: Engine
    base_p: FloatArray
    base_q: FloatArray
    base_held: FloatArray
    powers: tuple[Power, ...]
    held_rows: Mapping[str, IntArray]
    machines: tuple[IntArray, ...]
    silent: Mapping[str, IntArray]

    @classmethod
    def of(cls, net: Network, arrays: NetworkArrays, engine: Engine, cases: Scenarios) -> Layout:
        """Raises `BadInput` where a scenario puts a machine in service whose voltage the network lacks."""
        _refuse_new_holders(net, arrays, cases)
        s, powers = planned(net, arrays), []
        for table in _SIGN:
            for column in _FACTOR:
                found, taken = _powers(net, arrays, engine, cases, table, column)
                powers += found
                s = s - taken
        n_regulated = engine.held_node.size - arrays.source.size
        held = np.concatenate([arrays.v_set[np.isin(arrays.regulated, engine.held_node)], np.abs(arrays.v_source)])
        holders = np.flatnonzero(arrays.holds)
        at = arrays.element_node["generator"][holders]
        machines = tuple(holders[at == node] for node in engine.held_node[:n_regulated])
        base = s[engine.node]
        return cls(
            net,
            arrays,
            engine,
            base.real.copy(),
            base.imag.copy(),
            held,
            tuple(powers),
            _held_rows(arrays, engine, cases, machines),
            machines + (np.empty(0, dtype=np.int64),) * arrays.source.size,
            _silent(cases, powers),
        )

    @property
    def n_regulated(self) -> int:
        """Supplied nodes that machines hold; the first ones of `held`."""
        return int(self.engine.held_node.size - self.arrays.source.size)

    # ----- powers --------------------------------------------------------------------------------------------------

    def fill_powers(self, cases: Scenarios, first: int, end: int, p: FloatArray, q: FloatArray) -> None:
        """Wanted injections of the scenarios from `first` to `end`. p, q [block, position, LANES], per unit"""
        fill_blocks(p, self.base_p)
        fill_blocks(q, self.base_q)
        for power in self.powers:
            values, at = power.values(cases, first, end)
            factor = np.full(power.row.size, power.factor)
            add_rows(p if power.column == "p_mw" else q, values, power.row, factor, at)

    def planned_at(self, cases: Scenarios, node: IntArray) -> ComplexArray:
        """What scenarios want to be injected at supplied nodes. [node, scenario], per unit"""
        position = self.engine.position[node]
        row_of = np.full(self.engine.n + 1, NO_NODE, dtype=np.int64)  # the last one stands for NO_NODE
        row_of[position] = np.arange(node.size)
        total = np.repeat((self.base_p + 1j * self.base_q)[position][:, None], cases.count, axis=1)
        for power in self.powers:
            mine = np.flatnonzero((power.row >= 0) & (row_of[power.row] >= 0))
            if mine.size:
                values, _ = power.values(cases, 0, cases.count)
                np.add.at(total, row_of[power.row[mine]], _FACTOR[power.column] * power.factor * values[mine])
        return total

    def mean(self, cases: Scenarios) -> ComplexArray:
        """Mean injection of a sample of the scenarios [node]; NaN values are left out."""
        s = np.zeros(self.arrays.n_nodes, dtype=complex)
        s[self.engine.node] = self.base_p + 1j * self.base_q
        some = cases.some(np.unique(np.linspace(0, cases.count - 1, min(_SAMPLED, cases.count)).astype(np.int64)))
        for power in self.powers:
            values, _ = power.values(some, 0, some.count)
            known = np.isfinite(values)
            mean = np.where(known, values, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
            at = power.row >= 0
            np.add.at(s, self.engine.node[power.row[at]], (_FACTOR[power.column] * power.factor * mean)[at])
        return s

    # ----- what is held ---------------------------------------------------------------------------------------------

    def fill_magnitudes(self, cases: Scenarios, first: int, end: int, blocks: int) -> FloatArray:
        """Set-points of the scenarios; no blocks where they are the tables'. [block, held, LANES], per unit"""
        switched = self._switched_nodes(cases)
        if not self.held_rows and not switched:
            return np.empty((0, self.base_held.size, LANES))
        magnitude: FloatArray = new_rows(blocks, self.base_held.size)
        fill_blocks(magnitude, self.base_held)
        for key, rows in self.held_rows.items():
            put_rows(magnitude, cases.parts[key].values, rows, first)
        if switched:
            part = cases.between(first, end)
            put_rows(magnitude, self.set_points(part)[switched], np.array(switched), 0)
        return magnitude

    def set_points(self, cases: Scenarios) -> FloatArray:
        """Magnitude that every held node would have in every scenario: that of its first machine in service, or what
        the tables say where none is. [held, scenario]"""
        v = np.repeat(self.base_held[:, None], cases.count, axis=1)
        for key, rows in self.held_rows.items():
            v[rows[rows >= 0]] = cases.parts[key].values[rows >= 0]
        for h in self._switched_nodes(cases):
            own = self.machine_values(cases, "v_set_pu", self.machines[h])
            on = self.machines_on(cases, self.machines[h])
            for machine in reversed(range(self.machines[h].size)):
                v[h] = np.where(on[machine], own[machine], v[h])
        return v

    def machine_values(self, cases: Scenarios, column: str, machines: IntArray) -> FloatArray:
        """A column of generators, as scenarios set it. [machine, scenario]"""
        table = self.net.generator[column].to_numpy(dtype=float)[machines]
        values = np.repeat(table[:, None], cases.count, axis=1)
        part = cases.part(f"generator.{column}")
        if part is not None:
            _, mine, theirs = np.intersect1d(machines, part.rows, return_indices=True)
            values[mine] = part.values[theirs]
        return values

    def machines_on(self, cases: Scenarios, machines: IntArray) -> BoolArray:
        """Whether generators are in service, as scenarios say. [machine, scenario]"""
        on = np.repeat(self.arrays.element_on["generator"][machines][:, None], cases.count, axis=1)
        part = cases.part("generator.in_service")
        if part is not None:
            _, mine, theirs = np.intersect1d(machines, part.rows, return_indices=True)
            on[mine] = (part.values[theirs] != 0.0) & (self.arrays.element_node["generator"][machines[mine]] >= 0)[
                :, None
            ]
        return on

    def released(self, cases: Scenarios) -> BoolArray:
        """Nodes whose machines are all out of service. [regulated, scenario]"""
        gone = np.zeros((self.n_regulated, cases.count), dtype=bool)
        for h in self._switched_nodes(cases):
            gone[h] = ~self.machines_on(cases, self.machines[h]).any(axis=0)
        return gone

    def _switched_nodes(self, cases: Scenarios) -> list[int]:
        part = cases.part("generator.in_service")
        if part is None:
            return []
        return [h for h in range(self.n_regulated) if np.isin(self.machines[h], part.rows).any()]


def _powers(
    net: Network, arrays: NetworkArrays, engine: Engine, cases: Scenarios, table: str, column: str
) -> tuple[list[Power], ComplexArray]:
    """How a quantity comes into the blocks, and what of it the tables inject already. [node], per unit"""
    key, switch = f"{table}.{column}", f"{table}.in_service"
    part, switched = cases.part(key), cases.part(switch)
    none = np.empty(0, dtype=np.int64)
    node, on = arrays.element_node[table], arrays.element_on[table]
    factor = _SIGN[table] / BASE_MVA
    table_values = net.tables[table][column].to_numpy(dtype=float)
    counts = np.ones(node.size, dtype=bool)
    if table == "generator" and column == "q_mvar":
        counts = ~arrays.holds
    position = np.where(counts & (node != NO_NODE), engine.position[np.where(node == NO_NODE, 0, node)], NO_NODE)
    found, touched = [], np.zeros(node.size, dtype=bool)
    if part is not None:
        touched[part.rows] = True
        by_switch = np.isin(part.rows, switched.rows) if switched is not None else np.zeros(part.rows.size, dtype=bool)
        row = np.where(on[part.rows] & ~by_switch, position[part.rows], NO_NODE)
        if (row >= 0).any():
            found.append(Power(column, key, row, factor, None, none, none, np.empty(0)))
    if switched is not None:
        touched[switched.rows] = True
        place, picked = none, none
        if part is not None:
            _, place, picked = np.intersect1d(switched.rows, part.rows, return_indices=True)
        nominal, row = table_values[switched.rows], position[switched.rows]
        if nominal.any() or part is not None:
            found.append(Power(column, None if part is None else key, row, factor, switch, place, picked, nominal))
    taken = factor * arrays.sum_to_nodes(table, np.where(touched & counts, table_values, 0.0))
    return found, np.asarray(taken * _FACTOR[column], dtype=complex)


def _silent(cases: Scenarios, powers: list[Power]) -> dict[str, IntArray]:
    """All rows but those of powers that always count: NaN there makes the flow fail."""
    found = {}
    for key, part in cases.parts.items():
        own = [p for p in powers if p.key == key]
        counts = own[0].row >= 0 if len(own) == 1 and own[0].switched is None else np.zeros(part.rows.size, dtype=bool)
        if not counts.all():
            found[key] = np.flatnonzero(~counts)
    return found


def _held_rows(
    arrays: NetworkArrays, engine: Engine, cases: Scenarios, machines: tuple[IntArray, ...]
) -> dict[str, IntArray]:
    """Which set-points of scenarios count: the first machine's at every node, and the first source's."""
    found = {}
    part = cases.part("generator.v_set_pu")
    if part is not None:
        row_of = {int(at[0]): h for h, at in enumerate(machines)}
        found["generator.v_set_pu"] = np.array([row_of.get(int(r), NO_NODE) for r in part.rows], dtype=np.int64)
    part = cases.part("source.v_set_pu")
    if part is not None:
        on = np.flatnonzero(arrays.element_on["source"])
        _, first = np.unique(arrays.element_node["source"][on], return_index=True)
        row_of = {int(on[f]): len(machines) + h for h, f in enumerate(first)}
        found["source.v_set_pu"] = np.array([row_of.get(int(r), NO_NODE) for r in part.rows], dtype=np.int64)
    return found


def _refuse_new_holders(net: Network, arrays: NetworkArrays, cases: Scenarios) -> None:
    part = cases.part("generator.in_service")
    if part is None:
        return
    regulates = net.generator["regulates_voltage"].to_numpy(dtype=bool)
    out = ~net.generator["in_service"].to_numpy(dtype=bool)
    new = (regulates & out)[part.rows]
    if new.any():
        new[new] = (part.values[new] != 0.0).any(axis=1)
    if new.any():
        ids = [str(i) for i in net.generator.index[part.rows[new]]]
        raise BadInput(
            f"generator.in_service: {len(ids)} machines that hold a voltage are out of service in the network and "
            f"cannot come in: {listed(ids)}. Put them in service there, and out of service in the scenarios that lack "
            "them.",
            ids=ids,
        )
