"""AC N-1: every branch out in turn, beside lightsim2grid's ContingencyAnalysis.

All branches count, those too whose outage splits the grid: finding that out is part of the answer. Both start every
outage from the solved base case. Answers are compared where both solved, and ours checked with matrices made here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import ours
from benchmarks.cases import Bools, Case, Complexes, Ints, read_case
from benchmarks.check import compare, mismatch
from benchmarks.harness import Bench, alternate
from benchmarks.powerflow import LIGHTSIM
from benchmarks.powerflow_study import EXACT_PU, TOLERANCE_PU
from benchmarks.promises import SAME_V_PU
from benchmarks.result import Rates, Row

NAME = "contingencies"
CASES = ("case118", "case1354pegase", "case2869pegase", "case9241pegase")
QUICK = CASES[:2]
# Outages whose answers are checked with an admittance matrix of their own: all of the small cases, a sample of others.
MOST_CHECKED = 2000


def run(bench: Bench) -> list[Row]:
    """A row per case."""
    named = bench.cases or (QUICK if bench.quick else CASES)
    return [_row(bench, read_case(name)) for name in CASES if name in named]


def _row(bench: Bench, case: Case) -> Row:
    bench.say(f"{case.name}: reading and solving the base case")
    grid = ours.Grid(case)
    rows = np.flatnonzero(case.branch[:, 10] > 0)
    facts = {"base_mva": case.base_mva, "tolerance_pu": TOLERANCE_PU, "voltages": False}
    arrays = {"bus": case.bus, "gen": case.gen, "branch": case.branch, "v0": grid.v0}
    turns, notes, mine, method = {}, [], None, ""

    def solve_ours(tolerance_pu: float = TOLERANCE_PU) -> ours.Solved:
        return ours.outages(grid, rows, tolerance_pu=tolerance_pu, threads=bench.threads)

    try:
        mine = solve_ours()
        turns["gridloop"] = lambda: solve_ours().per_s
    except ours.NotYet as missing:
        notes.append(str(missing))
    if bench.with_peers:
        bench.say(f"{case.name}: looking for the fastest method of {LIGHTSIM}")
        tuned = bench.peer("lightsim2grid_outages", {**facts, "mode": "tune"}, arrays).facts
        method = tuned["method"]
        ranking = ", ".join(f"{name} {per_s:,.0f}" for name, per_s in tuned["ranking"].items())
        notes.append(f"{LIGHTSIM} in a tuning run of each method, per second: {ranking}.")
        job = {**facts, "mode": "time", "method": method}
        turns[LIGHTSIM] = lambda: bench.peer("lightsim2grid_outages", job, arrays).per_s
    rates = alternate(turns, bench.runs, bench.say)
    difference, exact, worst = None, None, None
    if mine is not None:
        worst, words = _checked(case, rows, mine.v, mine.converged)
        notes.append(words)
    if bench.with_peers:
        answer = bench.peer("lightsim2grid_outages", {**facts, "mode": "answer", "voltages": True}, arrays)
        notes.append(f"{LIGHTSIM} solves {answer.facts['converged']} of {answer.facts['solved']} outages.")
        if mine is not None:
            theirs = _in_order(rows, answer.arrays)
            difference = compare(mine.v, mine.converged, *theirs)
            tight = solve_ours(EXACT_PU)
            exact = compare(tight.v, tight.converged, *theirs)
            notes.append(f"{difference.only_one} outages are solved by one tool only.")
    return Row(
        NAME,
        case.name,
        bench.threads,
        Rates(tuple(rates["gridloop"]), ours.OUTAGES_METHOD) if "gridloop" in rates else None,
        {LIGHTSIM: Rates(tuple(rates[LIGHTSIM]), method)} if LIGHTSIM in rates else {},
        max_dv_pu=difference.max_dv_pu if difference and difference.compared else None,
        exact_dv_pu=exact.max_dv_pu if exact and exact.compared else None,
        compared=difference.compared if difference else 0,
        mismatch_pu=worst,
        allowed_dv_pu=SAME_V_PU,
        allowed_mismatch_pu=TOLERANCE_PU,
        scenarios=rows.size,
        notes=tuple(notes),
    )


def _in_order(rows: Ints, arrays: dict[str, Any]) -> tuple[Complexes, Bools]:
    """The peer's voltages [bus, outage] and convergence in our order of outages."""
    place = {int(row): k for k, row in enumerate(arrays["rows"])}
    order = np.array([place[int(row)] for row in rows])
    return arrays["v"][:, order], arrays["converged"][order]


def _checked(case: Case, rows: Ints, v: Complexes, converged: Bools) -> tuple[float, str]:
    """Largest mismatch of the outages that we call solved, where the whole grid is still one."""
    one = ours.nominal(case)
    whole = np.flatnonzero(converged & np.isfinite(v).all(axis=0))
    some = whole[:: max(1, -(-whole.size // MOST_CHECKED))]
    worst = max((float(mismatch(case, one, v[:, [k]], without=int(rows[k]))[0]) for k in some), default=0.0)
    return worst, f"gridloop solves {converged.sum()} of {rows.size} outages, {some.size} checked apart."
