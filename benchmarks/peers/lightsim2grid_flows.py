"""lightsim2grid solves scenarios with InjectionSweep, its batch of independent injections over several threads.

mode "tune": every method on a few scenarios. "time": one method; only `compute` is timed, on a batch that has kept its
base case. "answer": Newton with a fresh Jacobian per iteration, to a tolerance far below the one that is timed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from job import seconds, serve
from lightsim2grid.lightsim2grid_cpp import InjectionSweepCPP
from lightsim2grid_grid import MAX_ITERATIONS, NEWTON, choose, grid_of, methods, tuned

# The best of so many counts in a tuning: what else the machine does must not choose the method.
TUNE_RUNS = 3
# Methods that reach less than this share of the best rate at a glance are not looked at again.
NEAR = 0.5
# The tolerance of an answer, as a share of the one that is timed; less is below the rounding of the larger cases.
TIGHTER = 1e-2


def work(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    grid = grid_of(arrays, facts["base_mva"])
    assert [load.bus_id for load in grid.get_loads()] == arrays["load_rows"].tolist()
    v0 = arrays["v0"].astype(complex)
    # Its tolerance is in MVA.
    tolerance = facts["tolerance_pu"] * facts["base_mva"]

    total = len(arrays["p_mw"])

    def sweep(method: str, tolerance: float, runs: int, n: int = total) -> tuple[float, Any]:
        batch = InjectionSweepCPP(grid)
        batch.nb_thread = facts["threads"]
        choose(batch, method)
        took = []
        for _ in range(1 + runs):  # the first one makes what the others keep
            batch.modify_load_p(arrays["p_mw"][:n])
            batch.modify_load_q(arrays["q_mvar"][:n])
            batch.modify_gen_p(arrays["gen_p_mw"][:n])
            took.append(seconds(lambda: batch.compute(v0, MAX_ITERATIONS, tolerance)))
        return n / min(took[1:]), batch

    if facts["mode"] == "tune":
        names = methods(InjectionSweepCPP(grid))
        # A glance at all, then a closer look at those that may be the fastest.
        glance = rates_of(names, lambda method: sweep(method, tolerance, 1, max(total // 10, 10)))
        near = [method for method, per_s in glance.items() if per_s > NEAR * max(glance.values())]
        rates = rates_of(near, lambda method: sweep(method, tolerance, TUNE_RUNS))
        return {**tuned(rates), "ranking": {**tuned(glance)["ranking"], **rates}}, {}
    answer = facts["mode"] == "answer"
    per_s, batch = sweep(NEWTON if answer else facts["method"], tolerance * (TIGHTER if answer else 1), 1)
    iterations = float(np.mean(batch.get_row_nb_iter()))
    converged = np.array(batch.converged_mask())
    said = {"per_s": per_s, "iterations": iterations, "converged": int(converged.sum()), "solved": total}
    return said, {"v": batch.get_voltages().T, "converged": converged} if facts["voltages"] else {}


def rates_of(names: list[str], solve: Callable[[str], tuple[float, Any]]) -> dict[str, float]:
    """Rates of the methods that solve all scenarios; some are not for this grid."""
    rates = {}
    for method in names:
        try:
            per_s, batch = solve(method)
        except RuntimeError:
            continue
        if all(batch.converged_mask()):
            rates[method] = per_s
    return rates


if __name__ == "__main__":
    serve(work, "lightsim2grid", "numpy")
