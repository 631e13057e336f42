"""Optimal power flow of PGLib's cases, from the file to the checked answer, beside the same model in CasADi and
pandapower; DC (`opf_dc`) beside PyPSA.

AC of ours is timed whole: reading, checks, building, solving, prices, the independent checker. Of CasADi building and
solving is timed, of pandapower `runopp`; their reading is not. The objectives are compared with each other and with
PGLib's own table.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Bench, Turn, alternate, warmed
from benchmarks.opf_cases import PHYSICS, folder, matrices, published
from benchmarks.opf_dc import dc_row
from benchmarks.opf_row import row, solve
from benchmarks.peers import PeerFailed
from benchmarks.promises import PROMISES
from benchmarks.result import Row

NAME = "opf"
CASADI, PANDAPOWER = "CasADi + Ipopt", "pandapower runopp"
QUICK = ("3_lmbd", "5_pjm", "14_ieee", "30_ieee", "118_ieee", "300_ieee", "1354_pegase", "2869_pegase")
# Larger ones take CasADi's graph of symbols beyond a minute, and this machine's memory.
MOST_BUSES, MOST_BUSES_OF_CASADI, MOST_BUSES_OF_PANDAPOWER = 10_480, 10_000, 120
# Objectives that differ by more, relatively, are different answers: PGLib's table has five digits.
SAME_COST = 1.5e-4
_TOLD = ("objective", "status", "build_s", "solve_s", "iterations")


def run(bench: Bench) -> list[Row]:
    """A row of AC and one of DC per case, the small ones first. `--case 118_ieee` asks for both."""
    chosen = [case for case in published() if case.kind == "typical" and case.buses <= MOST_BUSES]
    if bench.cases:
        chosen = [case for case in chosen if {case.name, f"{case.name} dc"} & set(bench.cases)]
    elif bench.quick:
        chosen = [case for case in chosen if case.name in QUICK]
    rows = []
    for case in chosen:
        if "ac" in (bench.physics or PHYSICS) and (not bench.cases or case.name in bench.cases):
            rows.append(_row(bench, case.name, case.buses, case.objective["ac"]))
        if "dc" in (bench.physics or PHYSICS):
            rows.append(dc_row(bench, NAME, case, SAME_COST))
    return rows


def _row(bench: Bench, name: str, buses: int, published: float) -> Row:
    path = folder() / f"pglib_opf_case{name}.m"
    facts: dict[str, Any] = {"buses": buses, "published": published}

    def ours() -> float:
        return 1 / solve(path, "ac", facts)[0]

    turns: dict[str, Turn] = {"gridloop": warmed(ours)}
    if bench.with_peers and buses <= MOST_BUSES_OF_CASADI:
        job = matrices(path)

        def casadi() -> float:
            arrays = {key: value for key, value in job.items() if key != "base_mva"}
            said = bench.peer("opf_casadi", {"base_mva": job["base_mva"]}, arrays).facts
            facts.update({f"casadi_{key}": said[key] for key in _TOLD})
            return float(said["per_s"])

        turns[CASADI] = casadi
    if bench.with_peers and buses <= MOST_BUSES_OF_PANDAPOWER:
        turns[PANDAPOWER] = lambda: _pandapower(path, facts)
    rates = alternate(turns, bench.runs, lambda text: bench.say(f"{name}: {text}"))
    apart = abs(facts["objective"] / published - 1)
    notes = [f"{name}: {facts['status']}, {facts['objective']:.6g}, {apart:.1e} from PGLib's table."]
    promise = PROMISES.get((NAME, name))
    if promise is not None and promise.wall_s is not None:
        took = 1 / float(np.median(rates["gridloop"]))
        notes.append(f"{'Kept' if took <= promise.wall_s else 'MISSED'}: {took:.3g} s, promised {promise.wall_s:g} s.")
    right = facts["status"] == "optimal" and apart <= SAME_COST
    if not right:
        notes.append(f"WRONG: objective {facts['objective']:.6g}, published {published:.6g}, status {facts['status']}.")
    return row(NAME, name, "file to checked answer", rates, right, facts, notes)


def _pandapower(path: Path, facts: dict[str, Any]) -> float:
    """One `runopp` of pandapower; it does not take every case."""
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pandapower
            from pandapower.converter.pypower import from_ppc

            case = matrices(path)
            net = from_ppc({**{k: v for k, v in case.items() if k != "base_mva"}, "baseMVA": case["base_mva"]}, f_hz=50)
            began = time.perf_counter()
            pandapower.runopp(net, delta=1e-16, numba=True)
            took = time.perf_counter() - began
    except Exception as error:  # whatever it stumbles over is its answer
        raise PeerFailed(f"pandapower: {type(error).__name__}: {error}") from error
    facts["pandapower_objective"] = float(net.res_cost)
    return 1 / took


def baseline() -> dict[str, tuple[int, float]]:
    """Buses and AC objective of every typical case in PGLib's own table."""
    return {case.name: (case.buses, case.objective["ac"]) for case in published() if case.kind == "typical"}
