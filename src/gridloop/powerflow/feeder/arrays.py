"""The feeder as plain arrays, per unit: the fixed admittances, the loads, the regulators and their controls.

Base of voltage: every bus's nominal voltage to ground. Base of power: `BASE_PHASE_MVA` per phase. So 1 S between nodes
of V_i and V_j kV is V_i V_j per unit, and the base current of a node is 1 MVA over its base voltage.

A regulator is a series admittance y and an ideal ratio a = `ratio_base` (1 + `step` tap), primary –y– a –> secondary:

    Y_pp = y        Y_ps = Y_sp = −y/a        Y_ss = y/a²

between the two nodes of its primary and the two of its secondary. Everything else is in `y`. A node that no conductor
or coil leads to from a source is not supplied; what parallel conductors induce there is found all the same, against a
tiny susceptance to ground that keeps the matrix regular.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components

from gridloop.network.feeder.model import Feeder
from gridloop.powerflow.feeder.coils import Regulators, build_coils
from gridloop.powerflow.feeder.loads import LoadBranches, build_loads
from gridloop.powerflow.feeder.nodes import GROUND, Nodes, active
from gridloop.powerflow.feeder.primitives import Group, build_sources, capacitor_groups, line_groups
from gridloop.units import BoolArray, ComplexArray, FloatArray, IntArray

BASE_PHASE_MVA = 1.0
# Susceptance from a node without supply to ground, per unit: a milliwatt's worth.
_FLOATING = 1e-9j


@dataclass(frozen=True)
class TapControls:
    """Controls in service; voltages in volts on the secondary of the voltage transformer.

    row          [control]     row of the regulator table
    unit         [control]     regulator unit whose secondary coil it measures
    monitored    [control, 2]  nodes between which it measures the voltage
    compensates  [control]     whether the drop of the unit's current is added
    vreg, band, pt_ratio, ct_primary_a, r, x, delay   [control]  settings
    v_coil       [control]     rated voltage of the tapped coil, volts
    max_change   [control]     most steps of one move
    """

    row: IntArray
    unit: IntArray
    monitored: IntArray
    compensates: BoolArray
    vreg: FloatArray
    band: FloatArray
    pt_ratio: FloatArray
    ct_primary_a: FloatArray
    r: FloatArray
    x: FloatArray
    delay: FloatArray
    v_coil: FloatArray
    max_change: IntArray


@dataclass(frozen=True)
class FeederArrays:
    """A feeder for solvers. Nodes are those of the buses in table order, then the held nodes behind source impedances.

    bus_of     [node]  row of the bus table, −1 behind a source impedance
    phase      [node]  terminal
    v_base_kv  [node]  base voltage, to ground
    y          [node, node]  admittances without regulators and loads
    source     [held]  nodes whose voltage is held at v_source [held]
    loads      branches and consumption, see `LoadBranches`
    primary, secondary  [unit, 2]  nodes of every regulator unit, −1 for ground
    y_series   [unit]  its admittance seen from the primary
    ratio_base [unit]  its ratio at tap 0
    step       [unit]  relative change of one tap
    control    [unit]  which control moves it: units of a three-phase bank share one
    tap        [control]  present taps; tap_min, tap_max their limits
    controls   settings
    groups     primitive admittances in siemens, for currents of elements
    supplied   [node]  which nodes a source reaches through conductors and coils
    source_at, source_row  [held]  node each held voltage feeds, row of the source table
    """

    feeder: Feeder
    bus_of: IntArray
    phase: IntArray
    v_base_kv: FloatArray
    y: csr_array
    source: IntArray
    v_source: ComplexArray
    source_at: IntArray
    source_row: IntArray
    loads: LoadBranches
    units: Regulators
    primary: IntArray
    secondary: IntArray
    y_series: ComplexArray
    ratio_base: FloatArray
    step: FloatArray
    control: IntArray
    tap: IntArray
    tap_min: IntArray
    tap_max: IntArray
    controls: TapControls
    groups: tuple[Group, ...]
    supplied: BoolArray

    @property
    def dark(self) -> BoolArray:
        """Load branches with an end that is not supplied; they draw nothing, whatever is induced there. [branch]"""
        tail, head = self.loads.tail, self.loads.head
        return np.asarray(~self.supplied[tail] | ((head != GROUND) & ~self.supplied[head]))

    @property
    def n_nodes(self) -> int:
        return self.phase.size

    @property
    def s0(self) -> ComplexArray:
        """Consumption of every load and generator at rated voltage. [element], per unit"""
        return self.loads.s0

    @property
    def node_names(self) -> pd.Index:
        """Names "bus.phase" of the nodes of buses, which come first."""
        there = self.bus_of >= 0
        bus = self.feeder.bus.index[self.bus_of[there]]
        return pd.Index([f"{b}.{p}" for b, p in zip(bus, self.phase[there], strict=True)], name="node")

    def ratio(self, taps: IntArray) -> FloatArray:
        """Ratio of every regulator unit at taps [control]. [unit]"""
        return np.asarray(self.ratio_base * (1.0 + self.step * taps[self.control]))

    def regulator_admittance(self, taps: IntArray) -> csr_array:
        """What the regulators add to `y` at taps [control]. [node, node]"""
        a = self.ratio(taps)
        ends = np.concatenate([self.primary, self.secondary], axis=1)  # [unit, 4]
        across = np.stack([np.ones(a.size), -np.ones(a.size), -1.0 / a, 1.0 / a], axis=1)
        y = self.y_series[:, None, None] * across[:, :, None] * across[:, None, :]
        i, j, values = Group("regulator", self.control, ends, y).entries()
        return csr_array(coo_array((values, (i, j)), shape=self.y.shape))

    def admittance(self, taps: IntArray | None = None) -> csr_array:
        """The whole matrix at taps [control], those of the tables where none are given. [node, node]"""
        return _sorted(self.y + self.regulator_admittance(self.tap if taps is None else taps))


def build_feeder_arrays(feeder: Feeder) -> FeederArrays:
    """The arrays of a feeder. Raises `BadInput` where its tables contradict themselves."""
    nodes = Nodes.of(feeder)
    sources = build_sources(feeder, nodes)
    coils, units = build_coils(feeder, nodes)
    groups = [*line_groups(feeder, nodes), *coils, *capacitor_groups(feeder, nodes), *sources.groups]
    inner = sources.node >= nodes.n
    v_base = np.concatenate([nodes.v_base_kv, nodes.v_base_kv[sources.at[inner]]])
    controls, limits = _controls(feeder, units)
    supplied = _supplied(groups, units, sources.node, v_base.size)
    floating = diags_array(np.where(supplied, 0.0, _FLOATING))
    a = units.v_secondary_kv / units.v_primary_kv * _base_of(v_base, units.primary) / _base_of(v_base, units.secondary)
    return FeederArrays(
        feeder=feeder,
        bus_of=np.concatenate([nodes.bus_of, np.full(int(inner.sum()), -1)]),
        phase=np.concatenate([nodes.phase, nodes.phase[sources.at[inner]]]),
        v_base_kv=v_base,
        y=_sorted(_assemble(groups, v_base) + floating),
        source=sources.node,
        v_source=sources.v_kv / v_base[sources.node],
        source_at=sources.at,
        source_row=sources.row,
        loads=_lit(build_loads(feeder, nodes), supplied),
        units=units,
        primary=units.primary,
        secondary=units.secondary,
        y_series=units.y_siemens * _base_of(v_base, units.primary) ** 2 / BASE_PHASE_MVA,
        ratio_base=a,
        step=limits.step[units.control],
        control=units.control,
        tap=limits.tap,
        tap_min=limits.tap_min,
        tap_max=limits.tap_max,
        controls=controls,
        groups=tuple(groups),
        supplied=supplied,
    )


def _assemble(groups: list[Group], v_base: FloatArray) -> csr_array:
    """The nodal matrix of the groups, per unit, with every diagonal entry stored. [node, node]"""
    n = v_base.size
    parts = [group.entries() for group in groups]
    i = np.concatenate([np.arange(n), *(part[0] for part in parts)])
    j = np.concatenate([np.arange(n), *(part[1] for part in parts)])
    siemens = np.concatenate([np.zeros(n, dtype=complex), *(part[2] for part in parts)])
    return csr_array(coo_array((siemens * v_base[i] * v_base[j] / BASE_PHASE_MVA, (i, j)), shape=(n, n)))


def _lit(loads: LoadBranches, supplied: BoolArray) -> LoadBranches:
    """The loads, with no share of the power for branches that have an end without supply."""
    lit = supplied[loads.tail] & ((loads.head == GROUND) | supplied[loads.head])
    return replace(loads, share=np.where(lit, loads.share, 0.0))


def _sorted(matrix: csr_array) -> csr_array:
    matrix = csr_array(matrix)
    matrix.sort_indices()
    return matrix


def _supplied(groups: list[Group], units: Regulators, source: IntArray, n: int) -> BoolArray:
    """Nodes that conductors and coils join to a source, and those that conductors alone join to ground. [node]

    The ends of a coil, and all coils on a core, count as joined; conductors that only run side by side do not. An
    earthed neutral has its potential from ground; coils to ground say nothing of the potential at their other end.
    """
    coils = [np.stack([units.primary[:, k], units.secondary[:, m]], axis=1) for k in (0, 1) for m in (0, 1)]
    lines = [np.zeros((0, 2), dtype=np.int64)]
    for group in groups:
        ends = group.nodes.shape[1]
        if group.table == "transformer":
            coils += [group.nodes[:, [k, m]] for k in range(ends) for m in range(k)]
        elif group.table != "capacitor":
            lines += [group.nodes[:, [k, k + ends // 2]] for k in range(ends // 2)]
    through_coils = np.concatenate(coils)
    joined = np.concatenate([*lines, through_coils[(through_coils != GROUND).all(axis=1)]])
    to_ground = np.concatenate(lines)
    earth = np.where(to_ground == GROUND, n, to_ground)
    return _reached(joined[(joined != GROUND).all(axis=1)], source, n) | _reached(earth, np.array([n]), n + 1)[:n]


def _reached(pairs: IntArray, start: IntArray, n: int) -> BoolArray:
    """Nodes that pairs of joined nodes lead to from some. [n]"""
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    count, part = connected_components(graph, directed=False)
    fed = np.zeros(count, dtype=bool)
    fed[part[start]] = True
    return np.asarray(fed[part])


def _base_of(v_base: FloatArray, ends: IntArray) -> FloatArray:
    """Base voltage of the first end that is not ground. [unit]"""
    first = np.where(ends[:, 0] != GROUND, ends[:, 0], ends[:, 1])
    return v_base[first]


@dataclass(frozen=True)
class _Limits:
    step: FloatArray
    tap: IntArray
    tap_min: IntArray
    tap_max: IntArray


def _controls(feeder: Feeder, units: Regulators) -> tuple[TapControls, _Limits]:
    """Settings and tap ranges of the controls in service, from the windings they move."""
    table = active(feeder.regulator)
    n = len(table)
    winding = feeder.winding.set_index(["transformer", "number"], drop=False)
    keys = list(zip(table["transformer"], table["winding"], strict=True))
    moved = winding.loc[keys] if n else winding.iloc[:0]
    low, high = moved["tap_min_pu"].to_numpy(dtype=float), moved["tap_max_pu"].to_numpy(dtype=float)
    step = (high - low) / moved["tap_steps"].to_numpy(dtype=float)
    position = {(int(c), int(k)): u for u, (c, k) in enumerate(zip(units.control, units.coil, strict=True))}
    coil = np.minimum(
        table["monitored_phase"].to_numpy(dtype=np.int64) - 1, np.bincount(units.control, minlength=n) - 1
    )
    unit = np.array([position[c, int(k)] for c, k in enumerate(coil)], dtype=np.int64)
    remote = (table["monitored_bus"] != "").to_numpy()
    nodes = Nodes.of(feeder)
    monitored = units.secondary[unit].reshape(-1, 2).copy()
    for c in np.flatnonzero(remote):
        phase = int(nodes.phase[monitored[c, 0]])
        monitored[c] = nodes.find(
            "regulator", [str(table.index[int(c)])], [str(table["monitored_bus"].iloc[int(c)])], [(phase, 0)]
        )[0]

    def column(name: str) -> FloatArray:
        return table[name].to_numpy(dtype=float)

    controls = TapControls(
        row=table["row"].to_numpy(),
        unit=unit,
        monitored=monitored,
        compensates=~remote,
        vreg=column("v_set_v"),
        band=column("band_v"),
        pt_ratio=column("pt_ratio"),
        ct_primary_a=column("ct_primary_a"),
        r=column("r_v"),
        x=column("x_v"),
        delay=column("delay_s"),
        v_coil=1000.0 * units.v_secondary_kv[unit],
        max_change=table["max_tap_change"].to_numpy(dtype=np.int64),
    )

    def position_of(ratio: FloatArray) -> IntArray:
        return np.asarray(np.rint((ratio - 1.0) / step), dtype=np.int64)

    tap = position_of(moved["tap_pu"].to_numpy(dtype=float))
    return controls, _Limits(step, tap, position_of(low), position_of(high))
