"""Small grids for optimal power flow: everything per unit on 100 MVA, 1 Ω base, so that a pencil suffices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gridloop.network.model import Network
from gridloop.testing import V_NOM_KV
from gridloop.units import BASE_MVA, SQRT3

FREE = {"p_min_mw": 0.0, "p_max_mw": 1000.0, "q_min_mvar": -1000.0, "q_max_mvar": 1000.0}


def bus(name: str, v_min: float = 0.9, v_max: float = 1.1) -> dict[str, Any]:
    return {"id": name, "v_nom_kv": V_NOM_KV, "v_min_pu": v_min, "v_max_pu": v_max}


def line(tail: str, head: str, r: float, x: float, rate: float | None = None, **more: Any) -> dict[str, Any]:
    """A line of r + jx per unit; rate in per unit of apparent power."""
    limit = {} if rate is None else {"i_max_ka": rate * BASE_MVA / (SQRT3 * V_NOM_KV)}
    ends = {"id": f"{tail}-{head}", "tail_bus": tail, "head_bus": head, "length_km": 1.0}
    return {**ends, "r_ohm_per_km": r, "x_ohm_per_km": x, **limit, **more}


def generator(name: str, at: str, cost: float, quadratic: float = 0.0, **more: Any) -> dict[str, Any]:
    costs = {"cost_linear_per_mwh": cost, "cost_quadratic_per_mw2h": quadratic}
    return {"id": name, "bus": at, **FREE, **costs, **more}


def grid(
    buses: Sequence[Mapping[str, Any]],
    lines: Sequence[Mapping[str, Any]],
    generators: Sequence[Mapping[str, Any]] = (),
    loads: Mapping[str, complex] | None = None,
    *,
    reference: str | None = None,
    **tables: Any,
) -> Network:
    """A network; loads by bus, per unit; the reference bus has a source that gives nothing."""
    named = [
        {"id": f"load {at}", "bus": at, "p_mw": s.real * BASE_MVA, "q_mvar": s.imag * BASE_MVA}
        for at, s in ((at, complex(s)) for at, s in (loads or {}).items())
    ]
    nothing = dict.fromkeys(("p_min_mw", "p_max_mw", "q_min_mvar", "q_max_mvar"), 0.0)
    source = [] if reference is None else [{"id": "reference", "bus": reference, **nothing}]
    given = {"bus": buses, "line": lines, "generator": generators, "load": named, "source": source, **tables}
    return Network.from_tables({k: list(v) for k, v in given.items()}, name="small", owner="operator")


def random_grid(seed: int, n: int = 6, *, tight: bool = True) -> Network:
    """A meshed grid that has an optimum: generators of different cost at three nodes, limits that may bind."""
    rng = np.random.default_rng(seed)
    names = [f"n{k}" for k in range(n)]
    pairs = [(k, int(rng.integers(0, k))) for k in range(1, n)] + [(0, n - 1), (1, n - 2)]
    lines, seen = [], set()
    for a, b in pairs:
        if a != b and (a, b) not in seen and (b, a) not in seen:
            seen.add((a, b))
            x = float(rng.uniform(0.05, 0.2))
            rate = float(rng.uniform(0.5, 0.9)) if tight else None
            lines.append(line(names[a], names[b], 0.1 * x, x, rate, b_us_per_km=float(rng.uniform(0, 2e4))))
    at = rng.permutation(n)[:3]
    generators = [
        generator(f"g{k}", names[i], float(rng.uniform(10, 40)), float(rng.uniform(0, 0.1)), p_max_mw=150.0)
        for k, i in enumerate(at)
    ]
    loads = {name: complex(rng.uniform(0.05, 0.25), rng.uniform(0.0, 0.08)) for name in names}
    return grid([bus(name) for name in names], lines, generators, loads, reference=names[int(at[0])])
