"""IEEE 123 in the form that power-grid-model can say: same lines, same unbalance, fewer kinds of elements.

Every load is constant power between a phase and ground, regulators stand at neutral, and single-phase capacitors and
the transformer that feeds nothing are left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import ours
from benchmarks.harness import Bench, Turn, alternate
from benchmarks.promises import SAME_FEEDER_V_PU
from benchmarks.result import Rates, Row

NAME, CASE = "feeder", "ieee123 wye, constant power"
PGM, OPENDSS = "power-grid-model", "OpenDSS"
SCENARIOS, TUNE_ON, ANSWERS = 4000, 200, 200
# We solve so many times as many: about a second.
OURS_TIMES = 50
# Delta loads, and the phase that each gets.
DELTA = {"s35a": "35.1", "s65a": "65.1", "s65b": "65.2", "s65c": "65.3", "s76a": "76.1", "s76b": "76.2", "s76c": "76.3"}
CAPACITORS, TRANSFORMER = ("c88a", "c90b", "c92c"), "xfm1"
COMMANDS = (
    "batchedit regcontrol..* enabled=no",
    "batchedit load..* model=1 vminpu=0.1 vmaxpu=10",
    *(f"edit load.{load} conn=wye phases=1 bus1={node} kv=2.402" for load, node in DELTA.items()),
    f"edit transformer.{TRANSFORMER} enabled=no",
    *(f"edit capacitor.{capacitor} enabled=no" for capacitor in CAPACITORS),
)


def beside_pgm(bench: Bench, path: Path, *, loads: int, spread: float, accuracy_pu: float) -> Row:
    """power-grid-model and OpenDSS on this feeder; gridloop where the library can take it so."""
    bench.say(f"{CASE}: looking for the loosest tolerances")
    p, q = ours.factors(SCENARIOS, loads, spread, bench.seed)
    own = {"p_factor": p, "q_factor": q}
    few = {name: factor[:ANSWERS] for name, factor in own.items()}
    facts = {"path": str(path), "commands": COMMANDS, "controls": False, "accuracy_pu": accuracy_pu}
    turns: dict[str, Turn] = {}
    methods: dict[str, str] = {}

    def timed(script: str, job: dict[str, Any]) -> Turn:
        return lambda: bench.peer(script, {**facts, **job, "mode": "time"}, own).per_s

    tuned = bench.peer("power_grid_model_feeder", {**facts, "mode": "tune", "tune_on": TUNE_ON}, own).facts
    for method, tolerance in tuned["tolerances"].items():
        name = f"{PGM} {method}"
        turns[name] = timed("power_grid_model_feeder", {"method": method, "tolerance": tolerance})
        methods[name] = f"error_tolerance {tolerance:g}, its own start"
    stepped = bench.peer("opendss_feeder", {**facts, "mode": "tune"}, few).facts
    turns[OPENDSS] = timed("opendss_feeder", {name: stepped[name] for name in ("stepping", "tolerance")})
    methods[OPENDSS] = f"mode {stepped['stepping']}, tolerance {stepped['tolerance']:g}"
    grid = ours.wye_feeder(path, DELTA, CAPACITORS, TRANSFORMER)
    options = {"controls": False, "accuracy_pu": accuracy_pu, "threads": bench.threads}
    many = ours.factors(SCENARIOS * OURS_TIMES, loads, spread, bench.seed)
    grid.solve(*(factor[:256] for factor in many), **options)  # compiles
    turns["gridloop"] = lambda: float(grid.solve(*many, **options).per_s)
    rates = alternate(turns, bench.runs, bench.say)
    mine = grid.solve(*few.values(), **options)
    apart, notes = _apart(bench, facts, few, dict(zip(mine.nodes, mine.v, strict=True)))
    return Row(
        NAME,
        CASE,
        bench.threads,
        Rates(tuple(rates.pop("gridloop")), "gridloop.power_flows"),
        {name: Rates(tuple(values), methods[name]) for name, values in rates.items()},
        max_dv_pu=apart,
        exact_dv_pu=apart,
        compared=ANSWERS,
        allowed_dv_pu=SAME_FEEDER_V_PU,
        scenarios=SCENARIOS * OURS_TIMES,
        notes=notes,
    )


def _apart(
    bench: Bench, facts: dict[str, Any], few: dict[str, Any], mine: dict[str, Any]
) -> tuple[float, tuple[str, ...]]:
    """How far we and power-grid-model are from OpenDSS, at every node that it has and that is not dead."""
    job = {**facts, "mode": "answer"}
    pgm, dss = (bench.peer(script, job, few).arrays for script in ("power_grid_model_feeder", "opendss_feeder"))
    theirs = dict(zip((str(node) for node in pgm["nodes"]), pgm["v"], strict=True))
    apart, notes = {}, []
    for tool, v in (("gridloop", mine), (PGM, theirs)):
        pairs = [(v[str(n).lower()], own) for n, own in zip(dss["nodes"], dss["v"], strict=True) if str(n).lower() in v]
        gaps = [float(np.abs(a - b).max()) for a, b in pairs if np.abs(b).min() > 0]
        apart[tool] = max(gaps)
        notes.append(f"{tool} and {OPENDSS} are at most {max(gaps):.1e} pu apart at {len(gaps)} nodes.")
    return apart["gridloop"], tuple(notes)
