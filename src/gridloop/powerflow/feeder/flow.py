"""Power flow of a feeder: voltages per phase, currents, losses, taps and limits as tables.

Equations and symbols: docs/math/feeder.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.errors import listed
from gridloop.network.feeder.check import check_feeder
from gridloop.network.feeder.model import Feeder
from gridloop.powerflow.feeder.arrays import FeederArrays, build_feeder_arrays
from gridloop.powerflow.feeder.control import ControlledSolution, measured_volts, solve_with_controls
from gridloop.powerflow.feeder.elements import branch_tables, load_table, source_table
from gridloop.powerflow.feeder.plain import MAX_ITERATIONS, TOLERANCE_PU, FeederSolution, FeederSolver
from gridloop.powerflow.violations import COLUMNS, LOADING_TOLERANCE_PCT, V_TOLERANCE_PU
from gridloop.units import ComplexArray, IntArray

WORST = 5
UNKNOWN = complex(np.nan, np.nan)


@dataclass(frozen=True)
class FeederFlow:
    """One solved (or diagnosed) state of a feeder. Powers enter elements; NaN where nothing is supplied or in service.

    bus          (bus, phase): v_pu and angle_deg to ground, v_kv, supplied
    line         p_tail_mw, q_tail_mvar, p_head_mw, q_head_mvar of all conductors, losses_mw, loading_pct of the worst
    conductor    (line, conductor): i_tail_ka, i_head_ka
    transformer  p_1_mw, q_1_mvar into winding 1, losses_mw, loading_pct of the coil with most current
    regulator    tap, ratio_pu, v_measured_v as the control sees it, at_limit (−1 lowest, 0 free, 1 highest tap)
    source       p_mw, q_mvar injected
    load         p_mw, q_mvar consumed, v_low_pu the lowest voltage across it on its rated voltage
    generator    p_mw, q_mvar injected, v_low_pu as of a load
    losses_mw    active losses of all lines, transformers and capacitors
    mismatch     largest current left at a node over the currents that meet there
    taps         [control in service]  positions the flow belongs to
    diagnosis    None where it converged, all load is supplied and the controls rest
    """

    feeder: Feeder
    bus: pd.DataFrame
    line: pd.DataFrame
    conductor: pd.DataFrame
    transformer: pd.DataFrame
    regulator: pd.DataFrame
    source: pd.DataFrame
    load: pd.DataFrame
    generator: pd.DataFrame
    losses_mw: float
    converged: bool
    iterations: int
    mismatch: float
    taps: IntArray
    diagnosis: Diagnosis | None

    def violations(self) -> pd.DataFrame:
        """Every limit that does not hold, the worst first: kind, id, quantity, value, limit, excess, severity_pct.

        The id of a bus voltage is "bus.phase". Columns as in `gridloop.powerflow.violations`.
        """
        v = self.bus["v_pu"].to_numpy(dtype=float)
        names = [f"{bus}.{phase}" for bus, phase in self.bus.index]
        at = self.bus.index.get_level_values("bus")
        low = self.feeder.bus["v_min_pu"].reindex(at).to_numpy(dtype=float)
        high = self.feeder.bus["v_max_pu"].reindex(at).to_numpy(dtype=float)
        rows = [
            ("bus", names[k], "v_pu", v[k], low[k], low[k] - v[k]) for k in np.flatnonzero(low - v > V_TOLERANCE_PU)
        ]
        rows += [
            ("bus", names[k], "v_pu", v[k], high[k], v[k] - high[k]) for k in np.flatnonzero(v - high > V_TOLERANCE_PU)
        ]
        for kind, table in (("line", self.line), ("transformer", self.transformer)):
            over = table["loading_pct"][table["loading_pct"] > 100.0 + LOADING_TOLERANCE_PCT]
            rows += [(kind, str(i), "loading_pct", x, 100.0, x - 100.0) for i, x in over.items()]
        found = pd.DataFrame([(*row, 100.0 * row[5] / row[4] if row[4] else np.inf) for row in rows], columns=COLUMNS)
        return found.sort_values("severity_pct", ascending=False, kind="stable").reset_index(drop=True)


def feeder_power_flow(
    feeder: Feeder,
    *,
    controls: bool = True,
    tolerance_pu: float = TOLERANCE_PU,
    max_iterations: int = MAX_ITERATIONS,
) -> FeederFlow:
    """Unbalanced AC power flow of a feeder as its tables say.

    controls      let regulators step from the taps of the tables until all rest in their bands
    tolerance_pu  largest error of a voltage that the steps let expect

    A node without supply has NaN voltage; where load or generation is connected there, the diagnosis names it. A flow
    that does not converge returns NaN tables and a diagnosis; regulators that hunt return the last flow and one.
    Raises `InvalidNetwork` and `BadInput` where the tables are wrong.
    """
    check_feeder(feeder).raise_errors(feeder.name)
    arrays = build_feeder_arrays(feeder)
    if controls:
        done = solve_with_controls(arrays, tolerance=tolerance_pu, max_iterations=max_iterations)
    else:
        solution = FeederSolver(arrays).solve(tolerance=tolerance_pu, max_iterations=max_iterations)
        done = ControlledSolution(solution, 0, True, np.zeros(arrays.tap.size, dtype=np.int64))
    return tables_of(arrays, done)


def tables_of(arrays: FeederArrays, done: ControlledSolution) -> FeederFlow:
    """The tables of a solution; all NaN where it did not converge."""
    with np.errstate(invalid="ignore"):  # numpy warns where those are divided
        return _tables(arrays, done)


def _tables(arrays: FeederArrays, done: ControlledSolution) -> FeederFlow:
    solution, feeder = done.solution, arrays.feeder
    v = solution.v if solution.converged else np.full(arrays.n_nodes, UNKNOWN)
    v_kv = v * arrays.v_base_kv
    line, conductor, transformer, losses_mw = branch_tables(arrays, v_kv, solution.taps)
    consumed = load_table(arrays, v)
    first = len(feeder.load)
    generator = consumed.iloc[first:].assign(
        p_mw=-consumed["p_mw"].iloc[first:], q_mvar=-consumed["q_mvar"].iloc[first:]
    )
    return FeederFlow(
        feeder=feeder,
        bus=_bus_table(arrays, v),
        line=line,
        conductor=conductor,
        transformer=transformer,
        regulator=_regulator_table(arrays, v, solution.taps),
        source=source_table(arrays, v, solution.taps),
        load=consumed.iloc[:first],
        generator=generator,
        losses_mw=losses_mw,
        converged=solution.converged,
        iterations=solution.iterations,
        mismatch=solution.mismatch,
        taps=solution.taps,
        diagnosis=_diagnose(arrays, done),
    )


def _bus_table(arrays: FeederArrays, v: ComplexArray) -> pd.DataFrame:
    at_bus = arrays.bus_of >= 0
    u = v[at_bus]
    index = pd.MultiIndex.from_arrays(
        [arrays.feeder.bus.index.to_numpy()[arrays.bus_of[at_bus]], arrays.phase[at_bus]], names=["bus", "phase"]
    )
    u = np.where(arrays.supplied[at_bus], u, UNKNOWN)
    columns = {
        "v_pu": np.abs(u),
        "angle_deg": np.rad2deg(np.angle(u)),
        "v_kv": np.abs(u) * arrays.v_base_kv[at_bus],
        "supplied": arrays.supplied[at_bus],
    }
    return pd.DataFrame(columns, index=index)


def _regulator_table(arrays: FeederArrays, v: ComplexArray, taps: IntArray) -> pd.DataFrame:
    """All regulators; those out of service have no tap of their own."""
    table = arrays.feeder.regulator
    found = pd.DataFrame(
        np.nan, index=table.index, columns=["tap", "ratio_pu", "v_measured_v", "at_limit"], dtype=float
    )
    rows = arrays.controls.row
    at_limit = (taps >= arrays.tap_max).astype(float) - (taps <= arrays.tap_min)
    step = arrays.step[arrays.controls.unit]
    found.iloc[rows] = np.stack([taps, 1.0 + step * taps, measured_volts(arrays, v, taps), at_limit], axis=1)
    return found


def _diagnose(arrays: FeederArrays, done: ControlledSolution) -> Diagnosis | None:
    solution, feeder = done.solution, arrays.feeder
    if not solution.converged:
        return _divergence(arrays, solution)
    loads = arrays.loads
    dark = arrays.dark & (np.abs(loads.s0[loads.element]) > 0)
    if dark.any():
        ids = [*feeder.load.index, *feeder.generator.index]
        lost = [str(ids[k]) for k in dict.fromkeys(loads.element[dark].tolist())]
        return Diagnosis(
            "unsupplied",
            [f"{len(lost)} loads or generators have no path to a source ({listed(lost)})."],
            "Close a switch towards them, or take them out of service.",
            {"ids": lost},
        )
    if not done.settled:
        ids = [str(feeder.regulator.index[arrays.controls.row[k]]) for k in np.flatnonzero(done.wants)]
        return Diagnosis(
            "controls_not_settled",
            [f"{len(ids)} regulators still want to move after {done.rounds} rounds ({listed(ids)})."],
            "Their bands are narrower than a step, or they answer each other: widen the bands or set different delays.",
            {"ids": ids, "rounds": done.rounds},
        )
    return None


def _divergence(arrays: FeederArrays, solution: FeederSolution) -> Diagnosis:
    """Where a flow that did not converge was lowest, which tells where the load is too large for the lines."""
    at_bus = (arrays.bus_of >= 0) & arrays.supplied
    depth = np.where(at_bus, np.abs(solution.v), np.inf)
    worst = [k for k in np.argsort(depth)[:WORST] if np.isfinite(depth[k])]
    names = [f"{arrays.feeder.bus.index[arrays.bus_of[k]]}.{arrays.phase[k]}" for k in worst]
    told = {
        "diverged": f"The voltages left all bounds in iteration {solution.iterations}.",
        "singular": "The nodes' equations contradict each other: some impedance is too small beside the others.",
        "not_converged": f"After {solution.iterations} iterations the voltages still change by {solution.step:.1e} pu.",
    }[solution.status]
    return Diagnosis(
        solution.status,
        [told, f"Lowest were {listed(names)}."],
        "Lower the loads there, check their rated voltages and the impedances towards them, or allow more iterations.",
        {"nodes": names, "step_pu": solution.step, "iterations": solution.iterations},
    )
