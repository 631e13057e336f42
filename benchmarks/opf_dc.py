"""DC optimal power flow of PGLib's cases, from the network to the checked answer, beside PyPSA on the same model.

Ours is timed from the tables to the answer that the independent checker took; what reading the file takes on top is
told apart (`read_s`), for the promised second does not count it. Of PyPSA filling its tables, building and solving are
timed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.harness import Bench, Turn, alternate, warmed
from benchmarks.opf_cases import Published, matrices
from benchmarks.opf_row import row, solve
from benchmarks.opf_turned import turned_apart
from benchmarks.result import Row

PYPSA = "PyPSA + HiGHS"
# Larger ones take PyPSA minutes, or more memory than a small machine has.
MOST_BUSES_OF_PYPSA, LONGEST_OF_PYPSA_S = 3_000, 120.0
# Objectives of two solvers of the same model: relative, by their tolerances of 1e-7 and PyPSA's own rounding.
SAME_MODEL = 1e-5


def dc_row(bench: Bench, benchmark: str, case: Published, same_cost: float) -> Row:
    """One case. same_cost  largest relative difference to PGLib's table that counts as the same"""
    name = f"{case.name} dc"
    facts: dict[str, Any] = {"buses": case.buses, "published": case.objective["dc"]}

    def ours() -> float:
        took, read = solve(case.path, "dc", facts)
        facts["file_to_answer_s"] = took
        return 1 / (took - read)

    turns: dict[str, Turn] = {"gridloop": warmed(ours)}
    if bench.with_peers and case.buses <= MOST_BUSES_OF_PYPSA:
        arrays = matrices(case.path)
        told = {"base_mva": arrays.pop("base_mva"), "time_limit_s": LONGEST_OF_PYPSA_S}

        def pypsa() -> float:
            said = bench.peer("opf_pypsa", told, arrays).facts
            facts.update({f"pypsa_{key}": said[key] for key in ("objective", "status", "build_s", "solve_s")})
            return float(said["per_s"])

        turns[PYPSA] = pypsa
    rates = alternate(turns, bench.runs, lambda text: bench.say(f"{name}: {text}"))
    apart = abs(facts["objective"] / facts["published"] - 1)
    notes = [
        f"{name}: {facts['status']}, {facts['objective']:.6g}, {apart:.1e} from PGLib's table; "
        f"{1 / float(np.median(rates['gridloop'])):.3g} s, and {facts['read_s']:.3g} s for reading the file."
    ]
    right = facts["status"] == "optimal" and apart <= same_cost
    if facts["status"] == "optimal" and not right:
        turned = facts["turned"] = turned_apart(case)
        right = turned is not None and abs(turned) <= same_cost
        if right:
            notes.append(f"With its transformers turned as the table's tool does it is {abs(turned or 0):.1e} from it.")
    if "pypsa_objective" in facts:
        beside = abs(facts["objective"] / facts["pypsa_objective"] - 1)
        notes.append(f"{beside:.1e} from PyPSA's objective.")
        right = right and beside <= SAME_MODEL
    if not right:
        notes.append(f"WRONG: objective {facts['objective']:.8g}, published {facts['published']:.6g}, or not PyPSA's.")
    return row(benchmark, name, "network to checked answer", rates, right, facts, notes)
