"""Transformers as coils: every single-phase unit with its admittance, and which of them are regulators.

A unit of W windings has the short-circuit impedances of windings 2 … W against winding 1, per unit of its rating:

    Z_ii = r₁ + r_i+1 + j x_1,i+1        Z_ij = r₁ + j (x_1,i+1 + x_1,j+1 − x_i+1,j+1)/2

and with N = [1 … 1; −I] the winding admittance is N Z⁻¹ Nᵀ, scaled by the rating over the product of the coils'
voltages (rated × tap). The no-load branch lies across winding 2, and a small reactance from every coil end to ground
keeps a floating side defined (`antifloat_ppm`).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gridloop.errors import BadInput, listed
from gridloop.network.feeder.model import Feeder, terminals
from gridloop.powerflow.feeder.nodes import Nodes, active, split_wye
from gridloop.powerflow.feeder.primitives import Group
from gridloop.units import SQRT3, ComplexArray, FloatArray, IntArray

Row = dict[Hashable, Any]


class Unit(NamedTuple):
    """One single-phase unit: a coil per winding on a common core. Per unit of its rating.

    row, coil     row of the transformer table; number of the unit in it, from 0
    buses, ends   bus and terminal of every coil end: two of winding 1, two of winding 2 …
    floating      admittance of every coil end to ground, siemens
    v_kv, tap, r  of every winding: rated voltage of its coil, ratio, resistance
    x             reactances 1-2, and with three windings 1-3 and 2-3
    s_mva         rating
    no_load       admittance of the no-load branch
    control       row among the regulator controls in service, −1 for none
    tapped        winding that it moves, from 0
    """

    row: int
    coil: int
    buses: list[str]
    ends: list[int]
    floating: list[complex]
    v_kv: list[float]
    tap: list[float]
    r: list[float]
    x: list[float]
    s_mva: float
    no_load: complex
    control: int
    tapped: int


@dataclass(frozen=True)
class Regulators:
    """Single-phase units whose tap a control moves; the tapped winding is the secondary.

    row                  [unit]     row of the transformer table
    control              [unit]     row among the regulator controls in service
    coil                 [unit]     its number in the transformer, from 0
    tapped               [unit]     number of the tapped winding, from 0
    primary, secondary   [unit, 2]  nodes, −1 for ground
    y_siemens            [unit]     series admittance seen from the primary
    v_primary_kv         [unit]     voltage of the primary coil: rated × its own tap
    v_secondary_kv       [unit]     rated voltage of the secondary coil
    """

    row: IntArray
    control: IntArray
    coil: IntArray
    tapped: IntArray
    primary: IntArray
    secondary: IntArray
    y_siemens: ComplexArray
    v_primary_kv: FloatArray
    v_secondary_kv: FloatArray


def build_coils(feeder: Feeder, nodes: Nodes) -> tuple[list[Group], Regulators]:
    """Units by their number of windings, and the regulators; those leave only their shunts in the groups.

    Raises `BadInput` where windings are missing or without impedance, or a control cannot move what it names.
    """
    units = _units(feeder)
    ids = [str(i) for i in feeder.transformer.index]
    groups = []
    for w in sorted({len(u.v_kv) for u in units}):
        some = [u for u in units if len(u.v_kv) == w]
        series = _winding_admittance(some, w, ids)
        series[[u.control >= 0 for u in some]] = 0
        series[:, 1, 1] += np.array([u.no_load for u in some])
        turns = np.array([u.v_kv for u in some]) * np.array([u.tap for u in some])
        y = series * np.array([u.s_mva for u in some])[:, None, None] / (turns[:, :, None] * turns[:, None, :])
        across = np.kron(np.eye(w), np.array([[1.0], [-1.0]]))  # [end, winding]
        ends = across @ y @ across.T
        diagonal = np.arange(2 * w)
        ends[:, diagonal, diagonal] += np.array([u.floating for u in some])
        groups.append(Group("transformer", np.array([u.row for u in some]), _nodes_of(nodes, some, ids), ends))
    return groups, _regulators(nodes, [u for u in units if u.control >= 0], ids)


def _regulators(nodes: Nodes, units: list[Unit], ids: list[str]) -> Regulators:
    tapped = np.array([u.tapped for u in units], dtype=np.int64)
    rows = np.arange(tapped.size)
    coil = _nodes_of(nodes, units, ids).reshape(-1, 2, 2)  # [unit, winding, end]
    rated = np.array([u.v_kv for u in units]).reshape(-1, 2)
    v_primary = rated[rows, 1 - tapped] * np.array([u.tap for u in units]).reshape(-1, 2)[rows, 1 - tapped]
    y = _winding_admittance(units, 2, ids)[:, 0, 0] if units else np.zeros(0, dtype=complex)
    return Regulators(
        np.array([u.row for u in units], dtype=np.int64),
        np.array([u.control for u in units], dtype=np.int64),
        np.array([u.coil for u in units], dtype=np.int64),
        tapped,
        coil[rows, 1 - tapped],
        coil[rows, tapped],
        y * np.array([u.s_mva for u in units]) / v_primary**2,
        v_primary,
        rated[rows, tapped],
    )


def _nodes_of(nodes: Nodes, units: list[Unit], ids: list[str]) -> IntArray:
    """Nodes of every coil end. [unit, end]"""
    ends = [(end,) for u in units for end in u.ends]
    names = [ids[u.row] for u in units for _ in u.ends]
    found = nodes.find("winding", names, [bus for u in units for bus in u.buses], ends)
    return found.reshape(len(units), 2 * len(units[0].v_kv) if units else 4)


def _winding_admittance(units: list[Unit], w: int, ids: list[str]) -> ComplexArray:
    """N Z⁻¹ Nᵀ of units of w windings, per unit. [unit, winding, winding]"""
    r, x = np.array([u.r for u in units]), np.array([u.x for u in units])
    z = np.zeros((len(units), w - 1, w - 1), dtype=complex)
    for i in range(w - 1):
        z[:, i, i] = r[:, 0] + r[:, i + 1] + 1j * x[:, i]
    if w == 3:
        z[:, 0, 1] = z[:, 1, 0] = r[:, 0] + 0.5j * (x[:, 0] + x[:, 1] - x[:, 2])
    bad = ~np.isfinite(z).all(axis=(1, 2)) | (np.abs(np.linalg.det(np.where(np.isfinite(z), z, 0))) == 0)
    if bad.any():
        wrong = list(dict.fromkeys(ids[units[k].row] for k in np.flatnonzero(bad)))
        raise BadInput(
            f"{len(wrong)} transformers have no usable short-circuit impedance: {listed(wrong)}. Give reactances "
            "between all windings; an ideal transformer needs a small one, such as 0.001 %.",
            table="transformer",
            ids=wrong,
        )
    n = np.concatenate([np.ones((1, w - 1)), -np.eye(w - 1)])
    return np.asarray(n @ np.linalg.inv(z) @ n.T, dtype=complex)


def _units(feeder: Feeder) -> list[Unit]:
    """Every single-phase unit of the transformers in service."""
    transformer, controls = active(feeder.transformer), active(feeder.regulator)
    control_of = {str(c["transformer"]): (k, c) for k, c in enumerate(controls.to_dict("records"))}
    idle = [str(i) for i, t in zip(controls.index, controls["transformer"], strict=True) if t not in transformer.index]
    twice = controls.index[controls["transformer"].duplicated()]
    if idle or len(twice):
        raise BadInput(
            f"{len(idle) + len(twice)} regulators name a transformer that is out of service or not there, or has "
            f"another regulator: {listed([*idle, *map(str, twice)])}. Take them out of service.",
            table="regulator",
            ids=[*idle, *map(str, twice)],
        )
    windings: dict[str, list[Row]] = {}
    for row in feeder.winding.sort_values("number", kind="stable").to_dict("records"):
        windings.setdefault(str(row["transformer"]), []).append(row)
    units: list[Unit] = []
    for name, t in zip(transformer.index, transformer.to_dict("records"), strict=True):
        own = windings.get(str(name), [])
        control, c = control_of.get(str(name), (-1, {}))
        tapped = int(c.get("winding", 1)) - 1
        if [w["number"] for w in own] not in ([1, 2], [1, 2, 3]) or (control >= 0 and (len(own) != 2 or tapped > 1)):
            there = listed([str(w["number"]) for w in own]) or "none"
            raise BadInput(
                f"transformer {name!r} has windings {there}; it needs 1 and 2, or 1, 2 and 3, and 1 and 2 alone "
                "where a regulator moves one of them.",
                table="transformer",
                ids=[str(name)],
            )
        units += _units_of(str(name), t, own, control, tapped)
    return units


def _units_of(name: str, t: Row, own: list[Row], control: int, tapped: int) -> list[Unit]:
    m = int(t["n_phases"])
    coils = [_coils(name, w, m, _turn(t, own)) for w in own]
    s_mva = own[0]["s_rated_mva"] / m
    v_kv = [w["v_rated_kv"] / (SQRT3 if w["connection"] == "wye" and m > 1 else 1.0) for w in own]
    # Half of the rating's millionths at either end of every coil, and once more at the neutral of a wye.
    leak = [-0.5e-6j * t["antifloat_ppm"] * s_mva / v**2 for v in v_kv]
    neutral = [y if w["connection"] == "wye" else 0j for y, w in zip(leak, own, strict=True)]
    pct = 0.01
    x = [t["x_12_pct"] * pct] if len(own) == 2 else [t[f"x_{p}_pct"] * pct for p in ("12", "13", "23")]
    return [
        Unit(
            row=int(t["row"]),
            coil=k,
            buses=[str(w["bus"]) for w in own for _ in range(2)],
            ends=[end for some in coils for end in some[k]],
            floating=[y for i, each in enumerate(leak) for y in (each, each + (neutral[i] if k == m - 1 else 0))],
            v_kv=v_kv,
            tap=[float(w["tap_pu"]) for w in own],
            r=[w["r_pct"] * pct for w in own],
            x=x,
            s_mva=float(s_mva),
            no_load=complex(t["no_load_loss_pct"], -t["magnetising_pct"]) * pct,
            control=control,
            tapped=tapped,
        )
        for k in range(m)
    ]


def _turn(t: Row, own: list[Row]) -> int:
    """−1 where coil k of a delta lies between terminals k and k − 1, +1 where between k and k + 1.

    Between a wye and a delta that makes the higher voltage lead by 30°, or lag.
    """
    high = own[0] if own[0]["v_rated_kv"] >= own[1]["v_rated_kv"] else own[1]
    direction = -1 if high["connection"] == "delta" else 1
    return direction if t["shift"] == "high_leads" else -direction


def _coils(name: str, w: Row, m: int, turn: int) -> list[tuple[int, int]]:
    """Terminals at both ends of every coil of a winding. [coil]"""
    ends = terminals(str(w["phases"]))
    if m == 1 and len(ends) in (1, 2):
        return [(ends[0], ends[1] if len(ends) == 2 else 0)]
    phases, neutral = split_wye(ends) if w["connection"] == "wye" else (ends, 0)
    if len(phases) != m or (w["connection"] == "delta" and m != 3):
        raise BadInput(
            f"winding {w['number']} of transformer {name!r} has terminals {w['phases']!r}, which do not fit a "
            f"{w['connection']} of {m} phases.",
            table="winding",
            ids=[name],
        )
    if w["connection"] == "wye":
        return [(phase, neutral) for phase in phases]
    return [(phases[k], phases[(k + turn) % 3]) for k in range(3)]
