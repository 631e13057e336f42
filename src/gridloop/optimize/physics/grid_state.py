"""Grid states: one network in one switching state, solved by AC for all intervals of a plan at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, SolveFailed, UnsuppliedBus, listed
from gridloop.network.arrays import NetworkArrays, build_arrays
from gridloop.network.model import Network
from gridloop.network.topology import NO_NODE, bus_rows
from gridloop.optimize.devices.group import Given
from gridloop.optimize.physics.entries import Entries
from gridloop.optimize.physics.grid import no_flow
from gridloop.optimize.physics.operating_point import OperatingPoint
from gridloop.powerflow.admittance import supplied_admittance
from gridloop.powerflow.diagnose import diagnose_divergence
from gridloop.powerflow.solve import Solution, solve
from gridloop.units import BASE_MVA, BoolArray, ComplexArray, FloatArray, IntArray

TOLERANCE_PU = 1e-7
MAX_ITERATIONS = 30
DIAGNOSED = 3  # intervals of a failed plan that are looked into: each costs a dozen flows


@dataclass(frozen=True)
class SolvedHorizon:
    """AC states of all intervals: arrays and tap positions per interval, and the solution. taps [transformer, step]"""

    arrays: list[NetworkArrays]
    solution: Solution
    tap_names: list[str]
    taps: FloatArray

    @property
    def converged(self) -> BoolArray:
        """Which intervals have a solution. [step]"""
        return self.solution.converged


class GridState:
    """One network in one switching state, ready to be solved for many intervals.

    n_nodes    nodes that have a voltage; n_entries places where power may enter, which are the same here
    """

    rows_per_step = 3

    def __init__(self, network: Network) -> None:
        self.network = network
        self.arrays: NetworkArrays = build_arrays(network)
        self.n_nodes = self.n_entries = self.arrays.n_nodes
        self.node_of_bus = self.arrays.topology.node_of
        self.v_low = self._tightest("v_min_pu", np.maximum, -np.inf)
        self.v_high = self._tightest("v_max_pu", np.minimum, np.inf)
        self._with_taps: dict[tuple[tuple[str, float], ...], NetworkArrays] = {}

    def _tightest(self, column: str, tighter: np.ufunc, none: float) -> FloatArray:
        """The narrowest bound among the buses that are one node. [node]"""
        result = np.full(self.n_nodes, none)
        values = self.network.bus[column].to_numpy(dtype=float)
        on = (self.node_of_bus != NO_NODE) & ~np.isnan(values)
        tighter.at(result, self.node_of_bus[on], values[on])
        return result

    def bus_of_node(self, nodes: IntArray) -> list[str]:
        """One bus id for every node."""
        ids = self.network.bus.index
        return [str(ids[row]) for row in self.arrays.topology.first_bus[nodes]]

    @property
    def branch_ids(self) -> pd.Index:
        """Lines, then transformers."""
        return self.arrays.branches.ids

    @property
    def node_ids(self) -> pd.Index:
        """The first bus of every node."""
        return self.network.bus.index[self.arrays.topology.first_bus]

    def priced(self) -> tuple[pd.Index, Entries, BoolArray]:
        """What has a local price: the buses, where they are, and which of them are not supplied."""
        at = self.node_of_bus
        return self.network.bus.index, Entries.single(at), (at < 0) | ~self.arrays.topology.supplied[at]

    def present_tap(self, transformer: str) -> float:
        """Position as the network has it."""
        return float(self.network.transformer["tap_pos"][transformer])

    def at(self, solved: SolvedHorizon) -> OperatingPoint:
        """What a solution means for limits and losses."""
        return OperatingPoint(self, solved)

    def prepare(self, buses: Sequence[str]) -> None:
        """Devices will stand at these buses. Raises as `nodes_of`."""
        self.nodes_of(buses)

    def entries_of(self, buses: Sequence[str]) -> Entries:
        """Where devices at these buses enter. Raises as `nodes_of`."""
        return Entries.single(self.nodes_of(buses))

    def quadratic_losses(self, entry: Entries, most: int, reactive: bool) -> None:
        """Not told: tangents of the losses alone settle the grids of few devices per node."""

    def nodes_of(self, buses: Sequence[str]) -> IntArray:
        """Node of every bus id.

        Raises `BadInput` for a bus the network does not have, `UnsuppliedBus` for one without a path to a source.
        """
        rows = bus_rows(self.network, pd.Series(list(buses), dtype=object))
        unknown = sorted({buses[int(k)] for k in np.flatnonzero(rows < 0)})
        if unknown:
            raise BadInput(
                f"{len(unknown)} buses of devices are not in the network ({listed(unknown)}). "
                "Give every device the id of one of its buses.",
                buses=unknown,
            )
        nodes = np.asarray(self.node_of_bus[rows], dtype=np.int64)
        dark = (nodes == NO_NODE) | ~self.arrays.topology.supplied[nodes]
        if dark.any():
            ids = sorted({buses[int(k)] for k in np.flatnonzero(dark)})
            raise UnsuppliedBus(
                f"{len(ids)} buses carry devices but have no path to a source ({listed(ids)}). "
                "Close a switch towards them, or leave their devices out.",
                buses=ids,
            )
        return nodes

    def given(self, parts: Sequence[Given], steps: int) -> ComplexArray:
        """Injections that are not decided. [node, step], MW and Mvar"""
        total = np.zeros((self.n_nodes, steps), dtype=complex)
        for part in parts:
            self.entries_of(part.bus).put(total, part.p_mw + 1j * part.q_mvar)
        return total

    def at_taps(self, positions: Mapping[str, float]) -> NetworkArrays:
        """Arrays at tap positions, fractions allowed; kept for the next time."""
        key = tuple(positions.items())
        if key not in self._with_taps:
            self._with_taps[key] = self.arrays.with_taps(self.network, positions) if positions else self.arrays
        return self._with_taps[key]

    def solve(
        self, injection_mva: ComplexArray, taps: Mapping[str, FloatArray], start: SolvedHorizon | None = None
    ) -> SolvedHorizon:
        """AC flow of every interval, converged or not.

        injection_mva  [node, step]; taps: transformer → [step]; start: an earlier solution to begin with
        """
        names = list(taps)
        table = np.array([taps[name] for name in names]).reshape(len(names), injection_mva.shape[1])
        arrays = [self.at_taps(dict(zip(names, column, strict=True))) for column in table.T.tolist()]
        admittance = {id(a): supplied_admittance(a)[0].data for a in {id(a): a for a in arrays}.values()}
        distinct = [admittance[id(a)] for a in arrays] if len(admittance) > 1 else [admittance[id(arrays[0])]]
        solution = solve(
            arrays[0],
            injection_mva / BASE_MVA,
            start=None if start is None else start.solution.v,
            admittances=np.stack(distinct, axis=1),
            tolerance=TOLERANCE_PU,
            max_iterations=MAX_ITERATIONS,
        )
        if start is not None and not solution.converged.all():
            return self.solve(injection_mva, taps)
        return SolvedHorizon(arrays, solution, names, table)

    def failure(self, solved: SolvedHorizon, injection_mva: ComplexArray) -> SolveFailed:
        """The error that says which intervals have no solution and which buses are the weakest there.

        Facts: steps; buses and load_scale, one entry for each of the first few of them.
        """
        steps = np.flatnonzero(~solved.solution.converged)
        buses, scales = [], []
        for step in steps[:DIAGNOSED]:
            arrays, injection = solved.arrays[step], injection_mva[:, step] / BASE_MVA
            alone = solve(arrays, injection, max_iterations=MAX_ITERATIONS)
            facts = diagnose_divergence(self.network, arrays, injection, alone, MAX_ITERATIONS).facts
            buses.append(list(facts.get("worst_buses", [])))
            scales.append(float(facts.get("load_scale", 0.0)))
        return no_flow("AC", steps, injection_mva.shape[1], buses, scales)
