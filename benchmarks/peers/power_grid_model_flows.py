"""power-grid-model solves scenarios in its threaded batch; every bus but the slack injects what it is told.

It knows no machines that hold a voltage, so that the scenarios come with all reactive power found before. Its tolerance
is on the change of voltages: mode "tune" finds, per method, the loosest that leaves the mismatch asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from job import seconds, serve
from power_grid_model import PowerGridModel, initialize_array

U_V = 10e3
# Methods, and iterations after which there is no hope.
METHODS = {"newton_raphson": 20, "iterative_current": 100}
TOLERANCES = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12)
# A source's short-circuit power so large that its impedance lies below rounding: 1e-18 of the base.
STIFF_VA = 1e26
TIGHTEST = 1e-11
# A method that fails on more than half of the scenarios has no rate worth stating.
LEAST_SHARE = 0.5


def model_of(arrays: dict[str, np.ndarray], base_va: float) -> PowerGridModel:
    """Buses 0 … n−1, a load at each but the slack, branches with complex ratios, shunts, one stiff source."""
    bus, branch = arrays["bus"], arrays["branch"][arrays["branch"][:, 10] > 0]
    n, base_ohm = len(bus), U_V**2 / base_va
    row = {int(number): k for k, number in enumerate(bus[:, 0])}
    node = initialize_array("input", "node", n)
    node["id"], node["u_rated"] = np.arange(n), U_V
    edge = initialize_array("input", "generic_branch", len(branch))
    edge["id"] = n + np.arange(len(branch))
    edge["from_node"], edge["to_node"] = ([row[int(b)] for b in branch[:, end]] for end in (0, 1))
    edge["from_status"] = edge["to_status"] = 1
    edge["r1"], edge["x1"] = branch[:, 2] * base_ohm, branch[:, 3] * base_ohm
    edge["g1"], edge["b1"] = 0.0, branch[:, 4] / base_ohm
    edge["k"] = np.where(branch[:, 8] == 0, 1.0, branch[:, 8])
    edge["theta"], edge["sn"] = np.deg2rad(branch[:, 9]), base_va
    has = np.flatnonzero((bus[:, 4] != 0) | (bus[:, 5] != 0))
    shunt = initialize_array("input", "shunt", has.size)
    shunt["id"], shunt["node"], shunt["status"] = 2 * n + len(branch) + np.arange(has.size), has, 1
    shunt["g1"], shunt["b1"] = (bus[has, k] * 1e6 / U_V**2 for k in (4, 5))
    shunt["g0"] = shunt["b0"] = 0.0
    others = np.delete(np.arange(n), int(arrays["slack"]))
    load = initialize_array("input", "sym_load", others.size)
    load["id"], load["node"], load["status"], load["type"] = n + len(branch) + others, others, 1, 0
    load["p_specified"] = load["q_specified"] = 0.0
    source = initialize_array("input", "source", 1)
    source["id"], source["node"], source["status"] = 4 * n + len(branch), int(arrays["slack"]), 1
    source["u_ref"], source["sk"], source["rx_ratio"] = abs(slack_voltage(arrays)), STIFF_VA, 0.1
    # Its iterative methods start flat at an angle of zero: from there a slack at 30° leads them astray.
    source["u_ref_angle"] = 0.0
    parts = {"node": node, "generic_branch": edge, "shunt": shunt, "sym_load": load, "source": source}
    return PowerGridModel({name: part for name, part in parts.items() if part.size})


def work(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    base_va = facts["base_mva"] * 1e6
    model = model_of(arrays, base_va)
    others = np.delete(np.arange(len(arrays["bus"])), int(arrays["slack"]))
    consumed = -arrays["s"][others].T * base_va
    n = len(consumed)
    update = initialize_array("update", "sym_load", consumed.shape)
    update["id"] = len(arrays["bus"]) + int((arrays["branch"][:, 10] > 0).sum()) + others
    update["p_specified"], update["q_specified"] = consumed.real, consumed.imag

    def solve(method: str, tolerance: float, count: int) -> Any:
        return model.calculate_power_flow(
            update_data={"sym_load": update[:count]},
            calculation_method=method,
            error_tolerance=tolerance,
            max_iterations=METHODS[method],
            threading=facts["threads"],
            output_component_types={"node": ["u_pu", "u_angle"]},
            continue_on_batch_error=True,
        )

    def answer(method: str, tolerance: float, count: int) -> tuple[np.ndarray, np.ndarray]:
        node = solve(method, tolerance, count)["node"]
        converged = np.ones(count, dtype=bool)
        if model.batch_error is not None:
            converged[model.batch_error.failed_scenarios] = False
        turn = np.exp(1j * (node["u_angle"] + np.angle(slack_voltage(arrays))))
        return (node["u_pu"] * turn).T, converged

    if facts["mode"] == "tune":
        few = min(n, facts["tune_on"])
        said: dict[str, Any] = {"ranking": {}, "tolerances": {}}
        for method in METHODS:
            for tolerance in TOLERANCES:
                v, converged = answer(method, tolerance, few)
                if converged.mean() < LEAST_SHARE:
                    break
                if left(arrays, v, others)[converged].max() <= facts["tolerance_pu"]:
                    took = min(seconds(lambda t=tolerance, m=method: solve(m, t, few)) for _ in range(3))
                    said["ranking"][method], said["tolerances"][method] = few / took, tolerance
                    break
        return {"per_s": max(said["ranking"].values(), default=0.0), **said}, {}
    tolerance = TIGHTEST if facts["mode"] == "answer" else facts["error_tolerance"]
    solve(facts["method"], tolerance, min(n, 8))
    took = seconds(lambda: solve(facts["method"], tolerance, n))
    v, converged = answer(facts["method"], tolerance, n)
    said = {"per_s": n / took, "solved": n, "converged": int(converged.sum())}
    return said, {"v": v, "converged": converged} if facts["voltages"] else {}


def slack_voltage(arrays: dict[str, np.ndarray]) -> complex:
    return complex(arrays["v0"][int(arrays["slack"])])


def left(arrays: dict[str, np.ndarray], v: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Largest mismatch of every scenario, per unit, with the admittances that came with the job."""
    current = np.zeros(v.shape, dtype=complex)
    np.add.at(current, arrays["y_row"], arrays["y"][:, None] * v[arrays["y_col"]])
    difference = (v * current.conj() - arrays["s"][:, : v.shape[1]])[others]
    return np.maximum(np.abs(difference.real), np.abs(difference.imag)).max(axis=0)


if __name__ == "__main__":
    serve(work, "power-grid-model", "numpy")
