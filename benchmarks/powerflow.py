"""AC power flows with own P and Q per load, on transmission cases, beside lightsim2grid and power-grid-model.

All start from the solved base case, solve the same scenarios to a mismatch of 1e-8 pu, and are checked: our mismatch is
computed again from matrices made here, and our voltages are compared with those of lightsim2grid at a tolerance a
hundred times tighter. power-grid-model knows no machines that hold voltages and starts where it likes: it is measured
apart, with the reactive power of the machines put in as found, and so are we.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import ours
from benchmarks.cases import Case, Complexes, Floats, Scenarios, draw, injections, read_case
from benchmarks.check import Difference, compare, mismatch
from benchmarks.harness import Bench, alternate
from benchmarks.peers import Answer, PeerFailed
from benchmarks.promises import SAME_V_PU
from benchmarks.result import Rates, Row

NAME = "powerflow"
LIGHTSIM, PGM = "lightsim2grid", "power-grid-model"
TOLERANCE_PU = 1e-8
# For answers that are to be the same to more than that; less is below the rounding of the larger cases.
EXACT_PU = 1e-10
# Scenarios per case, for the peers and for us: about a second each. Ours are more, so that what happens once per call
# (checks, order of elimination, base case) does not hide the rate; the peers' set-up is not timed at all.
CASES = {
    "case118": (50_000, 200_000),
    "case1354pegase": (3000, 20_000),
    "case2869pegase": (1000, 8000),
    "case9241pegase": (300, 4000),
    "case_ACTIVSg10k": (300, 4000),
}
# power-grid-model needs as long for this share of them.
PGM_SHARE = 0.1
# Answers are compared in blocks of no more voltages than this (16 bytes each).
BLOCK_VOLTAGES = 4_000_000
# A voltage farther off than this is not the same solution, less exactly: it is another one.
OTHER_SOLUTION_PU = 1e-3


@dataclass(frozen=True)
class Study:
    """One case under measurement: the case, our grid of it, and the scenarios that are timed: ours, and the peers'."""

    bench: Bench
    case: Case
    grid: ours.Grid
    many: Scenarios
    scenarios: Scenarios

    def facts(self, mode: str, **more: Any) -> dict[str, Any]:
        base = {"mode": mode, "base_mva": self.case.base_mva, "tolerance_pu": TOLERANCE_PU, "voltages": False}
        return {**base, **more}

    def arrays(self, scenarios: Scenarios | None = None) -> dict[str, Any]:
        case = self.case
        given = {"bus": case.bus, "gen": case.gen, "branch": case.branch, "v0": self.grid.v0, "slack": case.slack}
        own = {} if scenarios is None else {k: getattr(scenarios, k) for k in ("p_mw", "q_mvar", "gen_p_mw")}
        return {**given, "load_rows": case.load_rows, **own}


def run(bench: Bench) -> list[Row]:
    """Every case: a row with machines, then a row in power-grid-model's form where that has an answer."""
    rows = []
    for name, counts in CASES.items():
        if bench.asks_for(name):
            bench.say(f"{name}: reading and solving the base case")
            case = read_case(name)
            count, ours_count = (max(n // (3 if bench.quick else 1), 60) for n in counts)
            many = draw(case, ours_count, seed=bench.seed)
            study = Study(bench, case, ours.Grid(case), many, many.first(count))
            rows.append(_beside_lightsim(study))
            if bench.with_peers:
                rows += _beside_pgm(study)
    return rows


def _beside_lightsim(study: Study) -> Row:
    bench, scenarios = study.bench, study.scenarios
    study.grid.solve(scenarios.first(64), tolerance_pu=TOLERANCE_PU, threads=bench.threads)  # compiles

    def our_turn() -> float:
        return study.grid.solve(study.many, tolerance_pu=TOLERANCE_PU, threads=bench.threads).per_s

    turns, notes, method = {"gridloop": our_turn}, [], ""
    if bench.with_peers:
        method, ranking = _tune_lightsim(study)
        job = study.facts("time", method=method)
        turns[LIGHTSIM] = lambda: bench.peer("lightsim2grid_flows", job, study.arrays(scenarios)).per_s
        notes.append(f"{LIGHTSIM} in a tuning run of each method, per second: {ranking}.")
    rates = alternate(turns, bench.runs, bench.say)
    difference, exact, worst, failed = _answers(study)
    notes.append(f"gridloop is timed on {len(study.many):,} scenarios, peers on the first {len(scenarios):,} of them.")
    notes.append(f"{failed} of the checked scenarios did not converge here; {difference.only_one} with one tool only.")
    notes += _wider(study, method)
    return Row(
        NAME,
        study.case.name,
        bench.threads,
        Rates(tuple(rates["gridloop"]), study.grid.method),
        {LIGHTSIM: Rates(tuple(rates[LIGHTSIM]), method)} if LIGHTSIM in rates else {},
        max_dv_pu=difference.max_dv_pu if difference.compared else None,
        exact_dv_pu=exact.max_dv_pu if exact.compared else None,
        compared=difference.compared,
        mismatch_pu=worst,
        allowed_dv_pu=SAME_V_PU,
        allowed_mismatch_pu=TOLERANCE_PU,
        scenarios=len(study.many),
        notes=tuple(notes),
    )


def _tune_lightsim(study: Study) -> tuple[str, str]:
    study.bench.say(f"{study.case.name}: looking for the fastest method of {LIGHTSIM}")
    few = study.scenarios.first(max(len(study.scenarios) // 10, 60))
    tuned = study.bench.peer("lightsim2grid_flows", study.facts("tune"), study.arrays(few)).facts
    ranking = ", ".join(f"{method} {per_s:,.0f}" for method, per_s in tuned["ranking"].items())
    return tuned["method"], ranking


def _answers(study: Study) -> tuple[Difference, Difference, float, int]:
    """Difference to the peer as timed, and of exact answers; our largest mismatch where we converged; how often we did
    not. Block by block."""
    bench, case = study.bench, study.case
    total = len(study.scenarios) if bench.quick else bench.answers
    size = min(max(BLOCK_VOLTAGES // case.n_buses, 1), total)
    difference = exact = Difference(0.0, 0, 0)
    worst, failed = 0.0, 0
    for block, first in enumerate(range(0, total, size)):
        bench.say(f"{case.name}: comparing answers, {first:,} of {total:,}")
        some = draw(case, min(size, total - first), seed=bench.seed, block=1 + block)
        mine = study.grid.solve(some, tolerance_pu=TOLERANCE_PU, threads=bench.threads)
        here = some.first(mine.converged.size)
        worst = max(worst, float(mismatch(case, here, mine.v)[mine.converged].max(initial=0.0)))
        failed += int((~mine.converged).sum())
        if bench.with_peers:
            theirs = bench.peer("lightsim2grid_flows", study.facts("answer", voltages=True), study.arrays(here)).arrays
            difference = difference.joined(compare(mine.v, mine.converged, theirs["v"], theirs["converged"]))
            mine = study.grid.solve(here, tolerance_pu=EXACT_PU, threads=bench.threads)
            exact = exact.joined(compare(mine.v, mine.converged, theirs["v"], theirs["converged"]))
    return difference, exact, worst, failed


def _wider(study: Study, method: str) -> list[str]:
    """One run of each tool with powers drawn from ± 50 %."""
    bench = study.bench
    many = draw(study.case, len(study.many), spread=0.5, seed=bench.seed)
    wide = many.first(len(study.scenarios))
    mine = study.grid.solve(many, tolerance_pu=TOLERANCE_PU, threads=bench.threads)
    words = f"± 50 %, one run: gridloop {mine.per_s:,.0f}/s, {mine.converged.mean():.2%} converged"
    if bench.with_peers:
        try:
            peer = bench.peer("lightsim2grid_flows", study.facts("time", method=method), study.arrays(wide)).facts
        except PeerFailed as error:
            return [f"{words}; {error}"]
        words += f"; {LIGHTSIM} {peer['per_s']:,.0f}/s, {peer['converged'] / peer['solved']:.2%} converged"
    return [f"{words}."]


def _beside_pgm(study: Study) -> list[Row]:
    """The scenarios with all reactive power found before. Nothing where power-grid-model solves less than half."""
    bench, case = study.bench, study.case
    bench.say(f"{case.name}: the same in the form that {PGM} takes")
    few = study.scenarios.first(max(int(len(study.scenarios) * PGM_SHARE), 30))
    found = bench.peer("lightsim2grid_flows", study.facts("answer", voltages=True), study.arrays(few)).arrays
    s, v = _without_machines(case, few, found["v"]), found["v"]
    y = case.admittance().tocoo()
    arrays = {**study.arrays(), "s": s, "y": y.data, "y_row": y.row, "y_col": y.col}
    tuned = bench.peer("power_grid_model_flows", study.facts("tune", tune_on=max(len(few) // 10, 20)), arrays).facts
    label = f"{case.name} without machines"
    if not tuned["ranking"]:
        note = f"{PGM} solves fewer than half of these scenarios with any method, from the start it chooses itself."
        return [Row(NAME, label, bench.threads, scenarios=len(few), notes=(note,))]
    jobs = {
        f"{PGM} {method}": study.facts("time", method=method, error_tolerance=tuned["tolerances"][method])
        for method in tuned["ranking"]
    }
    mine = study.grid.solve_as_pq(few, s, tolerance_pu=TOLERANCE_PU, threads=bench.threads)

    def our_turn() -> float:
        nonlocal mine
        mine = study.grid.solve_as_pq(few, s, tolerance_pu=TOLERANCE_PU, threads=bench.threads)
        return mine.per_s

    def their_turn(job: dict[str, Any]) -> float:
        return bench.peer("power_grid_model_flows", job, arrays).per_s

    turns = {"gridloop": our_turn, **{name: (lambda job=job: their_turn(job)) for name, job in jobs.items()}}
    rates = alternate(turns, bench.runs, bench.say)
    tight = study.grid.solve_as_pq(few, s, tolerance_pu=EXACT_PU, threads=bench.threads)
    counted, others, notes = {}, {}, []
    difference = exact = Difference(0.0, 0, 0)
    for name, job in jobs.items():
        answer = bench.peer("power_grid_model_flows", {**job, "mode": "answer", "voltages": True}, arrays)
        same, apart, words = _same_solution(answer, v, mine)
        _, exactly, _ = _same_solution(answer, v, tight)
        timed = Rates(tuple(rates.get(name, ())), f"error_tolerance {job['error_tolerance']:g}, its own start")
        notes.append(f"{name}: {words}")
        if timed.per_s:
            (counted if same else others)[name] = timed
        if same:
            difference, exact = difference.joined(apart), exact.joined(exactly)
    return [
        Row(
            NAME,
            label,
            bench.threads,
            Rates(tuple(rates["gridloop"]), study.grid.method),
            counted,
            others,
            max_dv_pu=difference.max_dv_pu if difference.compared else None,
            exact_dv_pu=exact.max_dv_pu if exact.compared else None,
            compared=difference.compared,
            scenarios=len(few),
            allowed_dv_pu=SAME_V_PU,
            notes=("Reactive power of machines put in as found: only the slack holds a voltage.", *notes),
        )
    ]


def _without_machines(case: Case, scenarios: Scenarios, v: Complexes) -> Complexes:
    """Injections with the reactive power that machines gave in these answers. [bus, scenario], per unit"""
    s, (held, _) = injections(case, scenarios), case.held
    found = v * np.conj(case.admittance() @ v)
    s[held] = s[held].real + 1j * found[held].imag
    return s


def _same_solution(answer: Answer, known: Complexes, mine: ours.Solved) -> tuple[bool, Difference, str]:
    """Whether a peer found the known solution in most scenarios, how far we are from it there, and words."""
    v, converged = answer.arrays["v"], answer.arrays["converged"]
    far: Floats = np.abs(v - known).max(axis=0)
    right = converged & (far < OTHER_SOLUTION_PU)
    words = (
        f"{converged.mean():.1%} converge, {(converged & ~right).mean():.1%} to another solution than the known one."
    )
    n = mine.converged.size
    ours_right = mine.converged & (np.abs(mine.v - known[:, :n]).max(axis=0) < OTHER_SOLUTION_PU)
    same = bool(right.mean() > 0.5)
    return same, compare(mine.v, ours_right, v, right), words if same else f"{words} Not counted as a peer here."
