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
from benchmarks.result import Rates, Row

NAME, CASE = "feeder", "ieee123 wye, constant power"
PGM, OPENDSS = "power-grid-model", "OpenDSS"
SCENARIOS, TUNE_ON, ANSWERS = 4000, 200, 200
# Delta loads, and the phase that each gets.
DELTA = {"s35a": "35.1", "s65a": "65.1", "s65b": "65.2", "s65c": "65.3", "s76a": "76.1", "s76b": "76.2", "s76c": "76.3"}
COMMANDS = (
    "batchedit regcontrol..* enabled=no",
    "batchedit load..* model=1 vminpu=0.1 vmaxpu=10",
    *(f"edit load.{load} conn=wye phases=1 bus1={node} kv=2.402" for load, node in DELTA.items()),
    "edit transformer.xfm1 enabled=no",
    *(f"edit capacitor.{capacitor} enabled=no" for capacitor in ("c88a", "c90b", "c92c")),
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
    rates = alternate(turns, bench.runs, bench.say)
    note = "Only the peers: the library's feeders are not measured in this form."
    return Row(
        NAME,
        CASE,
        bench.threads,
        peers={name: Rates(tuple(values), methods[name]) for name, values in rates.items()},
        scenarios=SCENARIOS,
        notes=(note, _agreement(bench, facts, few)),
    )


def _agreement(bench: Bench, facts: dict[str, Any], few: dict[str, Any]) -> str:
    """How far the two peers are apart, at every node that OpenDSS has and that is not dead."""
    job = {**facts, "mode": "answer"}
    pgm, dss = (bench.peer(script, job, few).arrays for script in ("power_grid_model_feeder", "opendss_feeder"))
    place = {str(node): k for k, node in enumerate(pgm["nodes"])}
    order = np.array([place.get(str(node).lower(), -1) for node in dss["nodes"]])
    alive = (order >= 0) & (np.abs(dss["v"]).min(axis=1) > 0)
    apart = float(np.abs(pgm["v"][order[alive]] - dss["v"][alive]).max())
    where = f"at {alive.sum()} nodes in {len(few['p_factor'])} scenarios"
    return f"{PGM} and {OPENDSS} are at most {apart:.1e} pu apart {where}."
