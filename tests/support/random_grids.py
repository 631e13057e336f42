"""Random small grids with every element a power flow knows, for laws and for comparison with a plain twin."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from gridloop.network.model import Network
from gridloop.testing import V_NOM_KV
from gridloop.units import BASE_MVA


def random_grid(n: int, seed: int) -> Network:
    """A grid of n buses that solves: a tree of lines and transformers with loops, a source at bus 0; mostly per unit.

    Transformers have taps on either side, vector groups and magnetising; loops stay within one vector group. Bus "n"
    hangs on a closed switch, and one line has an open end.
    """
    rng = np.random.default_rng(seed)
    tables: dict[str, list[dict[str, Any]]] = {
        "bus": [{"id": str(i), "v_nom_kv": V_NOM_KV} for i in range(n + 1)],
        "line": [],
        "transformer": [],
        "switch": [{"id": "coupler", "bus": "0", "element_kind": "bus", "element": str(n)}],
        "source": [
            {"id": "source", "bus": "0", "v_set_pu": rng.uniform(0.98, 1.05), "angle_deg": rng.uniform(-180, 180)}
        ],
    }
    zone = [0.0]
    for head in range(1, n):
        tail = int(rng.integers(head))
        if rng.random() < 0.3:
            tables["transformer"].append(_transformer(f"t{head}", tail, head, rng))
            zone.append(zone[tail] + tables["transformer"][-1]["shift_deg"])
        else:
            tables["line"].append(_line(f"l{head}", tail, head, rng))
            zone.append(zone[tail])
    for k in range(n // 3):
        a, b = (int(i) for i in rng.integers(n, size=2))
        if a != b and zone[a] == zone[b]:
            tables["line"].append(_line(f"loop{k}", a, b, rng))
    tables["line"].append(_line("stub", 0, n - 1, rng) | {"b_us_per_km": 1e5})
    tables["switch"].append({"id": "open", "bus": "0", "element_kind": "line", "element": "stub", "closed": False})
    at = rng.permutation(np.arange(1, n))
    share = BASE_MVA / n
    tables["load"] = [
        {"id": f"load{i}", "bus": str(i), "p_mw": rng.uniform(0, share), "q_mvar": rng.uniform(-0.2, 0.4) * share}
        for i in range(n)
    ]
    tables["generator"] = [
        {"id": "roof", "bus": str(at[0]), "p_mw": rng.uniform(0, share), "q_mvar": rng.uniform(-0.1, 0.1) * share},
        {"id": "machine", "bus": str(at[-1]), "p_mw": rng.uniform(0, share), "regulates_voltage": bool(rng.integers(2)),
         "v_set_pu": rng.uniform(0.98, 1.03)},
    ]  # fmt: skip
    tables["storage"] = [
        {
            "id": "battery",
            "bus": str(at[0]),
            "capacity_mwh": 10.0,
            "max_charge_mw": 100.0,
            "max_discharge_mw": 100.0,
            "p_mw": rng.uniform(-0.3, 0.3) * share,
        }
    ]
    tables["shunt"] = [
        {"id": "shunt", "bus": str(at[0]), "g_mw": rng.uniform(0, 2), "b_mvar": rng.uniform(-5, 5)},
        {"id": "off", "bus": str(at[-1]), "g_mw": 1e4, "in_service": False},
    ]
    return Network.from_tables(tables, name=f"random {n} {seed}", owner="operator")


def _line(identity: str, tail: int, head: int, rng: np.random.Generator) -> dict[str, Any]:
    return {
        "id": identity, "tail_bus": str(tail), "head_bus": str(head), "length_km": rng.uniform(0.5, 2),
        "r_ohm_per_km": rng.uniform(0.002, 0.03), "x_ohm_per_km": rng.uniform(0.01, 0.06),
        "g_us_per_km": rng.uniform(0, 1e3), "b_us_per_km": rng.uniform(0, 3e4), "parallel": int(rng.integers(1, 3)),
        "i_max_ka": rng.uniform(1, 10),
    }  # fmt: skip


def _transformer(identity: str, tail: int, head: int, rng: np.random.Generator) -> dict[str, Any]:
    return {
        "id": identity, "tail_bus": str(tail), "head_bus": str(head), "s_rated_mva": rng.uniform(80, 200),
        "v_tail_kv": V_NOM_KV * rng.uniform(0.97, 1.03), "v_head_kv": V_NOM_KV * rng.uniform(0.97, 1.03),
        "r_pu": rng.uniform(0.002, 0.02), "x_pu": rng.uniform(0.02, 0.1), "g_pu": rng.uniform(0, 2e-3),
        "b_pu": rng.uniform(-1e-2, 0), "shift_deg": float(rng.choice([0.0, 30.0, 150.0, -30.0])),
        "parallel": int(rng.integers(1, 3)), "tap_side": str(rng.choice(["tail", "head"])),
        "tap_pos": int(rng.integers(-2, 3)), "tap_neutral": int(rng.integers(-1, 2)), "tap_min": -3, "tap_max": 3,
        "tap_step_pu": 0.01, "tap_step_deg": float(rng.choice([0.0, 1.0])), "s_max_mva": rng.uniform(80, 200),
    }  # fmt: skip


random_grids: st.SearchStrategy[Network] = st.builds(random_grid, n=st.integers(2, 9), seed=st.integers(0, 2**32 - 1))
