"""Small feeders for tests, built row by row, with numbers a pencil can follow: 1 kV to ground, so that 1 Ω is 1 pu."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gridloop.network.feeder.model import Feeder

KV = math.sqrt(3.0)  # line to line, so that a node's base is 1 kV


def code(name: str, z: Any, b_us: Any = None) -> list[dict[str, Any]]:
    """Entries of a code of impedance matrix z [Ω/km] and susceptance [µS/km]."""
    z = np.atleast_2d(np.asarray(z, dtype=complex))
    b = np.zeros(z.shape) if b_us is None else np.atleast_2d(b_us)
    return [
        {
            "id": f"{name}:{i + 1}.{j + 1}",
            "code": name,
            "row": i + 1,
            "column": j + 1,
            "r_ohm_per_km": z[i, j].real,
            "x_ohm_per_km": z[i, j].imag,
            "b_us_per_km": b[i, j],
        }
        for i in range(len(z))
        for j in range(i + 1)
    ]


def line(name: str, tail: str, head: str, of: str, phases: str = "1", **more: Any) -> dict[str, Any]:
    ends = {"tail_bus": tail, "head_bus": head, "tail_phases": phases, "head_phases": phases}
    return {"id": name, **ends, "code": of, "length_km": 1.0, **more}


def constant(kind: str) -> dict[str, float]:
    """Shares of a load that is all impedance, current or power, at any voltage."""
    shares = {f"{q}_{k}": float(k == kind) for q in "pq" for k in ("impedance", "current", "power")}
    return {**shares, "v_low_pu": 0.0, "v_floor_pu": 0.0, "v_high_pu": 10.0}


def load(name: str, bus: str, p_mw: float, q_mvar: float = 0.0, *, kind: str = "power", **more: Any) -> dict[str, Any]:
    base = {"id": name, "bus": bus, "phases": "1", "p_mw": p_mw, "q_mvar": q_mvar, "v_rated_kv": 1.0}
    return {**base, **constant(kind), **more}


def two_nodes(z: complex = 0.1, loads: list[dict[str, Any]] | None = None, **tables: Any) -> Feeder:
    """One phase: a source of 1 kV ──[ z ]── b."""
    rows = {
        "bus": [{"id": b, "phases": "1", "v_nom_kv": KV} for b in "ab"],
        "line_code": code("z", z),
        "line": [line("ab", "a", "b", "z")],
        "load": [] if loads is None else loads,
        "source": [{"id": "s", "bus": "a", "phases": "1", "v_rated_kv": 1.0}],
        **tables,
    }
    return Feeder.from_tables(rows, name="two nodes")


def three_phase(z: Any, loads: list[dict[str, Any]], **tables: Any) -> Feeder:
    """A source of 1 kV to ground ──[ z, three phases ]── b."""
    rows = {
        "bus": [{"id": b, "phases": "1.2.3", "v_nom_kv": KV} for b in "ab"],
        "line_code": code("z", z),
        "line": [line("ab", "a", "b", "z", "1.2.3")],
        "load": loads,
        "source": [{"id": "s", "bus": "a", "v_rated_kv": KV}],
        **tables,
    }
    return Feeder.from_tables(rows, name="three phases")


def transformer(name: str, n_phases: int = 3, x_pct: float = 1.0, **more: Any) -> dict[str, Any]:
    return {"id": name, "n_phases": n_phases, "x_12_pct": x_pct, "antifloat_ppm": 0.0, **more}


def winding(of: str, number: int, bus: str, phases: str, v_kv: float, **more: Any) -> dict[str, Any]:
    own = {"id": f"{of}:{number}", "transformer": of, "number": number, "bus": bus, "phases": phases}
    return {**own, "v_rated_kv": v_kv, "s_rated_mva": 1.0, **more}


def regulated(loads: list[dict[str, Any]], tap_pu: float = 1.0, **control: Any) -> Feeder:
    """One phase: a source ──( regulator )── b, with hardly any impedance; its control measures 120 V at 1 pu."""
    return two_nodes(
        loads=loads,
        line=[],
        line_code=[],
        transformer=[transformer("t", 1, 1e-6)],
        winding=[winding("t", 1, "a", "1", 1.0), winding("t", 2, "b", "1", 1.0, tap_pu=tap_pu)],
        regulator=[
            {"id": "c", "transformer": "t", "v_set_v": 120.0, "band_v": 2.0, "pt_ratio": 1000 / 120.0, **control}
        ],
    )


def in_series(delays: tuple[float, float], **control: Any) -> Feeder:
    """source 0.95 pu ──( t: rt )── b ──( u: ru )── c"""
    return two_nodes(
        bus=[{"id": b, "phases": "1", "v_nom_kv": KV} for b in "abc"],
        line=[],
        line_code=[],
        source=[{"id": "s", "bus": "a", "phases": "1", "v_rated_kv": 1.0, "v_set_pu": 0.95}],
        transformer=[transformer("t", 1, 1e-6), transformer("u", 1, 1e-6)],
        winding=[
            winding("t", 1, "a", "1", 1.0),
            winding("t", 2, "b", "1", 1.0),
            winding("u", 1, "b", "1", 1.0),
            winding("u", 2, "c", "1", 1.0),
        ],
        regulator=[
            {"id": f"r{of}", "transformer": of, "band_v": 2.0, "pt_ratio": 1000 / 120.0, "delay_s": delay, **control}
            for of, delay in zip("tu", delays, strict=True)
        ],
    )


def ladder(rng: np.random.Generator, n: int = 6, meshed: bool = False) -> Feeder:
    """A random feeder of n buses with lines of one to three phases, loads of every kind, a regulator and charging."""
    phases = {0: "1.2.3"}
    rows: dict[str, Any] = {"line": [], "line_code": [], "load": [], "capacitor": []}
    for b in range(1, n):
        tail = int(rng.integers(0, b))
        of = phases[tail].split(".")
        kept = sorted(rng.choice(of, size=int(rng.integers(1, len(of) + 1)), replace=False).tolist())
        phases[b] = ".".join(kept)
        m = len(kept)
        mutual = complex(0.01, 0.02)
        z = np.full((m, m), mutual) + np.diag(rng.uniform(0.01, 0.04, m) + 1j * rng.uniform(0.02, 0.06, m))
        b_us = np.full((m, m), -1.0) + np.diag(rng.uniform(5.0, 20.0, m))
        rows["line_code"] += code(f"z{b}", z, b_us)
        rows["line"].append(line(f"l{b}", f"b{tail}", f"b{b}", f"z{b}", phases[b]))
        delta = m > 1 and rng.random() < 0.5
        rated = KV if m > 1 else 1.0
        own = constant(str(rng.choice(["impedance", "current", "power"])))
        size = {"p_mw": float(rng.uniform(0.05, 0.3)) * m, "q_mvar": float(rng.uniform(-0.05, 0.15)) * m}
        where = {"bus": f"b{b}", "phases": phases[b], "connection": "delta" if delta else "wye", "v_rated_kv": rated}
        rows["load"].append({"id": f"d{b}", **where, **size, **own})
    if meshed:
        full = [b for b in phases if phases[b] == "1.2.3"]
        rows["line_code"] += code("tie", np.full((3, 3), 0.01j) + np.eye(3) * (0.02 + 0.05j))
        rows["line"].append(line("tie", f"b{full[0]}", f"b{full[-1]}", "tie", "1.2.3"))
    if meshed and full[0] == full[-1]:
        rows["line"].pop()
    return Feeder.from_tables(
        {
            "bus": [{"id": f"b{b}", "phases": phases[b], "v_nom_kv": KV} for b in range(n)],
            "source": [{"id": "s", "bus": "b0", "v_rated_kv": KV, "x1_ohm": 0.01, "x0_ohm": 0.02}],
            **rows,
        },
        name="ladder",
    )
