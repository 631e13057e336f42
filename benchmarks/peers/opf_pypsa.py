"""PyPSA with HiGHS: the DC optimal power flow of one case, `n.optimize` as its documentation shows.

PyPSA's linear flow knows reactances alone. Lines get (r² + x²) / x instead of x, or |z| where there is no reactance to
speak of, so that it solves the model that gridloop does, and the narrower of rating and angle limit as s_nom. Filling
its tables and building count as building.
"""

from __future__ import annotations

import logging
import time
import warnings
from typing import Any

import numpy as np
import pypsa
from job import serve

# Columns of MATPOWER's format.
BUS, KIND, PD, GS = 0, 1, 2, 4
GEN_BUS, GEN_ON, P_MAX, P_MIN = 0, 7, 8, 9
TAIL, HEAD, R, X, RATE, BRANCH_ON, ANGLE_MIN, ANGLE_MAX = 0, 1, 2, 3, 5, 10, 11, 12
OUT = 4
# Below this share of the impedance a reactance says nothing.
NO_REACTANCE = 1e-6


def work(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    warnings.simplefilter("ignore")
    for logger in ("pypsa", "linopy"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    once(1.0, *warm_up(), facts)
    said = once(facts["base_mva"], *(arrays[name] for name in ("bus", "gen", "gencost", "branch")), facts)
    return said, {}


def warm_up() -> tuple[np.ndarray, ...]:
    """Two buses and a line between them: the packages load what they load late."""
    bus, gen, gencost, branch = np.zeros((2, 13)), np.zeros((1, 10)), np.zeros((1, 7)), np.zeros((1, 13))
    bus[:, BUS], bus[1, PD] = (1, 2), 1.0
    gen[0, [GEN_BUS, GEN_ON, P_MAX]], gencost[0, 5] = (1, 1, 2), 1.0
    branch[0, [TAIL, HEAD, X, BRANCH_ON, ANGLE_MIN, ANGLE_MAX]] = (1, 2, 0.1, 1, -30, 30)
    return bus, gen, gencost, branch


def once(
    base: float, bus: np.ndarray, gen: np.ndarray, gencost: np.ndarray, branch: np.ndarray, facts: dict[str, Any]
) -> dict[str, Any]:
    """Build and solve one case; objective and seconds."""
    bus = bus[bus[:, KIND] != OUT]
    on = gen[:, GEN_ON] > 0
    gen, cost = gen[on], gencost[: len(on)][on]
    branch = branch[branch[:, BRANCH_ON] > 0]
    began = time.perf_counter()
    ohm, rate = lines(base, branch)
    size = np.maximum(np.maximum(np.abs(gen[:, P_MAX]), np.abs(gen[:, P_MIN])), 1e-9)
    n = pypsa.Network()
    names = [f"{number:.0f}" for number in bus[:, BUS]]
    n.add("Bus", names, v_nom=1.0)
    taken = bus[:, PD] + bus[:, GS]
    loads = np.flatnonzero(taken)
    n.add("Load", [names[k] for k in loads], bus=[names[k] for k in loads], p_set=taken[loads])
    n.add(
        "Line", [f"branch-{k}" for k in range(len(branch))],
        bus0=[f"{number:.0f}" for number in branch[:, TAIL]], bus1=[f"{number:.0f}" for number in branch[:, HEAD]],
        x=ohm, r=0.0, s_nom=rate,
    )  # fmt: skip
    n.add(
        "Generator", [f"gen-{k}" for k in range(len(gen))], bus=[f"{number:.0f}" for number in gen[:, GEN_BUS]],
        p_nom=size, p_max_pu=gen[:, P_MAX] / size, p_min_pu=gen[:, P_MIN] / size,
        marginal_cost=cost[:, 5], marginal_cost_quadratic=cost[:, 4],
    )  # fmt: skip
    n.optimize.create_model()
    built = time.perf_counter()
    options = {"threads": facts["threads"], "output_flag": False, "time_limit": float(facts["time_limit_s"])}
    status, condition = n.optimize.solve_model(solver_name="highs", solver_options=options)
    done = time.perf_counter()
    if condition != "optimal":
        raise RuntimeError(f"PyPSA ended {status}, {condition}, after {done - built:.0f} s")
    return {
        "per_s": 1 / (done - began),
        "build_s": built - began,
        "solve_s": done - built,
        "objective": float(n.objective) + float(cost[:, 6].sum()),
        "status": condition,
    }


def lines(base: float, branch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What PyPSA calls x (ohm at 1 kV, which is per unit of 1 MVA) and s_nom (MVA). [branch]

    base  MVA of the file's per unit

    Without a rating and an angle limit s_nom is infinite. No angle limit: both zero, or a whole turn.
    """
    size = np.hypot(branch[:, R], branch[:, X])
    reactive = np.abs(branch[:, X]) > NO_REACTANCE * size
    ohm = np.where(reactive, size**2 / np.where(reactive, branch[:, X], 1.0), size) / base
    low, high = branch[:, ANGLE_MIN], branch[:, ANGLE_MAX]
    narrower = np.minimum(-low, high)
    none = ((low == 0) & (high == 0)) | (narrower >= 360)
    angle = np.where(none, np.inf, np.deg2rad(narrower))
    return ohm, np.minimum(np.where(branch[:, RATE] > 0, branch[:, RATE], np.inf), angle / np.abs(ohm))


if __name__ == "__main__":
    serve(work, "pypsa", "linopy", "highspy", "numpy")
