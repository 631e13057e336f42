"""power-grid-model solves unbalanced scenarios of a feeder that OpenDSS has read, in its threaded batch.

All its nodes have three phases. A line of fewer is a line of three here whose other phases carry nothing and touch
nothing, so that the phases that are there see the same. Regulators at neutral are their small impedance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import opendssdirect as dss
from job import seconds, serve
from power_grid_model import PowerGridModel, initialize_array

METHODS = ("newton_raphson", "iterative_current")
TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)
# Its exact answer: current iterations reach this; rounding stops Newton's at 4e-10, for regulators of next to no ohms.
EXACT = ("iterative_current", 1e-10)
MAX_ITERATIONS = 100
# Impedance of a phase that is not there; no current flows in it.
IDLE_OHM = 0.1
PAIRS = (("aa", 0, 0), ("ba", 1, 0), ("bb", 1, 1), ("ca", 2, 0), ("cb", 2, 1), ("cc", 2, 2))


class Feeder:
    """The circuit as OpenDSS holds it, as tables of power-grid-model."""

    def __init__(self) -> None:
        self.buses = [name.lower() for name in dss.Circuit.AllBusNames()]
        self.v_base = []
        for name in self.buses:
            dss.Circuit.SetActiveBus(name)
            self.v_base.append(1000 * dss.Bus.kVBase())
        self.edges: list[tuple[int, int, np.ndarray, np.ndarray]] = []
        self._lines()
        self._regulators()

    def bus(self, terminal: str) -> tuple[int, list[int]]:
        """Row of a bus and the phases, from 0, of a terminal such as 35.1.2."""
        name, *phases = terminal.lower().split(".")
        return self.buses.index(name), [int(phase) - 1 for phase in phases if phase != "0"] or [0, 1, 2]

    def _edge(self, z: np.ndarray, c_farad: np.ndarray) -> None:
        (tail, phases), (head, _) = (self.bus(terminal) for terminal in dss.CktElement.BusNames())
        whole_z, whole_c = np.eye(3, dtype=complex) * IDLE_OHM, np.zeros((3, 3))
        whole_z[np.ix_(phases, phases)], whole_c[np.ix_(phases, phases)] = z, c_farad
        self.edges.append((tail, head, whole_z, whole_c))

    def _lines(self) -> None:
        for _ in dss.Lines:
            if not dss.CktElement.Enabled() or dss.CktElement.IsOpen(1, 0) or dss.CktElement.IsOpen(2, 0):
                continue
            shape = (dss.Lines.Phases(),) * 2
            r, x, c = (np.reshape(m, shape) for m in (dss.Lines.RMatrix(), dss.Lines.XMatrix(), dss.Lines.CMatrix()))
            length = dss.Lines.Length()
            self._edge((r + 1j * x) * length, c * length * 1e-9)

    def _regulators(self) -> None:
        for _ in dss.Transformers:
            if dss.CktElement.Enabled():
                n = dss.CktElement.NumPhases()
                volts = dss.Transformers.kV() * 1e3
                # Of a phase, whether its rated voltage is between phases (three) or to ground (one).
                ohm = volts**2 / (dss.Transformers.kVA() * 1e3) * dss.Transformers.Xhl() / 100
                self._edge(np.eye(n) * 1j * ohm, np.zeros((n, n)))

    def model(self) -> tuple[PowerGridModel, np.ndarray, np.ndarray, np.ndarray]:
        """The model, ids of its loads, and what each load takes of P and Q at nominal. [load, phase], W and var"""
        n, m = len(self.buses), len(self.edges)
        node = initialize_array("input", "node", n)
        node["id"], node["u_rated"] = np.arange(n), np.array(self.v_base) * np.sqrt(3)
        line = initialize_array("input", "asym_line", m)
        line["id"], line["from_status"], line["to_status"], line["i_n"] = n + np.arange(m), 1, 1, 1e3
        for k, (tail, head, z, c) in enumerate(self.edges):
            line["from_node"][k], line["to_node"][k] = tail, head
            for name, row, col in PAIRS:
                line[f"r_{name}"][k], line[f"x_{name}"][k] = z[row, col].real, z[row, col].imag
                line[f"c_{name}"][k] = c[row, col]
        rows, p, q = [], [], []
        for _ in dss.Loads:
            row, (phase, *more) = self.bus(dss.CktElement.BusNames()[0])
            share = np.full(3, 1 / 3) if more else np.eye(3)[phase]
            rows.append(row)
            p.append(dss.Loads.kW() * 1e3 * share)
            q.append(dss.Loads.kvar() * 1e3 * share)
        load = initialize_array("input", "asym_load", len(rows))
        load["id"], load["node"], load["status"], load["type"] = n + m + np.arange(len(rows)), rows, 1, 0
        load["p_specified"], load["q_specified"] = np.array(p), np.array(q)
        capacitors = []
        for _ in dss.Capacitors:
            if dss.CktElement.Enabled():
                row, _ = self.bus(dss.CktElement.BusNames()[0])
                capacitors.append((row, dss.Capacitors.kvar() * 1e3 / (dss.Capacitors.kV() * 1e3) ** 2))
        shunt = initialize_array("input", "shunt", len(capacitors))
        shunt["id"], shunt["status"] = 2 * n + 2 * m + np.arange(len(capacitors)), 1
        shunt["node"], b = ([value[k] for value in capacitors] for k in range(2))
        shunt["g1"] = shunt["g0"] = 0.0
        shunt["b1"] = shunt["b0"] = b
        dss.Vsources.First()
        source = initialize_array("input", "source", 1)
        source["id"], source["status"], source["u_ref"] = 4 * (n + m), 1, dss.Vsources.PU()
        source["node"] = self.bus(dss.CktElement.BusNames()[0])[0]
        dss.Text.Command("? vsource.source.x1")
        source["sk"] = (dss.Vsources.BasekV() * 1e3) ** 2 / float(dss.Text.Result())
        source["rx_ratio"], source["z01_ratio"] = 0.0, 1.0
        parts = {"node": node, "asym_line": line, "asym_load": load, "shunt": shunt, "source": source}
        return PowerGridModel(parts, system_frequency=dss.Solution.Frequency()), load["id"], np.array(p), np.array(q)


def work(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    for command in ("clear", f'compile "{facts["path"]}"', *facts["commands"]):
        dss.Text.Command(command)
    feeder = Feeder()
    model, ids, p_w, q_var = feeder.model()
    n = len(arrays["p_factor"])
    update = initialize_array("update", "asym_load", (n, len(ids)))
    update["id"] = ids
    update["p_specified"] = arrays["p_factor"][:, :, None] * p_w
    update["q_specified"] = arrays["q_factor"][:, :, None] * q_var

    def solve(method: str, tolerance: float, count: int) -> Any:
        return model.calculate_power_flow(
            symmetric=False,
            update_data={"asym_load": update[:count]},
            calculation_method=method,
            error_tolerance=tolerance,
            max_iterations=MAX_ITERATIONS,
            threading=facts["threads"],
            output_component_types={"node": ["u_pu", "u_angle"]},
        )

    def voltages(method: str, tolerance: float, count: int) -> np.ndarray:
        node = solve(method, tolerance, count)["node"]
        return np.moveaxis(node["u_pu"] * np.exp(1j * node["u_angle"]), 0, -1)

    if facts["mode"] == "tune":
        few = min(n, facts["tune_on"])
        exact = voltages(*EXACT, few)
        said: dict[str, Any] = {"ranking": {}, "tolerances": {}}
        for method in METHODS:
            for tolerance in TOLERANCES:
                if np.abs(voltages(method, tolerance, few) - exact).max() <= facts["accuracy_pu"]:
                    took = min(seconds(lambda t=tolerance, m=method: solve(m, t, few)) for _ in range(3))
                    said["ranking"][method], said["tolerances"][method] = few / took, tolerance
                    break
        best = max(said["ranking"], key=lambda method: said["ranking"][method])
        return {"per_s": said["ranking"][best], "method": best, **said}, {}
    if facts["mode"] == "answer":
        names = np.array([f"{bus}.{phase}" for bus in feeder.buses for phase in (1, 2, 3)])
        v = voltages(*EXACT, n).reshape(names.size, n)
        return {"per_s": 0.0}, {"v": v, "nodes": names, "converged": np.ones(n, dtype=bool)}
    solve(facts["method"], facts["tolerance"], min(n, 8))
    return {"per_s": n / seconds(lambda: solve(facts["method"], facts["tolerance"], n)), "solved": n}, {}


if __name__ == "__main__":
    serve(work, "power-grid-model", "numpy", "opendssdirect.py")
