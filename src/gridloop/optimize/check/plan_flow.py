"""The states of a grid that a plan's devices make, by a power flow of their own: balanced, or of three phases.

Nothing of the plan's model is used: the devices become the loads of the grid's own tables, and the flows are those of
`gridloop.powerflow` (a batch of scenarios, or the plain solver of feeders, regulators stepping until they rest).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.powerflow.batch import power_flows
from gridloop.powerflow.feeder.arrays import FeederArrays, build_feeder_arrays
from gridloop.powerflow.feeder.control import MAX_ROUNDS, first_to_move, wanted_steps
from gridloop.powerflow.feeder.elements import branch_tables
from gridloop.powerflow.feeder.plain import FeederSolver
from gridloop.units import SQRT3, BoolArray, ComplexArray, FloatArray, IntArray

_NEUTRAL = 4  # terminals from here on have no band
_MOST_TAPS = 1000  # no changer has a position beyond: there is no flow at it


@dataclass(frozen=True)
class States:
    """What the power flow says of every interval; NaN where it has no solution.

    v, loading  [node, step] per unit and [branch, step] %; low, high [node]; losses [step] MW
    wants  [regulator, step]  steps that regulators still ask for in the end: they never rest
    """

    nodes: list[str]
    v: FloatArray
    low: FloatArray
    high: FloatArray
    branches: list[str]
    loading: FloatArray
    losses: FloatArray
    regulators: list[str]
    wants: IntArray


def states_of(
    network: Network | Feeder,
    taken: Mapping[str, ComplexArray],
    taps: Mapping[str, FloatArray],
    steps: int,
    resting: Sequence[str] | None = None,
) -> States:
    """What these powers make of a grid.

    taken    bus of devices, as they name it → MW + j Mvar [step];  taps  transformer → position that is given [step]
    resting  [step]  positions of a feeder's regulators to begin with, "3 -2 5": where they do not rest, they move on
    """
    there = {name: np.abs(at) <= _MOST_TAPS for name, at in taps.items()}
    whole = {name: np.rint(np.where(there[name], at, 0.0)).astype(np.int64) for name, at in taps.items()}
    if isinstance(network, Feeder):
        found = _of_feeder(network, taken, whole, steps, resting)
    else:
        found = _of_network(network, taken, whole, steps)
    known = np.logical_and.reduce([*there.values(), np.ones(steps, dtype=bool)])
    v, loading, losses = (np.where(known, values, np.nan) for values in (found.v, found.loading, found.losses))
    return replace(found, v=v, loading=loading, losses=losses)


def _of_network(net: Network, taken: Mapping[str, ComplexArray], taps: Mapping[str, IntArray], steps: int) -> States:
    rows = [{"id": f"at {bus}", "bus": bus, "p_mw": 0.0, "q_mvar": 0.0} for bus in taken] or [
        {"id": "nothing", "bus": str(net.bus.index[0]), "p_mw": 0.0}
    ]
    tables = {name: table.reset_index() for name, table in net.tables.items()}
    tables |= {"load": pd.DataFrame(rows), "generator": tables["generator"][:0], "storage": tables["storage"][:0]}
    power = np.array(list(taken.values())).reshape(-1, steps).T if taken else np.zeros((steps, 1), dtype=complex)
    moved = np.array([taps[name] for name in taps], dtype=np.int64).reshape(len(taps), steps)
    v, losses = np.full((len(net.bus), steps), np.nan), np.full(steps, np.nan)
    loading = np.full((len(net.line) + len(net.transformer), steps), np.nan)
    for column in np.unique(moved, axis=1).T:
        here = np.flatnonzero((moved == column[:, None]).all(axis=0))
        transformer = tables["transformer"].set_index("id")
        transformer.loc[list(taps), "tap_pos"] = column
        state = Network.from_tables(tables | {"transformer": transformer.reset_index()}, owner="check")
        flows = power_flows(state, {"load.p_mw": power[here].real, "load.q_mvar": power[here].imag}, threads=1)
        ok = flows.converged
        v[:, here] = np.where(ok, flows.v_pu.transpose("bus", "scenario").to_numpy(), np.nan)
        loading[:, here] = np.where(ok, flows.loading_pct.transpose("branch", "scenario").to_numpy(), np.nan)
        losses[here] = np.where(ok, flows.losses_mw.to_numpy(dtype=float), np.nan)
    low, high = (net.bus[name].to_numpy(dtype=float) for name in ("v_min_pu", "v_max_pu"))
    branches = [str(i) for table in (net.line, net.transformer) for i in table.index]
    still = np.zeros((0, steps), dtype=np.int64)
    return States([str(i) for i in net.bus.index], v, low, high, branches, loading, losses, [], still)


def _of_feeder(
    feeder: Feeder,
    taken: Mapping[str, ComplexArray],
    taps: Mapping[str, IntArray],
    steps: int,
    resting: Sequence[str] | None,
) -> States:
    rows, power = [], []
    for bus, s in taken.items():
        parts = _standing(feeder, bus)
        for at, phases, connection in parts:
            kv = float(feeder.bus["v_nom_kv"][at]) / (SQRT3 if connection == "wye" else 1.0)
            rows.append(
                {
                    "id": f"{bus} {phases}", "bus": at, "phases": phases, "connection": connection, "v_rated_kv": kv,
                    "p_mw": float(s.real.mean()) / len(parts), "q_mvar": float(s.imag.mean()) / len(parts),
                    "v_low_pu": 0.0, "v_high_pu": 9.0, "v_floor_pu": 0.0,
                }
            )  # fmt: skip
            power.append(s / len(parts))
    tables = {name: table.reset_index() for name, table in feeder.tables.items()}
    tables |= {
        "load": pd.DataFrame(rows, columns=list(rows[0]) if rows else ["id", "bus"]),
        "generator": tables["generator"][:0],
    }
    arrays = build_feeder_arrays(replace(feeder, tables=Feeder.from_tables(tables, owner="check").tables))
    s_all = np.array(power).reshape(len(rows), steps)
    owner = feeder.regulator["transformer"].to_numpy(dtype=object)[arrays.controls.row]
    own = ~np.isin(owner, list(taps))
    there = np.flatnonzero(arrays.bus_of >= 0)
    v, wants = np.full((there.size, steps), np.nan), np.zeros((owner.size, steps), dtype=np.int64)
    loading, losses, branches = [], np.full(steps, np.nan), [*feeder.line.index, *feeder.transformer.index]
    solvers: dict[tuple[int, ...], FeederSolver] = {}
    for t in range(steps):
        position = arrays.tap.copy()
        if resting is not None and len(resting[t].split()) == position.size:
            position = np.clip([int(tap) for tap in resting[t].split()], arrays.tap_min, arrays.tap_max)
        for name, at_step in taps.items():
            position[owner == name] = at_step[t]
        found = _rest(arrays, solvers, s_all[:, t], position, own)
        if found is None:
            loading.append(np.full(len(branches), np.nan))
            continue
        u, position, wants[:, t] = found
        shown = np.where(arrays.supplied & (arrays.phase < _NEUTRAL), np.abs(u), np.nan)
        v[:, t] = shown[there]
        with np.errstate(invalid="ignore"):
            line, _, transformer, losses[t] = branch_tables(arrays, u * arrays.v_base_kv, position)
        loading.append(np.concatenate([line["loading_pct"], transformer["loading_pct"]]))
    free = ~np.isin(there, arrays.source)
    low, high = (
        np.where(free, feeder.bus[name].to_numpy(dtype=float)[arrays.bus_of[there]], np.nan)
        for name in ("v_min_pu", "v_max_pu")
    )
    nodes = [str(i) for i in arrays.node_names]
    regulators = [str(i) for i in feeder.regulator.index[arrays.controls.row]]
    return States(nodes, v, low, high, [str(i) for i in branches], np.array(loading).T, losses, regulators, wants)


def _rest(
    arrays: FeederArrays,
    solvers: dict[tuple[int, ...], FeederSolver],
    s: ComplexArray,
    position: IntArray,
    own: BoolArray,
) -> tuple[ComplexArray, IntArray, IntArray] | None:
    """Voltages with regulators at rest, their taps, and steps still wanted where they never rest; None without one."""
    for round_ in range(MAX_ROUNDS + 1):
        key = tuple(int(p) for p in position)
        solver = solvers.setdefault(key, FeederSolver(arrays, position))
        solution = solver.solve(s)
        if not solution.converged:
            return None
        wants = np.where(own, wanted_steps(arrays, solution.v, position), 0)
        if not wants.any() or round_ == MAX_ROUNDS:
            break
        position = position + first_to_move(arrays, wants)
    return solution.v, position, wants


def _standing(feeder: Feeder, text: str) -> list[tuple[str, str, str]]:
    """Bus, terminals and connection of each part of a device: "b.1.2-3" is b.1.0 in wye and b.2.3 in delta."""
    bus, *terminals = [text] if text in feeder.bus.index else text.split(".")
    if not terminals:
        terminals = [p for p in str(feeder.bus["phases"][bus]).split(".") if 0 < int(p) < _NEUTRAL]
    return [(bus, part.replace("-", ".") if "-" in part else f"{part}.0", "delta" if "-" in part else "wye")
            for part in terminals]  # fmt: skip
