"""Unbalanced three-phase flows on IEEE 123 with own P and Q per load, beside OpenDSS: controls off, and regulators on.

The answer wanted is within 1e-6 pu of the fully converged one. OpenDSS runs at its loosest tolerance that gives that.
Answers are compared with OpenDSS at 1e-10; with regulators, from the taps of the file in every scenario.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import feeder_wye, ours
from benchmarks.harness import Bench, Turn, alternate, warmed
from benchmarks.promises import SAME_FEEDER_V_PU
from benchmarks.result import Rates, Row
from gridloop.errors import MissingFile

NAME, CASE, WITH_REGULATORS = "feeder", "ieee123", "ieee123 with regulators"
OPENDSS = "OpenDSS"
MASTER = Path("feeders") / "123Bus" / "IEEE123Master.dss"
LOADS = 91
SPREAD, ACCURACY_PU = 0.2, 1e-6
# Scenarios for OpenDSS, and how many times as many for us: about a second each.
SCENARIOS, OURS_TIMES, TUNE_ON = 20_000, 10, 2000
ANSWERS = 2000


def master(bench: Bench) -> Path:
    """The feeder's main file. Raises `MissingFile` where the data is not there."""
    data = bench.data_folder
    path = data / MASTER
    if not path.is_file():
        raise MissingFile(
            f"no {MASTER} under {data}. Set GRIDLOOP_DATA to the folder that has the IEEE test feeders.", path=str(path)
        )
    return path


def run(bench: Bench) -> list[Row]:
    """Controls off, then regulators on, then the form that power-grid-model takes."""
    path = master(bench)
    pairs = ((CASE, False), (WITH_REGULATORS, True))
    rows = [_row(bench, path, name, controls) for name, controls in pairs if bench.asks_for(name)]
    if bench.with_peers and bench.asks_for(feeder_wye.CASE):
        rows.append(feeder_wye.beside_pgm(bench, path, loads=LOADS, spread=SPREAD, accuracy_pu=ACCURACY_PU))
    return rows


def _row(bench: Bench, path: Path, name: str, controls: bool) -> Row:
    count = SCENARIOS // (3 if bench.quick else 1)
    turns: dict[str, Turn] = {}
    notes: list[str] = []
    feeder = None
    try:
        feeder = ours.feeder(path)
        options = {"controls": controls, "accuracy_pu": ACCURACY_PU, "threads": bench.threads}
        turns["gridloop"] = _our_turn(feeder, count, bench.seed, options)
    except ours.NotYet as missing:
        notes.append(str(missing))
    method = ""
    if bench.with_peers:
        method, theirs = opendss_turns(bench, path, controls, count, notes)
        turns |= theirs
    rates = alternate(turns, bench.runs, bench.say)
    beside = {f"{OPENDSS}, one multiplier": "one factor for all loads, warm"}
    worst, compared = _answers(bench, path, controls, feeder, notes) if bench.with_peers and feeder else (None, 0)
    return Row(
        NAME,
        name,
        bench.threads,
        Rates(tuple(rates["gridloop"]), "gridloop.power_flows") if "gridloop" in rates else None,
        {OPENDSS: Rates(tuple(rates[OPENDSS]), method)} if OPENDSS in rates else {},
        {tool: Rates(tuple(rates[tool]), how) for tool, how in beside.items() if tool in rates},
        max_dv_pu=worst,
        exact_dv_pu=worst,
        compared=compared,
        allowed_dv_pu=SAME_FEEDER_V_PU,
        scenarios=count,
        notes=tuple(notes),
    )


def _our_turn(feeder: Any, count: int, seed: int, options: dict[str, Any]) -> Turn:
    """More scenarios than the others get, in one call: what happens once per call takes as long as 10,000 flows."""
    many = ours.factors(count * OURS_TIMES, LOADS, SPREAD, seed)
    feeder.solve(*(factor[:256] for factor in many), **options)  # compiles
    return warmed(lambda: float(feeder.solve(*many, **options).per_s))


def opendss_turns(
    bench: Bench, path: Path, controls: bool, count: int, notes: list[str]
) -> tuple[str, dict[str, Turn]]:
    """How OpenDSS is to run, and its turns: own factors, and one multiplier for all loads."""
    bench.say(f"{OPENDSS}: looking for its loosest tolerance and fastest mode")
    facts = {"path": str(path), "controls": controls, "accuracy_pu": ACCURACY_PU}
    p, q = ours.factors(count, LOADS, SPREAD, bench.seed)
    few, own = ({"p_factor": p[:n], "q_factor": q[:n]} for n in (TUNE_ON, None))
    tuned = bench.peer("opendss_feeder", {**facts, "mode": "tune"}, few).facts
    notes.append(
        f"{OPENDSS} at tolerance {tuned['tolerance']:g} is within {tuned['error_pu']:.1e} pu; in one process: "
        + ", ".join(f"{mode} {per_s:,.0f}/s" for mode, per_s in tuned["ranking"].items())
        + f". Timed in {bench.threads} processes, its engine stepping through load shapes by itself"
        + (", taps kept from one scenario to the next." if controls else ".")
    )
    job = {**facts, "stepping": tuned["stepping"], "tolerance": tuned["tolerance"]}

    def turn(mode: str) -> Turn:
        return lambda: bench.peer("opendss_feeder", {**job, "mode": mode}, own).per_s

    method = f"mode {tuned['stepping']}, tolerance {tuned['tolerance']:g}"
    return method, {OPENDSS: turn("time"), f"{OPENDSS}, one multiplier": turn("multiplier")}


def _answers(bench: Bench, path: Path, controls: bool, feeder: Any, notes: list[str]) -> tuple[float | None, int]:
    """Largest |ΔV| per node where both converged; with controls, only where the taps are the same."""
    p, q = ours.factors(ANSWERS // (10 if bench.quick else 1), LOADS, SPREAD, bench.seed + 1)
    facts = {"path": str(path), "controls": controls, "accuracy_pu": ACCURACY_PU, "mode": "answer"}
    theirs = bench.peer("opendss_feeder", facts, {"p_factor": p, "q_factor": q})
    mine = feeder.solve(p, q, controls=controls, accuracy_pu=ACCURACY_PU, threads=bench.threads)
    order = [list(mine.nodes).index(str(node).lower()) for node in theirs.arrays["nodes"]]
    both = mine.converged & theirs.arrays["converged"]
    if controls:
        apart = np.abs(mine.taps - theirs.arrays["taps"])
        notes.append(f"Taps: the same in {(apart[:, both] == 0).mean():.1%}, at most {apart[:, both].max()} apart.")
        both = both & (apart == 0).all(axis=0)
    difference = np.abs(mine.v[order][:, both] - theirs.arrays["v"][:, both])
    return (float(difference.max()) if difference.size else None), int(both.sum())
