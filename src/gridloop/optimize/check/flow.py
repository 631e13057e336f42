"""Optimal flows: power balance at every bus, voltages, angles, branch power at both ends, generators and cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gridloop.network.model import Network
from gridloop.optimize.check.checked import Checked, Ledger
from gridloop.optimize.check.generators import check_generators
from gridloop.optimize.check.grid import Grid, column, read_grid
from gridloop.units import BoolArray, ComplexArray, FloatArray


def check_flow(net: Network, solution: Any, tolerance_pu: float) -> Checked:
    """Check an `OptimalFlow` against the tables of its network."""
    ledger, grid = Ledger(tolerance_pu), read_grid(net)
    alternating = str(solution.physics) != "dc"
    injected, cost = check_generators(grid, solution.generator, ledger, reactive=alternating)
    angle = _angles(grid, solution.bus, ledger)
    v = _magnitudes(grid, solution.bus, ledger) if alternating else np.ones(len(net.bus))
    _references(grid, angle, ledger)
    if alternating:
        into_tail, into_head = _ac_power(grid, v, angle)
    else:
        into_tail, into_head = _dc_power(grid, angle, str(solution.state.get("dc_rule", "series")))
    balance = injected - _taken(grid, v)
    for rows, power, there in ((grid.tail, into_tail, grid.at_tail), (grid.head, into_head, grid.at_head)):
        balance -= grid.by_group(rows[there], power[there])
    _balances(grid, balance, ledger, reactive=alternating)
    _branches(grid, angle, into_tail, into_head, ledger)
    _as_reported(grid, solution, into_tail, into_head, ledger, reactive=alternating)
    ledger.same_cost("cost", ["all generators"], float(solution.cost), cost)
    return ledger.verdict(cost)


def _values(grid: Grid, table: pd.DataFrame, name: str, ledger: Ledger) -> FloatArray:
    """A column by bus. Missing values are refused, but where an island has nothing to serve; they are zero there."""
    values = column(table.reindex(grid.net.bus.index), name)
    absent = grid.fed & ~np.isfinite(values)
    ledger.missing(name, list(grid.net.bus.index[absent]))
    return np.where(np.isfinite(values), values, np.nan if absent.any() else 0.0)


def _angles(grid: Grid, table: pd.DataFrame, ledger: Ledger) -> FloatArray:
    return np.asarray(np.deg2rad(_values(grid, table, "angle_deg", ledger)))


def _magnitudes(grid: Grid, table: pd.DataFrame, ledger: Ledger) -> FloatArray:
    v, bus = _values(grid, table, "v_pu", ledger), grid.net.bus
    names = list(bus.index[grid.fed])
    ledger.at_least("voltage", names, v[grid.fed], column(bus, "v_min_pu")[grid.fed], "pu")
    ledger.at_most("voltage", names, v[grid.fed], column(bus, "v_max_pu")[grid.fed], "pu")
    first = _first_of(grid)
    apart = grid.fed & (first != np.arange(first.size))
    ledger.equal("voltage across a closed switch", list(bus.index[apart]), v[apart], v[first[apart]], "pu")
    return v


def _first_of(grid: Grid) -> Any:
    """Row of the first bus of the group of every bus."""
    _, first, inverse = np.unique(grid.group, return_index=True, return_inverse=True)
    return first[inverse]


def _references(grid: Grid, angle: FloatArray, ledger: Ledger) -> None:
    """A source holds the angle of its bus; a closed switch has the same at both sides."""
    source, rows = grid.net.source, grid.rows_of("source")
    held = grid.active("source")
    names, held_rows = list(source.index[held]), rows[held]
    wanted = column(source, "angle_deg")[held]
    ledger.equal("angle of the reference", names, np.rad2deg(angle[held_rows]), wanted, "deg")
    first = _first_of(grid)
    apart = grid.fed & (first != np.arange(first.size))
    there, here = np.rad2deg(angle[first[apart]]), np.rad2deg(angle[apart])
    ledger.equal("angle across a closed switch", list(grid.net.bus.index[apart]), here, there, "deg")


def _ac_power(grid: Grid, v: FloatArray, angle: FloatArray) -> tuple[ComplexArray, ComplexArray]:
    """Complex power that enters every branch at its tail and at its head. [branch, MVA]"""
    u = grid.v_nom_kv * v * (np.cos(angle) + 1j * np.sin(angle))
    behind, head = u[grid.tail] / grid.n, u[grid.head]
    end = grid.y + grid.s / 2
    # No current flows at an open end, so that the voltage there follows from the other.
    with np.errstate(divide="ignore", invalid="ignore"):
        follows = np.where(end != 0, grid.y / end, 0)
    behind, head = np.where(grid.at_tail, behind, follows * head), np.where(grid.at_head, head, follows * behind)
    current_tail = grid.y * (behind - head) + grid.s / 2 * behind
    current_head = grid.y * (head - behind) + grid.s / 2 * head
    at_tail, at_head = behind * np.conj(current_tail), head * np.conj(current_head)
    return np.where(grid.at_tail, at_tail, 0), np.where(grid.at_head, at_head, 0)


def _dc_power(grid: Grid, angle: FloatArray, rule: str) -> tuple[ComplexArray, ComplexArray]:
    """The same of the DC approximation: every voltage nominal, no loss, power by the angle over the reactance.

    rule  "series": the susceptance of the series impedance, whatever the ratio; "ratio": one over reactance and ratio,
          and the angle of the ratio counts
    """
    mw, shift = branch_stiffness(grid, rule)
    over = angle[grid.tail] - angle[grid.head] - shift
    power = np.where(grid.at_tail & grid.at_head, mw * over, 0).astype(complex)
    return power, -power


def branch_stiffness(grid: Grid, rule: str) -> tuple[FloatArray, FloatArray]:
    """Power per radian, and the angle that a branch itself brings. [branch], MW and radians"""
    v_tail, v_head = grid.v_nom_kv[grid.tail], grid.v_nom_kv[grid.head]
    with np.errstate(divide="ignore", invalid="ignore"):
        ohm = 1 / grid.y  # of a branch out of service: infinite, and not looked at
    size, x, shift = np.abs(ohm), np.imag(ohm), np.zeros(len(grid.branch))
    if rule == "series":
        # Where there is next to no reactance the impedance takes its place.
        mw = v_head**2 * np.where(np.abs(x) > 1e-6 * size, x / size**2, 1 / size)
    else:
        mw = v_tail * v_head / (np.abs(grid.n) * np.where(np.abs(x) > 0.05 * size, x, 0.05 * size))
        shift = np.angle(grid.n)
    return np.asarray(mw), np.asarray(shift)


def _taken(grid: Grid, v: FloatArray) -> ComplexArray:
    """Loads, storage and shunts. [group, MVA]"""
    total = np.zeros(int(grid.group.max(initial=-1)) + 1, dtype=complex)
    for table in ("load", "storage"):
        frame, on = grid.net.tables[table], grid.active(table)
        power = column(frame, "p_mw") + 1j * column(frame, "q_mvar")
        total += grid.by_group(grid.rows_of(table)[on], power[on])
    shunt, on, rows = grid.net.shunt, grid.active("shunt"), grid.rows_of("shunt")
    power = (column(shunt, "g_mw") - 1j * column(shunt, "b_mvar")) * v[rows] ** 2
    return total + grid.by_group(rows[on], power[on])


def _balances(grid: Grid, balance: ComplexArray, ledger: Ledger, *, reactive: bool) -> None:
    groups, first = np.unique(grid.group, return_index=True)
    served = grid.fed[first]
    names = list(grid.net.bus.index[first[served]])
    ledger.equal("active balance", names, balance.real[groups[served]], 0.0, "MW")
    if reactive:
        ledger.equal("reactive balance", names, balance.imag[groups[served]], 0.0, "Mvar")


def _branches(grid: Grid, angle: FloatArray, into_tail: ComplexArray, into_head: ComplexArray, ledger: Ledger) -> None:
    fed = grid.fed[grid.tail] & grid.at_tail | grid.fed[grid.head] & grid.at_head
    names, limit = _names(grid, fed), grid.limit_mva[fed]
    ledger.at_most("power at the tail", names, np.abs(into_tail[fed]), limit, "MVA")
    ledger.at_most("power at the head", names, np.abs(into_head[fed]), limit, "MVA")
    whole = fed & grid.at_tail & grid.at_head
    over = np.rad2deg(angle[grid.tail] - angle[grid.head])[whole]
    ledger.at_least("angle difference", _names(grid, whole), over, np.rad2deg(grid.angle_min[whole]), "deg")
    ledger.at_most("angle difference", _names(grid, whole), over, np.rad2deg(grid.angle_max[whole]), "deg")


def _names(grid: Grid, chosen: BoolArray) -> list[str]:
    return [grid.branch[k] for k in np.flatnonzero(chosen)]


def _as_reported(
    grid: Grid, solution: Any, into_tail: ComplexArray, into_head: ComplexArray, ledger: Ledger, *, reactive: bool
) -> None:
    """The branch powers that the solution tells are those of its voltages."""
    for kind, own in (("line", slice(0, grid.n_lines)), ("transformer", slice(grid.n_lines, None))):
        index = grid.net.tables[kind].index
        serving = (grid.at_tail | grid.at_head)[own] & (grid.fed[grid.tail] | grid.fed[grid.head])[own]
        given = getattr(solution, kind).reindex(index)
        for end, power in (("tail", into_tail[own]), ("head", into_head[own])):
            for letter, unit, part in (("p", "mw", power.real), ("q", "mvar", power.imag)):
                if letter == "q" and not reactive:
                    continue
                told = column(given, f"{letter}_{end}_{unit}")[serving]
                names = list(index[serving])
                ledger.equal(
                    f"reported power at the {end}", names, told, part[serving], "MW" if letter == "p" else "Mvar"
                )
