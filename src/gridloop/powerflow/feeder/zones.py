"""A feeder laid out for the compiled kernel: cut into zones at its regulators, ordered, factorized, packed.

Each zone is eliminated from its ends towards its ports; what is left there (the Schur complement S) tells the zone
above how this one answers a change of voltage. Nodes without loads come first, and do not take part in the iterations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from gridloop.errors import SolveFailed
from gridloop.kernel.elimination import (
    Elimination,
    Index,
    Rows,
    SingleArray,
    block_numbers,
    eliminate,
    make_plan,
    product,
    scalar_rows,
)
from gridloop.kernel.feeder import FactorRows, FeederLoads, FeederPlan, Ports
from gridloop.powerflow.feeder.arrays import FeederArrays
from gridloop.powerflow.feeder.loads import LoadBranches, load_currents
from gridloop.powerflow.feeder.nodes import GROUND
from gridloop.units import BoolArray, ComplexArray, FloatArray, IntArray

# Relative change of a voltage for the loads' derivatives, taken from both sides.
_NUDGE = 1e-6
# Ranks of a zone's nodes in the order of elimination.
_WITHOUT_LOAD, _WITH_LOAD, _PORT = 0, 1, 2
# Rows of a factor: where each starts, unknown of every entry, factors of the two equations.
_Rows = tuple[Rows, IntArray, SingleArray]


@dataclass(frozen=True)
class Layout:
    """A feeder for the kernel, around one solved state.

    plan, loads  as the kernel takes them
    row_of       [node]  row of every node of the arrays; −1 where it is held
    v0           [node]  the solved state, per unit
    taps         [control]  taps of that state
    cut          True where regulators cut the feeder into zones, so that taps can differ between scenarios
    """

    plan: FeederPlan
    loads: FeederLoads
    row_of: IntArray
    v0: ComplexArray
    taps: IntArray
    cut: bool


@dataclass(frozen=True)
class _Parts:
    """The matrix to be laid out: free and held nodes, those above the ports added at the end.

    y       [node, node]  without the regulators that are ports
    v0      [node]
    held    [node]
    port, above  [port]   nodes
    base    [port]        ratio; current [port] into it at v0
    """

    y: csr_array
    v0: ComplexArray
    held: BoolArray
    port: IntArray
    above: IntArray
    base: FloatArray
    current: ComplexArray


def lay_out(arrays: FeederArrays, v0: ComplexArray, taps: IntArray, s0: ComplexArray, *, cut: bool) -> Layout:
    """Lay a feeder out around the state v0 [node] that taps [control] and consumption s0 [element] have.

    cut  try to cut it at its regulators

    Raises `SolveFailed` where the matrix there is singular.
    """
    parts = _cut(arrays, v0, taps) if cut else None
    done = parts is not None
    if parts is None:
        held = np.zeros(arrays.n_nodes, dtype=bool)
        held[arrays.source] = True
        none = np.empty(0, dtype=np.int64)
        parts = _Parts(arrays.admittance(taps), v0, held, none, none, np.empty(0), np.empty(0, complex))
    taken, derivative = _linearized(arrays.loads, v0, s0)
    plan, row_of = _plan(parts, arrays.loads, derivative, _without_load(arrays, parts))
    loads = _pack_loads(arrays, v0, row_of, taken, derivative)
    return Layout(plan, loads, row_of[: arrays.n_nodes], v0, np.array(taps), done)


def _cut(arrays: FeederArrays, v0: ComplexArray, taps: IntArray) -> _Parts | None:
    """The feeder without its regulators, and with a node above each port; None where that does not take it apart."""
    n, units = arrays.n_nodes, arrays.primary.shape[0]
    if units == 0 or (arrays.primary[:, 1] != GROUND).any() or (arrays.secondary[:, 1] != GROUND).any():
        return None
    primary, port, a = arrays.primary[:, 0], arrays.secondary[:, 0], arrays.ratio(taps)
    above = np.arange(n, n + units)
    if np.unique(port).size < units:
        return None
    ys = arrays.y_series
    row = np.concatenate([primary, above, primary, above])
    col = np.concatenate([above, primary, primary, above])
    base = coo_array(arrays.y)
    size = n + units
    y = csr_array(
        coo_array(
            (
                np.concatenate([base.data, -ys, -ys, ys, ys]),
                (np.concatenate([base.coords[0], row]), np.concatenate([base.coords[1], col])),
            ),
            shape=(size, size),
        )
    )
    _, island = connected_components(_pattern(y), directed=False)
    head = np.isin(island, island[arrays.source])
    if head[port].any() or (island[port] == island[primary]).any():
        return None
    held = np.zeros(size, dtype=bool)
    held[arrays.source] = True
    current = ys / a * (v0[primary] - v0[port] / a)
    return _Parts(y, np.concatenate([v0, v0[port] / a]), held, port, above, a, current)


def _pattern(y: csr_array) -> csr_array:
    return csr_array((np.ones(y.nnz), y.indices, y.indptr), shape=y.shape)


def _linearized(loads: LoadBranches, v: ComplexArray, s: ComplexArray) -> tuple[FloatArray, FloatArray]:
    """What the loads draw around a state: I₀ − G u₀ [branch, 2] and G [branch, 4], row by row."""
    u = v[loads.tail] - np.where(loads.head >= 0, v[loads.head], 0.0)
    alone = replace(loads, tail=np.arange(u.size), head=np.full(u.size, GROUND))
    size = _NUDGE * np.maximum(np.abs(u), _NUDGE)
    by_real, by_imaginary = (
        (load_currents(alone, u + size * turn, s) - load_currents(alone, u - size * turn, s)) / (2 * size)
        for turn in (1.0, 1j)
    )
    g = np.stack([by_real.real, by_imaginary.real, by_real.imag, by_imaginary.imag], axis=1)
    i0 = load_currents(alone, u, s)
    rest = np.stack(
        [
            i0.real - g[:, 0] * u.real - g[:, 1] * u.imag,
            i0.imag - g[:, 2] * u.real - g[:, 3] * u.imag,
        ],
        axis=1,
    )
    return rest, g


def _without_load(arrays: FeederArrays, parts: _Parts) -> BoolArray:
    """Nodes that need not take part in the iterations: those of buses without loads and with two neighbours at most.

    Leaving a bus of more neighbours out would tie all of them to each other.
    """
    size = parts.y.shape[0]
    bus = np.arange(size)
    named = arrays.bus_of >= 0
    bus[: arrays.n_nodes][named] = size + arrays.bus_of[named]
    loads = arrays.loads
    measured = arrays.controls.monitored
    parts_of = (loads.tail, loads.head, measured.ravel(), parts.port, parts.above, np.flatnonzero(parts.held))
    busy = np.concatenate(parts_of)
    busy = busy[busy >= 0]
    kept = set(bus[busy].tolist())
    pattern = coo_array(parts.y)
    near: dict[int, set[int]] = {int(b): set() for b in bus}
    for i, k in zip(bus[pattern.coords[0]].tolist(), bus[pattern.coords[1]].tolist(), strict=True):
        if i != k:
            near[i].add(k)
    left, waiting = set(), [b for b in sorted(near) if b not in kept]
    while waiting:
        b = waiting.pop()
        if b in left or b in kept or len(near[b]) > 2:
            continue
        left.add(b)
        for other in near[b]:
            near[other] |= near[b] - {other}
            near[other] -= {b}
            waiting.append(other)
    return np.isin(bus, np.array(sorted(left), dtype=np.int64))


def _plan(parts: _Parts, loads: LoadBranches, g: FloatArray, idle: BoolArray) -> tuple[FeederPlan, IntArray]:
    """Order, factorize and pack zone by zone, from the ends of the feeder to its head."""
    row, col, block = _entries(parts, loads, g)
    size = parts.y.shape[0]
    row_of = np.full(size, -1, dtype=np.int64)
    zones, packed, seen, done = [], [], [], 0
    most = 1
    for nodes in _zones(parts):
        ports = np.isin(nodes, parts.port)
        local = np.full(size, -1, dtype=np.int64)
        local[nodes] = np.arange(nodes.size)
        inner = (local[row] >= 0) & (local[col] >= 0)
        rank = np.where(ports, _PORT, np.where(idle[nodes], _WITHOUT_LOAD, _WITH_LOAD))
        plan = make_plan(nodes.size, local[row[inner]], local[col[inner]], rank)
        place = np.argsort(plan.order)
        i, k = place[local[row[inner]]], place[local[col[inner]]]
        blocks = np.zeros((nodes.size + 2 * plan.col.size, 4))
        np.add.at(blocks, block_numbers(plan.start, plan.col, i, k), block[inner])
        n_port, n_idle = int(ports.sum()), int((rank == _WITHOUT_LOAD).sum())
        if not eliminate(plan, blocks, nodes.size - n_port):
            raise SolveFailed("The matrix of the feeder is singular: a part of it hangs on nothing.")
        ordered = nodes[plan.order.astype(np.int64)]
        row_of[ordered] = done + np.arange(nodes.size)
        packed.append(_pack(plan, blocks, n_idle, n_port, done))
        zones.append([done, done + n_idle, done + nodes.size - n_port, done + nodes.size])
        rest = _left_at_ports(plan, blocks, n_port)
        mine = np.array([np.flatnonzero(parts.port == p)[0] for p in ordered[nodes.size - n_port :]], dtype=np.int64)
        seen.append((mine, rest))
        most = max(most, n_port)
        # What is left answers at the nodes above: b S b.
        at, b = parts.above[mine], parts.base[mine]
        row = np.concatenate([row, np.repeat(at, n_port)])
        col = np.concatenate([col, np.tile(at, n_port)])
        block = np.concatenate([block, (b[:, None, None] * rest * b[None, :, None]).reshape(-1, 4)])
        done += nodes.size
    order = np.concatenate([mine for mine, _ in seen])
    answers = np.zeros((order.size, most, 4))
    bank = [0]
    for mine, rest in seen:
        answers[bank[-1] : bank[-1] + mine.size, : mine.size] = rest
        bank.append(bank[-1] + mine.size)
    current = np.stack([parts.current.real, parts.current.imag], axis=1)[order]
    v = np.zeros((done, 2))
    free = row_of >= 0
    v[row_of[free]] = np.stack([parts.v0[free].real, parts.v0[free].imag], axis=1)
    lower, upper = _join([p[0] for p in packed]), _join([p[1] for p in packed])
    joints = Ports(
        row_of[parts.port[order]],
        row_of[parts.above[order]],
        np.array(bank, dtype=np.int64),
        np.repeat(np.arange(len(zones)), np.diff(bank)),
        parts.base[order].astype(np.float32),
        np.ones(order.size, dtype=np.float32),
        current.astype(np.float32),
        answers.astype(np.float32),
    )
    inverse = np.concatenate([p[2] for p in packed]).astype(np.float32)
    rows = FactorRows(*lower, *upper, inverse)
    return FeederPlan(np.array(zones, dtype=np.int64), v.astype(np.float32), rows, joints), row_of


def _entries(parts: _Parts, loads: LoadBranches, g: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
    """The matrix Y + G between free nodes: row, column and block of 2 × 2 of every entry."""
    y = coo_array(parts.y)
    row, col = (axis.astype(np.int64) for axis in y.coords)
    block = np.stack([y.data.real, -y.data.imag, y.data.imag, y.data.real], axis=1)
    sides = [(loads.tail, loads.tail, g), (loads.tail, loads.head, -g), (loads.head, loads.tail, -g)]
    sides.append((loads.head, loads.head, g))
    there = [(a >= 0) & (b >= 0) for a, b, _ in sides]
    row = np.concatenate([row, *(a[ok] for (a, _, _), ok in zip(sides, there, strict=True))])
    col = np.concatenate([col, *(b[ok] for (_, b, _), ok in zip(sides, there, strict=True))])
    block = np.concatenate([block, *(values[ok] for (_, _, values), ok in zip(sides, there, strict=True))])
    free = ~parts.held[row] & ~parts.held[col]
    return row[free], col[free], block[free]


def _zones(parts: _Parts) -> list[IntArray]:
    """Free nodes of every zone, those below others first; the head of the feeder, and what hangs on nothing, last."""
    free = np.flatnonzero(~parts.held)
    _, island = connected_components(_pattern(parts.y), directed=False)
    if parts.port.size == 0:
        return [free]
    head = np.isin(island, island[parts.held])
    zone_of = np.where(head, -1, island)
    fed = np.unique(zone_of[parts.port])
    zone_of[~np.isin(zone_of, fed)] = -1  # hangs on nothing
    below: dict[int, set[int]] = {int(z): set() for z in [*fed, -1]}
    for port, above in zip(parts.port, parts.above, strict=True):
        below[int(zone_of[above])].add(int(zone_of[port]))
    order: list[int] = []

    def visit(zone: int) -> None:
        if zone not in order:
            for other in sorted(below[zone]):
                visit(other)
            order.append(zone)

    visit(-1)
    return [free[zone_of[free] == zone] for zone in order]


def _pack(
    plan: Elimination, blocks: FloatArray, n_idle: int, n_port: int, first: int
) -> tuple[_Rows, _Rows, FloatArray]:
    """Rows of L, of D⁻¹U and D⁻¹ of one zone, unknowns counted from `first`.

    Rows that iterate do without the entries of those that do not; ports have no U, and no L between them.
    """
    n, n_upper = plan.order.size, plan.col.size
    start, col = plan.start.astype(np.int64), plan.col.astype(np.int64)
    row = np.repeat(np.arange(n), np.diff(start))
    upper, lower, inverse = blocks[n : n + n_upper], blocks[n + n_upper :], blocks[:n]
    unknown, none = 2 * np.arange(n + 1), np.zeros(n, dtype=bool)
    last = n - n_port
    order = np.lexsort((row, col))
    kept = order[(row[order] >= n_idle) & (row[order] < last)]
    lower_rows = scalar_rows(n, col[kept], row[kept], lower[kept], unknown, none)
    ahead = np.flatnonzero(row < last)
    upper_rows = scalar_rows(n, row[ahead], col[ahead], product(inverse[row[ahead]], upper[ahead]), unknown, none)
    return (
        (lower_rows[0], lower_rows[1].astype(np.int64) + 2 * first, lower_rows[2]),
        (upper_rows[0], upper_rows[1].astype(np.int64) + 2 * first, upper_rows[2]),
        inverse,
    )


def _join(rows: list[_Rows]) -> tuple[Rows, Rows, SingleArray]:
    """Rows of several zones behind each other."""
    start = np.concatenate([[0], *(np.diff(s.astype(np.int64)) for s, _, _ in rows)]).cumsum()
    return (
        start.astype(Index),
        np.concatenate([c for _, c, _ in rows]).astype(Index),
        np.concatenate([v for _, _, v in rows]).astype(np.float32).reshape(-1, 2),
    )


def _left_at_ports(plan: Elimination, blocks: FloatArray, n_port: int) -> FloatArray:
    """Blocks between the ports that are left when all else is eliminated. [port, port, 4]"""
    n = plan.order.size
    at = np.arange(n - n_port, n)
    i, k = np.repeat(at, n_port), np.tile(at, n_port)
    numbers = block_numbers(plan.start, plan.col, i, k)
    there = (numbers > 0) | (i == k)
    values = np.where(there[:, None], blocks[numbers], 0.0)
    return values.reshape(n_port, n_port, 4)


def _pack_loads(
    arrays: FeederArrays, v0: ComplexArray, row_of: IntArray, rest: FloatArray, g: FloatArray
) -> FeederLoads:
    loads = arrays.loads
    tail = row_of[loads.tail]
    head = np.where(loads.head >= 0, row_of[loads.head], -1)
    at_tail = np.where(tail < 0, v0[loads.tail], 0.0)
    at_head = np.where((head < 0) & (loads.head >= 0), v0[loads.head], 0.0)
    power = np.array([0.0, 0.0, 1.0])
    simple = (loads.zip_p == power).all(axis=1) & (loads.zip_q == power).all(axis=1) & (loads.v_low > loads.v_floor)
    columns = [loads.share, 1.0 / loads.v_rated, *loads.zip_p.T, *loads.zip_q.T]
    columns += [loads.v_low, loads.v_high, loads.v_floor, *loads.g_low.T, *loads.g_high.T]
    number = np.stack(columns, axis=1)
    return FeederLoads(
        tail,
        head,
        np.stack([at_tail.real, at_tail.imag, at_head.real, at_head.imag], axis=1).astype(np.float32),
        loads.element.astype(np.int64),
        simple.astype(np.int8),
        np.ascontiguousarray(number.astype(np.float32)),
        np.concatenate([rest, g], axis=1).astype(np.float32),
    )
