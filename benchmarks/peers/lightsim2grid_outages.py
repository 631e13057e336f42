"""lightsim2grid takes out every branch in turn with ContingencyAnalysis, its AC N-1 screening over several threads.

What would split the grid it does not solve. Only `compute` is timed, again and again on a batch that has kept its base
case, and all branches count, those that it skips too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from job import seconds, serve
from lightsim2grid.lightsim2grid_cpp import ContingencyAnalysisCPP
from lightsim2grid_grid import MAX_ITERATIONS, NEWTON, branch_rows, choose, grid_of, methods, tuned

TUNE_S, TIME_S = 0.3, 1.0


def work(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    grid = grid_of(arrays, facts["base_mva"])
    v0 = arrays["v0"].astype(complex)
    tolerance = facts["tolerance_pu"] * facts["base_mva"]
    rows = branch_rows(arrays["branch"])

    def screen(method: str, tolerance: float, least_s: float) -> tuple[float, Any]:
        batch = ContingencyAnalysisCPP(grid, False)
        batch.nb_thread = facts["threads"]
        choose(batch, method)
        batch.add_all_n1()
        batch.compute(v0, MAX_ITERATIONS, tolerance)
        spent, runs = 0.0, 0
        while spent < least_s or not runs:
            batch.clear_results_only()
            spent += seconds(lambda: batch.compute(v0, MAX_ITERATIONS, tolerance))
            runs += 1
        return runs * len(batch.my_defaults()) / spent, batch

    if facts["mode"] == "tune":
        rates, most = {}, 0
        for method in methods(ContingencyAnalysisCPP(grid, False)):
            try:
                per_s, batch = screen(method, tolerance, TUNE_S)
            except RuntimeError:
                continue
            solved = sum(batch.converged_mask())
            if solved > most:
                rates, most = {}, solved
            if solved == most:
                rates[method] = per_s
        return tuned(rates), {}
    answer = facts["mode"] == "answer"
    method = NEWTON if answer else facts["method"]
    per_s, batch = screen(method, tolerance * (1e-2 if answer else 1), 0.0 if answer else TIME_S)
    converged = np.array(batch.converged_mask())
    said = {"per_s": per_s, "converged": int(converged.sum()), "solved": converged.size}
    out = np.array([rows[branches[0]] for branches in batch.my_defaults()])
    return said, {"v": batch.get_voltages().T, "converged": converged, "rows": out} if facts["voltages"] else {}


if __name__ == "__main__":
    serve(work, "lightsim2grid", "numpy")
