"""AC power flows with own P and Q per load, on transmission cases, beside lightsim2grid and power-grid-model.

All start from the solved base case, solve the same scenarios to a mismatch of 1e-8 pu, and are checked: our mismatch is
computed again from matrices made here, and our voltages are compared with those of lightsim2grid at a tolerance a
hundred times tighter. power-grid-model knows no machines that hold voltages and starts where it likes: it is measured
apart, with the reactive power of the machines put in as found, and so are we.
"""

from __future__ import annotations

from benchmarks import ours
from benchmarks.cases import draw, read_case
from benchmarks.check import Difference, compare, mismatch
from benchmarks.harness import Bench, alternate, warmed
from benchmarks.peers import PeerFailed
from benchmarks.powerflow_pgm import beside_pgm
from benchmarks.powerflow_study import EXACT_PU, TOLERANCE_PU, Study
from benchmarks.promises import SAME_V_PU
from benchmarks.result import Rates, Row

NAME = "powerflow"
LIGHTSIM = "lightsim2grid"
# Scenarios per case, for the peers and for us: about a second each. Ours are more, so that what happens once per call
# (checks, order of elimination, base case) does not hide the rate; the peers' set-up is not timed at all.
CASES = {
    "case118": (50_000, 200_000),
    "case1354pegase": (3000, 20_000),
    "case2869pegase": (1000, 8000),
    "case9241pegase": (300, 4000),
    "case_ACTIVSg10k": (300, 4000),
}


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
                rows.append(beside_pgm(study))
    return rows


def _beside_lightsim(study: Study) -> Row:
    bench, scenarios = study.bench, study.scenarios
    study.grid.solve(scenarios.first(64), tolerance_pu=TOLERANCE_PU, threads=bench.threads)  # compiles

    def our_turn() -> float:
        return study.grid.solve(study.many, tolerance_pu=TOLERANCE_PU, threads=bench.threads).per_s

    turns, notes, method = {"gridloop": warmed(our_turn)}, [], ""
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
    difference = exact = Difference(0.0, 0, 0)
    worst, failed = 0.0, 0
    for some in study.drawn_again(total):
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
