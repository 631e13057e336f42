"""Two machines that hand a voltage about, each with limits of its reactive power."""

from gridloop.network.model import Network
from gridloop.testing import V_NOM_KV


def two_machines() -> Network:
    """a ──[ 0.1 ]── b ──[ 0.1 ]── c, with 60 Mvar of load and a machine at b, and one at c that would hold 1.1 pu."""
    line = {"length_km": 1.0, "r_ohm_per_km": 0.0, "x_ohm_per_km": 0.1}
    machine = {"regulates_voltage": True, "q_min_mvar": -30.0}
    return Network.from_tables(
        {
            "bus": [{"id": b, "v_nom_kv": V_NOM_KV} for b in "abc"],
            "line": [{"id": x + y, "tail_bus": x, "head_bus": y, **line} for x, y in ("ab", "bc")],
            "source": [{"id": "s", "bus": "a"}],
            "load": [{"id": "l", "bus": "b", "p_mw": 0.0, "q_mvar": 60.0}],
            "generator": [
                {"id": "b", "bus": "b", "q_max_mvar": 100.0, **machine},
                {"id": "c", "bus": "c", "q_max_mvar": 20.0, "v_set_pu": 1.1, **machine},
            ],
        },
        owner="o",
    )
