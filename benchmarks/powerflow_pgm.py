"""The scenarios of `benchmarks.powerflow` in power-grid-model's form: only the slack holds a voltage.

All reactive power is put in as lightsim2grid found it before; that state is the known solution. The form has others,
and power-grid-model, which chooses its own start, may find one of those, or none.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from benchmarks.cases import Bools, Case, Complexes, Floats, Scenarios, injections
from benchmarks.check import Difference, compare
from benchmarks.harness import Turn, alternate
from benchmarks.peers import Answer
from benchmarks.powerflow_study import EXACT_PU, TOLERANCE_PU, Study
from benchmarks.promises import SAME_V_PU
from benchmarks.result import Rates, Row

NAME, PGM = "powerflow", "power-grid-model"
# The method whose answers are compared where none finds the known solution most of the time.
METHOD = "newton_raphson"
# It needs as long for this share of the scenarios.
SHARE = 0.1
LEAST_SHARE = 0.5
# A voltage farther off than this is not the same solution, less exactly: it is another one. Both leave a mismatch of
# 1e-10 pu, and where two solutions are about to become one (case2869pegase has such scenarios) they are 1e-3 pu apart.
OTHER_SOLUTION_PU = 1e-5


def beside_pgm(study: Study) -> Row:
    """Timed where power-grid-model solves half of the scenarios; answers are compared wherever it solves one."""
    bench, case = study.bench, study.case
    bench.say(f"{case.name}: the same in the form that {PGM} takes")
    few = study.scenarios.first(max(int(len(study.scenarios) * SHARE), 30))
    arrays, s, v = _in_its_form(study, few)
    tuned = bench.peer("power_grid_model_flows", study.facts("tune", tune_on=max(len(few) // 10, 20)), arrays).facts
    jobs = {
        method: study.facts("time", method=method, error_tolerance=tuned["tolerances"][method])
        for method in tuned["ranking"]
    }
    mine = study.grid.solve_as_pq(few, s, tolerance_pu=TOLERANCE_PU, threads=bench.threads)

    def our_turn() -> float:
        nonlocal mine
        mine = study.grid.solve_as_pq(few, s, tolerance_pu=TOLERANCE_PU, threads=bench.threads)
        return mine.per_s

    def their_turn(job: dict[str, Any]) -> float:
        return bench.peer("power_grid_model_flows", job, arrays).per_s

    turns: dict[str, Turn] = {"gridloop": our_turn} if jobs else {}
    turns |= {f"{PGM} {method}": partial(their_turn, job) for method, job in jobs.items()}
    rates = alternate(turns, bench.runs, bench.say)
    counted: dict[str, Rates] = {}
    others: dict[str, Rates] = {}
    notes: list[str] = []
    if not jobs:
        notes.append(
            f"{PGM} solves fewer than half of these scenarios with any method, from the start it chooses itself."
        )
    for method, job in jobs.items():
        name = f"{PGM} {method}"
        found = bench.peer("power_grid_model_flows", {**job, "mode": "answer", "voltages": True}, arrays)
        right, words = _right(found, v)
        same = bool(right.mean() > LEAST_SHARE)
        notes.append(f"{name}: {words}" if same else f"{name}: {words} Not counted as a peer here.")
        if rates.get(name):
            timed = Rates(tuple(rates[name]), f"error_tolerance {job['error_tolerance']:g}, its own start")
            (counted if same else others)[name] = timed
    trusted = [method for method in jobs if f"{PGM} {method}" in counted]
    difference, exact = _answers(study, trusted[0] if trusted else METHOD)
    return Row(
        NAME,
        f"{case.name} without machines",
        bench.threads,
        Rates(tuple(rates["gridloop"]), study.grid.method) if "gridloop" in rates else None,
        counted,
        others,
        max_dv_pu=difference.max_dv_pu if difference.compared else None,
        exact_dv_pu=exact.max_dv_pu if exact.compared else None,
        compared=difference.compared,
        scenarios=len(few),
        allowed_dv_pu=SAME_V_PU,
        notes=("Reactive power of machines put in as found: only the slack holds a voltage.", *notes),
    )


def _in_its_form(study: Study, scenarios: Scenarios) -> tuple[dict[str, Any], Complexes, Complexes]:
    """What its script takes, the injections and the known solution. [bus, scenario] each"""
    found = study.bench.peer(
        "lightsim2grid_flows", study.facts("answer", voltages=True), study.arrays(scenarios)
    ).arrays
    v = found["v"]
    s = _without_machines(study.case, scenarios, v)
    y = study.case.admittance().tocoo()
    return {**study.arrays(), "s": s, "y": y.data, "y_row": y.row, "y_col": y.col}, s, v


def _answers(study: Study, method: str) -> tuple[Difference, Difference]:
    """Difference as timed, and of exact answers, wherever both find the known solution. Block by block."""
    bench = study.bench
    total = max(int(len(study.scenarios) * SHARE), 30) if bench.quick else bench.answers
    difference = exact = Difference(0.0, 0, 0)
    for some in study.drawn_again(total):
        arrays, s, v = _in_its_form(study, some)
        job = study.facts("answer", method=method, voltages=True)
        found = bench.peer("power_grid_model_flows", job, arrays)
        right, _ = _right(found, v)
        if not right.any():
            continue
        for tolerance_pu in (TOLERANCE_PU, EXACT_PU):
            mine = study.grid.solve_as_pq(some, s, tolerance_pu=tolerance_pu, threads=bench.threads)
            known = mine.converged & (np.abs(mine.v - v).max(axis=0) < OTHER_SOLUTION_PU)
            apart = compare(mine.v, known, found.arrays["v"], right)
            if tolerance_pu == TOLERANCE_PU:
                difference = difference.joined(apart)
            else:
                exact = exact.joined(apart)
    return difference, exact


def _right(answer: Answer, known: Complexes) -> tuple[Bools, str]:
    """Where a peer found the known solution [scenario], and words."""
    v, converged = answer.arrays["v"], answer.arrays["converged"]
    far: Floats = np.abs(v - known).max(axis=0)
    right = converged & (far < OTHER_SOLUTION_PU)
    other = (converged & ~right).mean()
    return right, f"{converged.mean():.1%} converge, {other:.1%} to another solution than the known one."


def _without_machines(case: Case, scenarios: Scenarios, v: Complexes) -> Complexes:
    """Injections with the reactive power that machines gave in these answers. [bus, scenario], per unit"""
    s, (held, _) = injections(case, scenarios), case.held
    found = v * np.conj(case.admittance() @ v)
    s[held] = s[held].real + 1j * found[held].imag
    return s
