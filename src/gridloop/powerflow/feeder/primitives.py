"""Primitive admittances: what each line, capacitor and source adds to the nodal matrix, in siemens.

A line with series impedance Z and shunt susceptance B [conductor, conductor] is the π

    [ Z⁻¹ + jB/2      −Z⁻¹    ]
    [   −Z⁻¹      Z⁻¹ + jB/2  ]

a capacitor of q Mvar at v kV the susceptance q/v² across its terminals, and a source its sequence impedances turned
into phases, Z_s = (2 Z₁ + Z₀)/3 on the diagonal and Z_m = (Z₀ − Z₁)/3 beside it, between held nodes and its bus.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, listed
from gridloop.network.feeder.model import Feeder, terminals
from gridloop.powerflow.feeder.nodes import GROUND, Nodes, active, branches_of
from gridloop.units import SQRT3, ComplexArray, IntArray


@dataclass(frozen=True)
class Group:
    """Elements of one table that have the same number of ends.

    table  the table
    row    [element]            row of the table
    nodes  [element, end]       nodes they join, −1 for ground
    y      [element, end, end]  admittance in siemens: current into an end per voltage of an end
    """

    table: str
    row: IntArray
    nodes: IntArray
    y: ComplexArray

    def entries(self) -> tuple[IntArray, IntArray, ComplexArray]:
        """Rows, columns and values in the nodal matrix; ends at ground leave none."""
        ends = self.nodes.shape[1]
        i = np.repeat(self.nodes, ends, axis=1).ravel()
        j = np.tile(self.nodes, (1, ends)).ravel()
        there = (i != GROUND) & (j != GROUND)
        return i[there], j[there], self.y.ravel()[there]


def line_groups(feeder: Feeder, nodes: Nodes) -> list[Group]:
    """Lines, switches and reactors in service and closed, by their number of conductors.

    Raises `BadInput` where a code has no matrix of the line's size, or one that cannot be inverted.
    """
    line = active(feeder.line)
    if not len(line):
        return []
    codes = _matrices(feeder.line_code)
    tails = [terminals(text) for text in line["tail_phases"]]
    heads = [terminals(text) for text in line["head_phases"]]
    size = np.array([len(some) for some in tails])
    unfit = [
        str(i)
        for i, code, a, b in zip(line.index, line["code"], tails, heads, strict=True)
        if code not in codes or codes[code][0].shape[0] != len(a) or len(a) != len(b)
    ]
    if unfit:
        raise BadInput(
            f"{len(unfit)} lines have another number of conductors than their code, or at their other end, or no code: "
            f"{listed(unfit)}. Give both ends as many terminals as the code has rows.",
            table="line",
            ids=unfit,
        )
    groups = []
    for m in np.unique(size):
        some = np.flatnonzero(size == m)
        rows = line.iloc[some]
        ids = [str(i) for i in rows.index]
        tail = nodes.find("line", ids, list(rows["tail_bus"]), [tails[k] for k in some])
        head = nodes.find("line", ids, list(rows["head_bus"]), [heads[k] for k in some])
        length = rows["length_km"].to_numpy(dtype=float)[:, None, None]
        number = {code: k for k, code in enumerate(dict.fromkeys(rows["code"]))}
        of_code = np.array([number[code] for code in rows["code"]])
        z = np.stack([codes[code][0] for code in number])[of_code] * length
        half = np.stack([codes[code][1] for code in number])[of_code] * length * 0.5e-6j
        series = _inverse(z, ids)
        y = np.concatenate(
            [np.concatenate([series + half, -series], axis=2), np.concatenate([-series, series + half], axis=2)], axis=1
        )
        groups.append(Group("line", rows["row"].to_numpy(), np.concatenate([tail, head], axis=1), y))
    return groups


def _matrices(entries: pd.DataFrame) -> dict[str, tuple[ComplexArray, ComplexArray]]:
    """Series impedance [Ω/km] and shunt susceptance [µS/km] of every code, full matrices."""
    found: dict[str, tuple[ComplexArray, ComplexArray]] = {}
    for code, some in entries.groupby("code", sort=False):
        i, j = some["row"].to_numpy() - 1, some["column"].to_numpy() - 1
        m = int(max(i.max(), j.max())) + 1
        z, b = np.full((m, m), np.nan + 0j), np.full((m, m), np.nan + 0j)
        z[i, j] = z[j, i] = some["r_ohm_per_km"].to_numpy() + 1j * some["x_ohm_per_km"].to_numpy()
        b[i, j] = b[j, i] = some["b_us_per_km"].to_numpy()
        if np.isnan(z).any() or np.isnan(b).any():
            raise BadInput(
                f"line code {code!r} lacks entries of its {m} × {m} matrices. Give every row and column at or below "
                "the diagonal, with r, x and b.",
                code=code,
            )
        found[str(code)] = (z, b)
    return found


def _inverse(z: ComplexArray, ids: list[str]) -> ComplexArray:
    """Inverses of the matrices z [element, m, m]. Raises `BadInput` for those that have none."""
    with np.errstate(all="ignore"):
        sound = np.isfinite(z).all(axis=(1, 2)) & (np.abs(np.linalg.det(np.where(np.isfinite(z), z, 0))) > 0)
    if not sound.all():
        wrong = [ids[k] for k in np.flatnonzero(~sound)]
        raise BadInput(
            f"{len(wrong)} lines have an impedance matrix that cannot be inverted (zero, missing or of equal rows): "
            f"{listed(wrong)}. A closed switch needs a small resistance, such as 1e-6 Ω.",
            table="line",
            ids=wrong,
        )
    return np.asarray(np.linalg.inv(z), dtype=complex)


def capacitor_groups(feeder: Feeder, nodes: Nodes) -> list[Group]:
    """Capacitors in service and closed: one entry per unit between two terminals."""
    capacitor = active(feeder.capacitor)
    ids: list[str] = []
    buses: list[str] = []
    pairs: list[tuple[int, int]] = []
    rows: list[int] = []
    b: list[float] = []
    for name, c in zip(capacitor.index, capacitor.to_dict("records"), strict=True):
        units = branches_of(str(c["connection"]), terminals(str(c["phases"])))
        v_kv = c["v_rated_kv"] / (SQRT3 if c["connection"] == "wye" and len(units) > 1 else 1.0)
        ids += [str(name)] * len(units)
        buses += [str(c["bus"])] * len(units)
        pairs += units
        rows += [int(c["row"])] * len(units)
        b += [c["q_mvar"] / len(units) / v_kv**2] * len(units)
    if not rows:
        return []
    across = np.array([[1.0, -1.0], [-1.0, 1.0]])
    y = 1j * np.array(b)[:, None, None] * across
    return [Group("capacitor", np.array(rows), nodes.find("capacitor", ids, buses, pairs), y)]


@dataclass(frozen=True)
class Sources:
    """Held nodes behind the impedance of every source.

    node     [held]  number of the node: those after the buses' nodes, or the bus's own where there is no impedance
    at       [held]  node of the bus it feeds
    row      [held]  row of the source table
    v_kv     [held]  voltage to ground, complex
    groups   what joins them to their buses
    """

    node: IntArray
    at: IntArray
    row: IntArray
    v_kv: ComplexArray
    groups: list[Group]


def build_sources(feeder: Feeder, nodes: Nodes) -> Sources:
    """The sources in service; with an impedance of zero their bus itself is held."""
    source = active(feeder.source)
    node, at, row, v_kv, groups = [], [], [], [], []
    next_node = nodes.n
    for name, s in zip(source.index, source.to_dict("records"), strict=True):
        ends = split_ends(str(s["phases"]))
        m = len(ends)
        bus_nodes = nodes.find("source", [str(name)], [str(s["bus"])], [ends])[0]
        z1, z0 = complex(s["r1_ohm"], s["x1_ohm"]), complex(s["r0_ohm"], s["x0_ohm"])
        z = np.full((m, m), (z0 - z1) / 3) + np.eye(m) * z1 if m > 1 else np.array([[z1]])
        magnitude = s["v_rated_kv"] * s["v_set_pu"] / (SQRT3 if m > 1 else 1.0)
        turn = np.deg2rad(s["angle_deg"] - 360.0 / max(m, 1) * np.arange(m))
        own = np.arange(next_node, next_node + m) if np.any(z) else bus_nodes
        if np.any(z):
            series = _inverse(z[None], [str(name)])[0]
            y = np.block([[series, -series], [-series, series]])[None]
            groups.append(Group("source", np.array([s["row"]]), np.concatenate([own, bus_nodes])[None], y))
            next_node += m
        node.append(own)
        at.append(bus_nodes)
        row.append(np.full(m, s["row"]))
        v_kv.append(magnitude * np.exp(1j * turn))
    if not node:
        raise BadInput("the feeder has no source in service; give it one, or nothing is supplied.", table="source")
    join = np.concatenate
    return Sources(join(node), join(at), join(row), join(v_kv), groups)


def split_ends(text: str) -> tuple[int, ...]:
    """Terminals without ground."""
    return tuple(t for t in terminals(text) if t)
