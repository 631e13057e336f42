"""gridloop as the benchmarks call it: the one file that changes when the library's own doors do.

Every function solves what it is given through a public door of the library and is timed as a whole: no set-up is
hidden but what a user also keeps between two calls (the network as read, the base case as the start).
"""

from __future__ import annotations

import hashlib
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks.cases import GEN_BUS, GEN_ON, Bools, Case, Complexes, Floats, Ints, Scenarios
from gridloop.errors import GridloopError
from gridloop.io.read import read_network
from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.powerflow.batch import power_flows
from gridloop.powerflow.contingency import Study, prepare_contingencies
from gridloop.powerflow.feeder.batch import feeder_flows
from gridloop.powerflow.study.reducers import HostingCapacity, Quantiles, Range, Violations, WorstK
from gridloop.powerflow.study.samplers import Adoption
from gridloop.powerflow.study.simulate import simulate

# The common start is solved to far less than what is timed.
BASE_TOLERANCE_PU = 1e-10
# A study of outages is repeated for so long: one of a small case takes a millisecond.
LONG_ENOUGH_S = 0.5

OUTAGES_METHOD = "gridloop.prepare_contingencies, then run"


class NotYet(GridloopError):
    """The library has no door for this yet."""


@dataclass(frozen=True)
class Solved:
    """Answers to the first so many scenarios: v [bus or node, scenario], converged [scenario], and the time it took."""

    v: Complexes
    converged: Bools
    seconds: float

    @property
    def per_s(self) -> float:
        return self.converged.size / self.seconds


class Grid:
    """A case as read; v0 [bus] is its solution, where every tool starts from. Buses in the order of the file."""

    method = "gridloop.powerflow.batch.power_flows"

    def __init__(self, case: Case) -> None:
        self.case, self.net = case, read_network(case.path)
        assert (self.net.bus.index.astype(int) == case.bus[:, 0].astype(int)).all()
        assert (self.net.load["bus"].astype(int) == case.bus[case.load_rows, 0].astype(int)).all()
        assert len(self.net.generator) == len(case.gen)
        base = self.solve(nominal(case), tolerance_pu=BASE_TOLERANCE_PU, threads=1)
        assert base.converged.all(), f"the base case of {case.name} has no solution"
        self.v0: Complexes = base.v[:, 0]
        self.studies: dict[tuple[float, bytes], Study] = {}

    def solve(self, scenarios: Scenarios, *, tolerance_pu: float, threads: int) -> Solved:
        """The flows of scenarios in which machines hold their voltages."""
        given = {"load.p_mw": scenarios.p_mw, "load.q_mvar": scenarios.q_mvar, "generator.p_mw": scenarios.gen_p_mw}
        return _timed(self.net, given, tolerance_pu, threads)

    def solve_as_pq(self, scenarios: Scenarios, s: Complexes, *, tolerance_pu: float, threads: int) -> Solved:
        """The flows of scenarios in which only the slack holds its voltage and buses inject s [bus, scenario], pu."""
        case = self.case
        loads = np.zeros((case.n_buses, len(scenarios)))
        loads[case.load_rows] = scenarios.q_mvar.T
        on = np.flatnonzero(case.gen[:, GEN_ON] > 0)
        rows, first = np.unique(case.rows_of(case.gen[on, GEN_BUS]), return_index=True)
        q = np.zeros((len(scenarios), len(case.gen)))
        q[:, on[first]] = (s.imag[rows] * case.base_mva + loads[rows]).T  # all of a bus by its first machine
        machines = self.net.generator.assign(regulates_voltage=False)
        net = Network.from_tables({**self.net.tables, "generator": machines}, name=case.name)
        given = {"load.p_mw": scenarios.p_mw, "load.q_mvar": scenarios.q_mvar, "generator.p_mw": scenarios.gen_p_mw}
        # The reactive power in the tables is that of another state.
        return _timed(net, {**given, "generator.q_mvar": q}, tolerance_pu, threads, "mean")


def _timed(
    net: Network,
    given: dict[str, Floats],
    tolerance_pu: float,
    threads: int,
    start_at: Literal["tables", "mean"] = "tables",
) -> Solved:
    start = time.perf_counter()
    flows = power_flows(net, given, tolerance_pu=tolerance_pu, threads=threads, start=start_at)
    took = time.perf_counter() - start
    node = flows.arrays.topology.node_of
    return Solved(flows.v_node[node], (flows.status == "converged").to_numpy(dtype=bool), took)


def nominal(case: Case) -> Scenarios:
    """The file's own powers, as one scenario."""
    loads = case.bus[case.load_rows]
    return Scenarios(loads[None, :, 2], loads[None, :, 3], case.gen[None, :, 1])


@dataclass(frozen=True)
class SolvedFeeder(Solved):
    """Answers of a feeder: nodes "bus.phase" in lower case, taps [control, scenario]."""

    nodes: tuple[str, ...]
    taps: Ints


class FeederGrid:
    """A three-phase feeder as read."""

    def __init__(self, path: Path) -> None:
        feeder = read_network(path)
        assert isinstance(feeder, Feeder)
        self.feeder = feeder

    def solve(
        self, p_factor: Floats, q_factor: Floats, *, controls: bool, accuracy_pu: float, threads: int
    ) -> SolvedFeeder:
        """Flows with factors [scenario, load] on the consumption of the tables, from the taps of the tables."""
        load = self.feeder.load
        given = {
            "load.p_mw": p_factor * load["p_mw"].to_numpy(dtype=float),
            "load.q_mvar": q_factor * load["q_mvar"].to_numpy(dtype=float),
        }
        # The tolerance is an estimate from the changes of the iterations: a tenth of what is asked for leaves room.
        start = time.perf_counter()
        flows = feeder_flows(self.feeder, given, controls=controls, tolerance_pu=accuracy_pu / 10, threads=threads)
        took = time.perf_counter() - start
        nodes = tuple(str(node).lower() for node in flows.nodes)
        return SolvedFeeder(flows.v.to_numpy(), flows.converged, took, nodes, flows.taps.to_numpy())


def feeder(path: Path) -> FeederGrid:
    """A three-phase feeder, ready for `solve`."""
    return FeederGrid(path)


def wye_feeder(path: Path, delta: dict[str, str], capacitors: tuple[str, ...], transformer: str) -> FeederGrid:
    """The same with every load constant power from a phase to ground: `delta` names the node of those that were not.

    capacitors, transformer   left out
    """
    grid = FeederGrid(path)
    power = {f"{q}_{kind}": float(kind == "power") for q in "pq" for kind in ("impedance", "current", "power")}
    load: dict[str, dict[str, Any]] = {
        str(name): {**power, "v_low_pu": 0.1, "v_floor_pu": 0.0, "v_high_pu": 10.0} for name in grid.feeder.load.index
    }
    for name, node in delta.items():
        bus, phase = node.split(".")
        load[name] |= {"connection": "wye", "bus": bus, "phases": phase, "v_rated_kv": 2.402}
    changed = grid.feeder.edit("load", load)
    changed = changed.edit("capacitor", {name: {"in_service": False} for name in capacitors})
    grid.feeder = changed.edit("transformer", {transformer: {"in_service": False}})
    return grid


def outages(grid: Grid, rows: Ints, *, tolerance_pu: float, threads: int) -> Solved:
    """The flows with each of these branches of the file out in turn. v [bus, branch]

    Base case and factors are kept between calls, as the peer keeps its own; the report of every case is timed with it.
    An outage that cuts buses off counts as not converged, as with the peer, whether the rest is solved or not.
    """
    name_of = {}
    for ids in (grid.net.line.index, grid.net.transformer.index):
        name_of |= {int(name.rsplit("-", 1)[1]) - 1: str(name) for name in ids}
    key = (tolerance_pu, rows.tobytes())
    if key not in grid.studies:
        names = [name_of[int(row)] for row in rows]
        grid.studies[key] = prepare_contingencies(grid.net, outages=names, tolerance_pu=tolerance_pu)
        grid.studies[key].run(threads=threads)  # compiles
    study = grid.studies[key]
    study.run(threads=threads)  # the peer warms up before it is timed, too
    times, start = 0, time.perf_counter()
    while time.perf_counter() - start < LONG_ENOUGH_S:
        study.run(threads=threads)
        times += 1
    took = (time.perf_counter() - start) / times
    v, status = study.voltages(threads=threads)
    return Solved(v, (status == 0) & np.isfinite(v).all(axis=0), took)


CASES, HOURS = 15_000, 8_760


def study(path: Path, fraction: float, *, threads: int, progress: Callable[[float], None]) -> tuple[int, str]:
    """The study of 131.4 million flows, or the first `fraction` of it: how many flows, and a digest of its result.

    Every customer may have a roof of 4 to 12 kW peak and a car on 3.7, 7.4 or 11 kW, at five levels of adoption up to
    60 %; loads follow a daily and yearly shape. Kept: range, quantiles and violations of every node's voltage, the ten
    worst scenarios, hosting capacity.
    """
    hour = np.arange(HOURS)
    day, year = 2 * np.pi * (hour % 24) / 24, 2 * np.pi * hour / HOURS
    load = 0.55 + 0.15 * np.cos(day - 2 * np.pi * 19 / 24) + 0.1 * np.cos(2 * day) + 0.1 * np.cos(year)
    sun = np.maximum(0.0, np.sin(day - np.pi / 2) * (0.65 - 0.25 * np.cos(year)))
    levels = (0.0, 0.15, 0.3, 0.45, 0.6)
    adoption = Adoption(
        cases=CASES, profile=load, sun=sun, pv_share=levels, ev_share=levels, pv_mw=(0.004, 0.012),
        charger_mw=(0.0037, 0.0074, 0.011), energy_mwh=(0.004, 0.016),
    )  # fmt: skip
    feeder = read_network(path)
    n = round(adoption.cases * adoption.hours * fraction)
    reduce = [Range(), Quantiles(), Violations(), WorstK(), HostingCapacity(adoption.levels)]
    done = simulate(
        feeder, adoption, n, reduce, seed=123, threads=threads, progress=lambda p: progress(p.done / p.total)
    )
    assert done.failed == 0, f"{done.failed} flows of the study did not converge"
    digest = hashlib.sha256()
    for name in sorted(done.results):
        result = done.results[name]
        digest.update(name.encode() + pickle.dumps(_plain(result)))
    return n, digest.hexdigest()


def _plain(result: Any) -> Any:
    """A result as plain numbers, for a digest that depends on nothing else."""
    if isinstance(result, pd.DataFrame | pd.Series):
        return result.to_numpy().tolist()
    if isinstance(result, xr.DataArray | xr.Dataset):
        return result.to_dict()
    if isinstance(result, dict):
        return {key: _plain(value) for key, value in result.items()}
    if hasattr(result, "__dict__"):
        return {key: _plain(value) for key, value in vars(result).items()}
    return result


def factors(count: int, loads: int, spread: float, seed: int) -> tuple[Floats, Floats]:
    """Factors on P and Q of every load of a feeder, drawn apart. [scenario, load]"""
    rng = np.random.default_rng([seed, round(1000 * spread)])
    p, q = (rng.uniform(1 - spread, 1 + spread, (count, loads)) for _ in range(2))
    return p, q
