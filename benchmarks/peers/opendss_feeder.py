"""OpenDSS solves scenarios of a feeder: every load has a shape of its own for P and one for Q, and the engine steps
through them by itself, without a call from Python between two flows. Several processes share the scenarios.

mode "tune": its loosest tolerance that keeps every voltage within `accuracy_pu` of the converged one, and its fastest
solution mode. "time": as tuned, warm from one scenario to the next, taps too. "answer": to 1e-10, every scenario from
the taps of the file. "multiplier": one multiplier for all loads, warm: less than the others are asked for.
"""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import opendssdirect as dss
from job import serve

TOLERANCES = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)
TIGHTEST = 1e-10
STEPPING = ("dutycycle", "daily", "yearly")
MAX_ITERATIONS, TUNE_ON = 100, 100


def load_circuit(facts: dict[str, Any], p: np.ndarray, q: np.ndarray) -> None:
    """Compile the feeder; give every load its shapes. p, q [scenario, load]"""
    for command in ("clear", f'compile "{facts["path"]}"', *facts.get("commands", ())):
        dss.Command(command)
    for k, name in enumerate(dss.Loads.AllNames()):
        p_text, q_text = (" ".join(map(repr, column.tolist())) for column in (p[:, k], q[:, k]))
        dss.Command(f"new loadshape.own{k} npts={len(p)} interval=1 mult=[{p_text}] qmult=[{q_text}]")
        dss.Command(f"load.{name}.yearly=own{k} daily=own{k} duty=own{k}")
    dss.Command(f"set maxiterations={MAX_ITERATIONS}")


@dataclass(frozen=True)
class Stepper:
    """One way of solving scenarios in a row."""

    controls: bool
    mode: str
    tolerance: float

    def prepare(self, first: int, count: int) -> None:
        # Hour h reads entry h of a shape, from 1: the clock moves before the first solution. A mode brings a control
        # mode of its own, so that ours comes last.
        dss.Command(f"set mode={self.mode} stepsize=1h hour={first} sec=0 number={count} tolerance={self.tolerance!r}")
        dss.Command(f"set controlmode={'static' if self.controls else 'off'}")

    def solve(self, first: int, count: int) -> float:
        """Solve scenarios first … first + count; the seconds that takes."""
        self.prepare(first, count)
        start = time.perf_counter()
        dss.Solution.Solve()
        return time.perf_counter() - start


def base_volts() -> np.ndarray:
    """Volts that are 1 pu at every node, in the order of the voltages."""
    bases = []
    for name in dss.Circuit.AllNodeNames():
        dss.Circuit.SetActiveBus(name.split(".")[0])
        bases.append(1000 * dss.Bus.kVBase())
    return np.array(bases)


def states(stepper: Stepper, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """v [node, scenario] per unit, converged [scenario], tap number [regulator, scenario], one scenario at a time."""
    volts, converged, taps = [], [], []
    start = {name: tap_of(name) for name in dss.RegControls.AllNames()}
    for k in range(count):
        for name, tap in start.items():
            dss.RegControls.Name(name)
            dss.RegControls.TapNumber(tap)
        stepper.solve(k, 1)
        flat = np.array(dss.Circuit.AllBusVolts())
        volts.append(flat[0::2] + 1j * flat[1::2])
        converged.append(dss.Solution.Converged())
        taps.append([tap_of(name) for name in start])
    return np.array(volts).T / base_volts()[:, None], np.array(converged), np.array(taps).T


def tap_of(name: str) -> int:
    dss.RegControls.Name(name)
    return int(dss.RegControls.TapNumber())


def one_share(facts: dict[str, Any], p: np.ndarray, q: np.ndarray, barrier: Any, results: Any) -> None:
    """A process of its own: its share of the scenarios, started together with the others."""
    load_circuit(facts, p, q)
    n = len(p)
    multiplied = facts["mode"] == "multiplier"
    stepper = Stepper(facts["controls"], facts["stepping"], facts["tolerance"])
    stepper.solve(0, min(n, 50))
    if multiplied:
        Stepper(facts["controls"], "snapshot", facts["tolerance"]).prepare(0, 1)
        multipliers = p.mean(axis=1).tolist()
    else:
        stepper.prepare(0, n)
    barrier.wait()
    start = time.monotonic()  # one clock for all processes of a machine
    if multiplied:
        for multiplier in multipliers:
            dss.Solution.LoadMult(multiplier)
            dss.Solution.Solve()
    else:
        dss.Solution.Solve()
    results.put((start, time.monotonic(), bool(dss.Solution.Converged())))


def work(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    p, q = arrays["p_factor"], arrays["q_factor"]
    said: dict[str, Any] = {"engine": dss.Basic.Version().splitlines()[0]}
    if facts["mode"] == "count":
        load_circuit(facts, np.ones((1, 1000)), np.ones((1, 1000)))
        return said | {"per_s": 0.0, "loads": dss.Loads.Count(), "nodes": dss.Circuit.NumNodes()}, {}
    if facts["mode"] == "tune":
        return said | tune(facts, p, q), {}
    if facts["mode"] == "answer":
        load_circuit(facts, p, q)
        v, converged, taps = states(Stepper(facts["controls"], STEPPING[0], TIGHTEST), len(p))
        found = {"v": v, "converged": converged, "taps": taps, "nodes": np.array(dss.Circuit.AllNodeNames())}
        return said | {"per_s": 0.0, "regulators": dss.RegControls.AllNames()}, found
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(facts["threads"]), context.Queue()
    shares = zip(np.array_split(p, facts["threads"]), np.array_split(q, facts["threads"]), strict=True)
    workers = [context.Process(target=one_share, args=(facts, *share, barrier, results)) for share in shares]
    for worker in workers:
        worker.start()
    times = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    took = max(end for _, end, _ in times) - min(start for start, _, _ in times)
    return said | {"per_s": len(p) / took, "solved": len(p)}, {}


def tune(facts: dict[str, Any], p: np.ndarray, q: np.ndarray) -> dict[str, Any]:
    """With controls off: what a tap does to a voltage would hide what a tolerance does."""
    load_circuit(facts, p, q)
    few = len(p[:TUNE_ON])
    exact, _, _ = states(Stepper(False, STEPPING[0], TIGHTEST), few)
    for tolerance in TOLERANCES:
        v, _, _ = states(Stepper(False, STEPPING[0], tolerance), few)
        error = float(np.abs(v - exact).max())
        if error <= facts["accuracy_pu"]:
            break
    ranking = {}
    for mode in STEPPING:
        stepper = Stepper(facts["controls"], mode, tolerance)
        ranking[mode] = len(p) / min(stepper.solve(0, len(p)) for _ in range(3))
    best = max(ranking, key=lambda mode: ranking[mode])
    return {"per_s": ranking[best], "ranking": ranking, "stepping": best, "tolerance": tolerance, "error_pu": error}


if __name__ == "__main__":
    serve(work, "opendssdirect.py", "dss-python", "dss_python_backend")
