"""Checks of electrical sense: order of limits, values within them, voltage levels, switches at their branch."""

from __future__ import annotations

import numpy as np

from gridloop.network.validation.findings import Finding, finding
from gridloop.network.validation.view import View

# (table, lower column, upper column)
_ORDERED = (
    ("bus", "v_min_pu", "v_max_pu"),
    ("generator", "p_min_mw", "p_max_mw"),
    ("generator", "q_min_mvar", "q_max_mvar"),
    ("storage", "min_soc", "max_soc"),
    ("transformer", "tap_min", "tap_max"),
    ("line", "angle_min_deg", "angle_max_deg"),
    ("transformer", "angle_min_deg", "angle_max_deg"),
)
# (table, value, lower column, upper column, severity)
_WITHIN = (
    ("transformer", "tap_pos", "tap_min", "tap_max", "error"),
    ("storage", "soc", "min_soc", "max_soc", "warning"),
    ("generator", "p_mw", "p_min_mw", "p_max_mw", "warning"),
)
_SAME_VOLTAGE = 1e-3


def findings(view: View, connected: bool) -> list[Finding]:
    """Findings of electrical sense; those that follow references only where all of them lead somewhere."""
    found = _order(view) + _within(view) + _efficiency(view)
    if connected:
        found += _voltage_levels(view) + _switches(view) + _out_of_service(view)
    return found


def _order(view: View) -> list[Finding]:
    found = []
    for table, low, high in _ORDERED:
        wrong = view.column(table, low) > view.column(table, high)
        if wrong.any():
            problem, remedy = f"have {low} above {high}", "Exchange or correct them."
            found.append(finding("error", "min_above_max", table, low, view.ids(table)[wrong], problem, remedy))
    return found


def _within(view: View) -> list[Finding]:
    found = []
    for table, value, low, high, severity in _WITHIN:
        at, least, most = (view.column(table, c) for c in (value, low, high))
        # Where min is above max no value could be right; that is a finding of its own.
        sound = ~(least > most) & view.column(table, "in_service")
        out = sound & ((at < least - 1e-9) | (at > most + 1e-9))
        if out.any():
            problem, remedy = f"have {value} outside {low} to {high}", f"Correct {value}, or the limits."
            found.append(finding(severity, "outside_limits", table, value, view.ids(table)[out], problem, remedy))
    return found


def _efficiency(view: View) -> list[Finding]:
    found = []
    for column in ("charge_efficiency", "discharge_efficiency"):
        dead = view.column("storage", column) == 0
        if dead.any():
            problem, remedy = f"have {column} = 0", "Give a share above 0 and up to 1."
            found.append(
                finding("error", "out_of_range", "storage", column, view.ids("storage")[dead], problem, remedy)
            )
    return found


def _voltage_levels(view: View) -> list[Finding]:
    found = []
    between_buses = np.asarray(view.column("switch", "element_kind") == "bus", dtype=bool)
    pairs = [("line", view.kv("line", "tail_bus"), view.kv("line", "head_bus"), np.ones(len(view.ids("line")), bool))]
    if between_buses.any():
        kv = view.column("bus", "v_nom_kv")
        other = np.where(between_buses, kv[view.rows("switch", "element")], np.nan)
        pairs.append(("switch", view.kv("switch", "bus"), other, between_buses))
    for table, one, other, asked in pairs:
        apart = asked & (np.abs(one - other) > _SAME_VOLTAGE * np.maximum(one, other))
        if apart.any():
            problem, remedy = "join buses of different nominal voltage", "Use a transformer, or correct v_nom_kv."
            found.append(finding("error", "voltage_levels", table, "", view.ids(table)[apart], problem, remedy))
    return found


def _switches(view: View) -> list[Finding]:
    kind, bus, element = (view.column("switch", c) for c in ("element_kind", "bus", "element"))
    stray: list[str] = []
    for table in ("line", "transformer"):
        mine = np.flatnonzero(kind == table)
        if not mine.size:
            continue
        row = view.ids(table).get_indexer(element[mine])
        tail, head = view.column(table, "tail_bus")[row], view.column(table, "head_bus")[row]
        elsewhere = (bus[mine] != tail) & (bus[mine] != head)
        stray += list(view.ids("switch")[mine[elsewhere]])
    if not stray:
        return []
    problem, remedy = "sit at a bus that is no end of their branch", "Set bus to the tail or head bus of the branch."
    return [finding("error", "stray_switch", "switch", "bus", stray, problem, remedy)]


def _out_of_service(view: View) -> list[Finding]:
    on = view.column("bus", "in_service")
    if on.all():
        return []
    found = []
    for table in ("load", "generator", "storage", "source"):
        idle = ~on[view.rows(table, "bus")] & view.column(table, "in_service")
        if idle.any():
            problem, remedy = "are in service at a bus that is not", "They count as out of service."
            ids = view.ids(table)[idle]
            found.append(finding("warning", "bus_out_of_service", table, "bus", ids, problem, remedy))
    return found
