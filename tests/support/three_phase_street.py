"""Small three-phase feeders to reckon with: every base is chosen so that a pencil is enough.

    grid ──[ long: r ohm per phase ]── home ──[ short ]── neighbour

10 kV to ground in every phase: a line of 1 Ω that takes S MW in a phase loses S² / 100 MW there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gridloop.network.feeder.model import Feeder

V_KV = 10.0 * np.sqrt(3.0)  # line to line
ENDS = (("long", "grid", "home"), ("short", "home", "neighbour"))


def codes(name: str, r_ohm: float, x_ohm: float = 0.0, mutual: float = 0.0) -> list[dict[str, Any]]:
    """A line code whose phases do not see each other unless `mutual`."""
    return [
        {
            "id": f"{name}:{i}{k}", "code": name, "row": i, "column": k,
            "r_ohm_per_km": r_ohm if i == k else mutual * r_ohm, "x_ohm_per_km": x_ohm if i == k else mutual * x_ohm,
            "b_us_per_km": 0.0,
        }
        for i in (1, 2, 3)
        for k in range(1, i + 1)
    ]  # fmt: skip


def street(
    r_ohm: float = 1.0,
    x_ohm: float = 0.0,
    rating_ka: float | None = None,
    band: tuple[float, float] = (0.5, 1.2),
    mutual: float = 0.0,
) -> Feeder:
    """The feeder above; its first line has the resistance, the second hardly any."""
    wire: dict[str, Any] = {"tail_phases": "1.2.3", "head_phases": "1.2.3", "length_km": 1.0}
    limit = {} if rating_ka is None else {"i_max_ka": rating_ka}
    return Feeder.from_tables(
        {
            "bus": [
                {"id": name, "phases": "1.2.3", "v_nom_kv": V_KV, "v_min_pu": band[0], "v_max_pu": band[1]}
                for name in ("grid", "home", "neighbour")
            ],
            "line_code": [*codes("long", r_ohm, x_ohm, mutual), *codes("short", 1e-3)],
            "line": [
                {"id": name, "tail_bus": a, "head_bus": b, "code": name, **wire, **(limit if name == "long" else {})}
                for name, a, b in ENDS
            ],
            "source": [{"id": "source", "bus": "grid", "phases": "1.2.3", "v_rated_kv": V_KV}],
        },
        name="street",
        owner="operator",
    )
