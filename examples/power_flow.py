"""Power flow of a case file, or of a small feeder built here.

Run `python examples/power_flow.py` for the feeder, `python examples/power_flow.py case118.m` for a file.
"""

# ruff: noqa: T201 (an example prints)

import sys

import gridloop as gl


def feeder() -> gl.Network:
    """20 kV: a busbar at the grid above, 4 km of cable to a mill, 5 km on to a farm with a large roof."""
    cable = {"r_ohm_per_km": 0.21, "x_ohm_per_km": 0.12, "b_us_per_km": 80.0, "i_max_ka": 0.25}
    band = {"v_nom_kv": 20.0, "v_min_pu": 0.96, "v_max_pu": 1.05}
    return gl.Network.from_tables(
        {
            "bus": [{"id": name, **band} for name in ("busbar", "mill", "farm")],
            "line": [
                {"id": "L1", "tail_bus": "busbar", "head_bus": "mill", "length_km": 4.0, **cable},
                {"id": "L2", "tail_bus": "mill", "head_bus": "farm", "length_km": 5.0, **cable},
            ],
            "load": [{"id": "mill load", "bus": "mill", "p_mw": 1.2, "q_mvar": 0.3}],
            "generator": [{"id": "farm roof", "bus": "farm", "p_mw": 8.0, "kind": "solar"}],
            "source": [{"id": "grid", "bus": "busbar", "v_set_pu": 1.02}],
        },
        name="mill and farm",
        owner="village works",
    )


def main() -> None:
    """Solve, and say what the network looks like and what is wrong with it."""
    net = gl.read_network(sys.argv[1]) if len(sys.argv) > 1 else feeder()
    flow = gl.power_flow(net)
    print(net)
    if not flow.converged:
        print(flow.diagnosis)
        return
    print(f"{flow.iterations} iterations, losses {flow.losses_mw:.3f} MW")
    print(flow.bus[["v_pu", "angle_deg", "p_mw"]].round(4).to_string())
    print("\nBeyond its limit:")
    print(flow.violations()[["kind", "id", "quantity", "value", "limit"]].round(4).to_string(index=False))


if __name__ == "__main__":
    main()
