"""The grid as the checker sees it, in kV, siemens and MVA: its own reading of the tables, its own π elements.

With voltages between phases in kV and admittances in siemens, v · conj(y · v) is in MVA: no per unit is needed.
A branch is a series admittance y with half of its shunt s at each end, on the head side of an ideal transformer
that divides the tail's voltage by the complex ratio n:

    v' = v_tail / n       i' = y (v' − v_head) + s/2 · v'        i_tail = i' / conj(n)
                          i_head = y (v_head − v') + s/2 · v_head
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gridloop.network.model import Network
from gridloop.units import SQRT3, BoolArray, ComplexArray, FloatArray, IntArray


@dataclass(frozen=True)
class Grid:
    """The tables in columns. Positions are rows of the bus table.

    on         [bus]     in service
    group      [bus]     number of what closed switches join to one; buses out of service stand alone
    island     [bus]     number of the island
    fed        [bus]     something in its island takes power, or a source is there
    tail, head [branch]  row of the bus
    at_tail    [branch]  connected there
    y, s       [branch]  series and shunt admittance [S]
    n          [branch]  complex ratio, 1 for a line
    limit_mva  [branch]  largest apparent power at either end; NaN where there is none
    angle_min  [branch]  smallest angle of tail over head [rad]; NaN where there is none
    """

    net: Network
    on: BoolArray
    group: IntArray
    island: IntArray
    fed: BoolArray
    kind: tuple[str, ...]
    branch: tuple[str, ...]
    n_lines: int
    tail: IntArray
    head: IntArray
    at_tail: BoolArray
    at_head: BoolArray
    y: ComplexArray
    s: ComplexArray
    n: ComplexArray
    limit_mva: FloatArray
    angle_min: FloatArray
    angle_max: FloatArray

    @property
    def v_nom_kv(self) -> FloatArray:
        return column(self.net.bus, "v_nom_kv")

    def rows_of(self, table: str) -> IntArray:
        """Row of the bus every element of a table hangs on."""
        return np.asarray(self.net.bus.index.get_indexer(pd.Index(self.net.tables[table]["bus"])), dtype=np.int64)

    def active(self, table: str) -> BoolArray:
        """In service, at a bus in service."""
        return self.net.tables[table]["in_service"].to_numpy(dtype=bool) & self.on[self.rows_of(table)]

    def by_group(self, rows: IntArray, values: ComplexArray | FloatArray) -> ComplexArray:
        """Sum of values over the groups of their buses. [group]"""
        size = int(self.group.max(initial=-1)) + 1
        real = np.bincount(self.group[rows], weights=np.real(values), minlength=size)
        return np.asarray(real + 1j * np.bincount(self.group[rows], weights=np.imag(values), minlength=size))


def column(table: pd.DataFrame, name: str, absent: float = np.nan) -> FloatArray:
    """A column of numbers; `absent` everywhere where the table does not have it."""
    if name not in table:
        return np.full(len(table), absent)
    return table[name].to_numpy(dtype=float)


def read_grid(net: Network) -> Grid:
    """The grid of one switching state."""
    bus, line, transformer = net.bus, net.line, net.transformer
    on, n_bus = bus["in_service"].to_numpy(dtype=bool), len(bus)
    ends = [
        np.asarray(bus.index.get_indexer(pd.Index([*line[end], *transformer[end]])), dtype=np.int64)
        for end in ("tail_bus", "head_bus")
    ]
    tail, head = ends
    serves = np.concatenate([t["in_service"].to_numpy(dtype=bool) for t in (line, transformer)])
    at_tail, at_head = serves & on[tail], serves & on[head]
    _open_ends(net, at_tail, at_head)
    fuse_a, fuse_b = _fused(net, on)
    group = _joined(n_bus, fuse_a, fuse_b)
    whole = at_tail & at_head
    island = _joined(n_bus, np.concatenate([fuse_a, tail[whole]]), np.concatenate([fuse_b, head[whole]]))
    v_nom, n_lines = column(bus, "v_nom_kv"), len(line)
    of_lines = _lines(line, v_nom[tail[:n_lines]])
    of_transformers = _transformers(transformer)
    y, s, n, limit = (np.concatenate(pair) for pair in zip(of_lines, of_transformers, strict=True))
    low, high = (
        np.concatenate([column(t, name) for t in (line, transformer)]) for name in ("angle_min_deg", "angle_max_deg")
    )
    none = (low == 0.0) & (high == 0.0)  # how the format says that there is no limit; so do ±360°
    low = np.where(none | (low <= -360.0), np.nan, low)
    high = np.where(none | (high >= 360.0), np.nan, high)
    return Grid(
        net=net,
        on=on,
        group=group,
        island=island,
        fed=on & np.isin(island, _fed_islands(net, on, island)),
        kind=("line",) * n_lines + ("transformer",) * len(transformer),
        branch=(*line.index, *transformer.index),
        n_lines=n_lines,
        tail=tail,
        head=head,
        at_tail=at_tail,
        at_head=at_head,
        y=np.where(serves, y, 0),
        s=np.where(serves, s, 0),
        n=n,
        limit_mva=np.real(limit),
        angle_min=np.deg2rad(low),
        angle_max=np.deg2rad(high),
    )


def _open_ends(net: Network, at_tail: BoolArray, at_head: BoolArray) -> None:
    """Switches that stand open at one end of a branch."""
    offset = {"line": 0, "transformer": len(net.line)}
    for switch in net.switch.to_dict("records"):
        kind = str(switch["element_kind"])
        if kind == "bus" or (switch["closed"] and switch["in_service"]):
            continue
        table = net.tables[kind]
        row = offset[kind] + int(table.index.get_indexer(pd.Index([switch["element"]]))[0])
        branch = table.loc[switch["element"]]
        at_tail[row] &= switch["bus"] != branch["tail_bus"]
        at_head[row] &= switch["bus"] != branch["head_bus"]


def _fused(net: Network, on: BoolArray) -> tuple[IntArray, IntArray]:
    switch = net.switch
    joins = switch[(switch["element_kind"] == "bus") & switch["closed"] & switch["in_service"]]
    a, b = (np.asarray(net.bus.index.get_indexer(pd.Index(joins[end])), dtype=np.int64) for end in ("bus", "element"))
    both = on[a] & on[b]
    return a[both], b[both]


def _joined(n: int, a: IntArray, b: IntArray) -> IntArray:
    _, label = connected_components(coo_array((np.ones(a.size), (a, b)), shape=(n, n)), directed=False)
    return np.asarray(label, dtype=np.int64)


def _fed_islands(net: Network, on: BoolArray, island: IntArray) -> IntArray:
    fed = []
    for table in ("load", "storage", "source"):
        frame = net.tables[table]
        rows = np.asarray(net.bus.index.get_indexer(pd.Index(frame["bus"])), dtype=np.int64)
        serving = frame["in_service"].to_numpy(dtype=bool) & on[rows]
        if table != "source":
            serving &= (column(frame, "p_mw") != 0) | (column(frame, "q_mvar") != 0)
        fed.append(island[rows[serving]])
    return np.unique(np.concatenate(fed))


_Pi = tuple[ComplexArray, ComplexArray, ComplexArray, FloatArray]


def _lines(line: pd.DataFrame, v_nom_kv: FloatArray) -> _Pi:
    length, circuits = column(line, "length_km"), column(line, "parallel")
    ohm = (column(line, "r_ohm_per_km") + 1j * column(line, "x_ohm_per_km")) * length
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.asarray(circuits / ohm, dtype=complex)
    s = circuits * length * (column(line, "g_us_per_km") + 1j * column(line, "b_us_per_km")) * 1e-6
    limit = SQRT3 * v_nom_kv * column(line, "i_max_ka") * circuits
    return y, np.asarray(s, dtype=complex), np.ones(len(line), dtype=complex), limit


def _transformers(t: pd.DataFrame) -> _Pi:
    steps = column(t, "tap_pos") - column(t, "tap_neutral")
    factor, turn = 1.0 + steps * column(t, "tap_step_pu"), steps * column(t, "tap_step_deg")
    on_head = t["tap_side"].to_numpy(dtype=object) == "head"
    tail_kv = column(t, "v_tail_kv") * np.where(on_head, 1.0, factor)
    head_kv = column(t, "v_head_kv") * np.where(on_head, factor, 1.0)
    lead = np.deg2rad(column(t, "shift_deg") + np.where(on_head, -turn, turn))
    n = tail_kv / head_kv * (np.cos(lead) + 1j * np.sin(lead))
    units, rated = column(t, "parallel"), column(t, "s_rated_mva")
    siemens = units * rated / head_kv**2  # one per unit of the plate, seen from the head
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.asarray(siemens / (column(t, "r_pu") + 1j * column(t, "x_pu")), dtype=complex)
    s = siemens * (column(t, "g_pu") + 1j * column(t, "b_pu"))
    return y, np.asarray(s, dtype=complex), np.asarray(n, dtype=complex), column(t, "s_max_mva") * units
