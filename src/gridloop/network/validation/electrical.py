"""Checks of electrical sense: impedances, order of limits, taps, switches at their branch, one set-point per node."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.network.model import Network
from gridloop.network.topology import NO_NODE, find_topology
from gridloop.network.validation.findings import Finding, finding

# (table, lower column, upper column)
_ORDERED = (
    ("bus", "v_min_pu", "v_max_pu"),
    ("generator", "p_min_mw", "p_max_mw"),
    ("generator", "q_min_mvar", "q_max_mvar"),
    ("storage", "min_soc", "max_soc"),
    ("transformer", "tap_min", "tap_max"),
)
# (table, value, lower column, upper column, severity)
_WITHIN = (
    ("transformer", "tap_pos", "tap_min", "tap_max", "error"),
    ("storage", "soc", "min_soc", "max_soc", "warning"),
    ("generator", "p_mw", "p_min_mw", "p_max_mw", "warning"),
)
_SAME_VOLTAGE = 1e-3


def findings(net: Network, connected: bool) -> list[Finding]:
    """Findings of electrical sense; those that follow references only where all of them lead somewhere."""
    found = _zero_impedance(net) + _order(net) + _within(net) + _efficiency(net) + _loops(net)
    if connected:
        found += _voltage_levels(net) + _switches(net) + _out_of_service(net) + _set_points(net)
    return found


def _zero_impedance(net: Network) -> list[Finding]:
    line, transformer = net.line, net.transformer
    found = []
    whole = (line["r_ohm_per_km"].abs() + line["x_ohm_per_km"].abs()) * line["length_km"]
    if (whole == 0).any():
        remedy = "Give it a length and an impedance, or join its buses with a switch."
        found.append(
            finding("error", "zero_impedance", "line", "", line.index[whole == 0], "have no impedance", remedy)
        )
    none = (transformer["r_pu"] == 0) & (transformer["x_pu"] == 0)
    if none.any():
        ids = transformer.index[none]
        found.append(
            finding("error", "zero_impedance", "transformer", "", ids, "have no impedance", "Give r_pu and x_pu.")
        )
    unrated = transformer.index[transformer["s_rated_mva"] == 0]
    if len(unrated):
        problem, remedy = "have a rating of 0 MVA, so that r_pu and x_pu mean nothing", "Give s_rated_mva."
        found.append(finding("error", "zero_impedance", "transformer", "s_rated_mva", unrated, problem, remedy))
    return found


def _order(net: Network) -> list[Finding]:
    found = []
    for table, low, high in _ORDERED:
        frame = net.tables[table]
        wrong = frame.index[frame[low] > frame[high]]
        if len(wrong):
            found.append(
                finding(
                    "error", "min_above_max", table, low, wrong, f"have {low} above {high}", "Exchange or correct them."
                )
            )
    return found


def _within(net: Network) -> list[Finding]:
    found = []
    for table, value, low, high, severity in _WITHIN:
        frame = net.tables[table]
        # Where min is above max no value could be right; that is a finding of its own.
        sound = ~(frame[low] > frame[high]) & frame["in_service"]
        out = frame.index[sound & ((frame[value] < frame[low] - 1e-9) | (frame[value] > frame[high] + 1e-9))]
        if len(out):
            problem, remedy = f"have {value} outside {low} to {high}", f"Correct {value}, or the limits."
            found.append(finding(severity, "outside_limits", table, value, out, problem, remedy))
    return found


def _efficiency(net: Network) -> list[Finding]:
    found = []
    for column in ("charge_efficiency", "discharge_efficiency"):
        dead = net.storage.index[net.storage[column] == 0]
        if len(dead):
            remedy = "Give a share above 0 and up to 1."
            found.append(finding("error", "out_of_range", "storage", column, dead, f"have {column} = 0", remedy))
    return found


def _loops(net: Network) -> list[Finding]:
    found = []
    for table in ("line", "transformer"):
        frame = net.tables[table]
        same = frame.index[(frame["tail_bus"] == frame["head_bus"]) & (frame["tail_bus"] != "")]
        if len(same):
            remedy = "Correct one of its ends."
            found.append(finding("error", "self_loop", table, "", same, "join a bus to itself", remedy))
    return found


def _voltage_levels(net: Network) -> list[Finding]:
    kv = net.bus["v_nom_kv"]
    bus_switch = net.switch[net.switch["element_kind"] == "bus"]
    found = []
    for table, a, b, frame in (
        ("line", "tail_bus", "head_bus", net.line),
        ("switch", "bus", "element", bus_switch),
    ):
        one, other = kv.reindex(frame[a]).to_numpy(), kv.reindex(frame[b]).to_numpy()
        apart = frame.index[np.abs(one - other) > _SAME_VOLTAGE * np.maximum(one, other)]
        if len(apart):
            problem, remedy = "join buses of different nominal voltage", "Use a transformer, or correct v_nom_kv."
            found.append(finding("error", "voltage_levels", table, "", apart, problem, remedy))
    return found


def _switches(net: Network) -> list[Finding]:
    stray: list[str] = []
    for kind in ("line", "transformer"):
        at = net.switch[net.switch["element_kind"] == kind]
        branch = net.tables[kind].reindex(at["element"])
        bus = at["bus"].to_numpy()
        elsewhere = (bus != branch["tail_bus"].to_numpy()) & (bus != branch["head_bus"].to_numpy())
        stray += list(at.index[elsewhere])
    if not stray:
        return []
    remedy = "Set bus to the tail or head bus of the branch."
    return [
        finding("error", "stray_switch", "switch", "bus", stray, "sit at a bus that is no end of their branch", remedy)
    ]


def _out_of_service(net: Network) -> list[Finding]:
    found = []
    for table in ("load", "generator", "storage", "source"):
        frame = net.tables[table]
        off = ~net.bus["in_service"].reindex(frame["bus"]).to_numpy(dtype=bool)
        idle = frame.index[off & frame["in_service"].to_numpy()]
        if len(idle):
            problem, remedy = "are in service at a bus that is not", "They count as out of service."
            found.append(finding("warning", "bus_out_of_service", table, "bus", idle, problem, remedy))
    return found


def _set_points(net: Network) -> list[Finding]:
    """Elements that hold the voltage of one electrical node at different values."""
    node = pd.Series(find_topology(net).node_of, index=net.bus.index)
    found = []
    source = net.source[net.source["in_service"]]
    ids = _disagree(source, node, ["v_set_pu", "angle_deg"])
    if len(ids):
        problem, remedy = (
            "hold one node at different voltages or angles",
            "Keep one source per node, or make them equal.",
        )
        found.append(finding("error", "conflicting_set_points", "source", "v_set_pu", ids, problem, remedy))
    generator = net.generator[net.generator["in_service"] & net.generator["regulates_voltage"]]
    ids = _disagree(generator, node, ["v_set_pu"])
    if len(ids):
        problem, remedy = "hold one node at different voltages", "The first of them counts; make them equal."
        found.append(finding("warning", "conflicting_set_points", "generator", "v_set_pu", ids, problem, remedy))
    return found


def _disagree(holders: pd.DataFrame, node: pd.Series, columns: list[str]) -> pd.Index:
    at = node.reindex(holders["bus"]).to_numpy()
    group = holders[columns].groupby(at)
    spread = (group.transform("max") - group.transform("min")).max(axis=1)
    differs: pd.Index = holders.index[(spread > 1e-9).to_numpy() & (at != NO_NODE)]
    return differs
