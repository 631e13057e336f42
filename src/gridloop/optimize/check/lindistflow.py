"""LinDistFlow answers: its own linear equations from the tables, the limits, and the cost. Losses stand in no balance.

Behind the ideal ratio n the tail's voltage is v' = v_tail / n. With S the power through the series impedance z [Ω]
and voltages in kV:

    v'² − v_head² = 2 Re(conj(z) S)           angle' − angle_head = Im(z conj(S)) / (V_base of the head)²

and a shunt of admittance s/2 at an end takes conj(s/2) v² there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gridloop.network.model import Network
from gridloop.optimize.check.checked import Checked, Ledger
from gridloop.optimize.check.flow import _angles, _balances, _branches, _magnitudes, _references, _taken
from gridloop.optimize.check.generators import check_generators
from gridloop.optimize.check.grid import Grid, column, read_grid
from gridloop.units import ComplexArray, FloatArray


def check_lindistflow(net: Network, solution: Any, tolerance_pu: float) -> Checked:
    """Check an `OptimalFlow` of the LinDistFlow physics against the tables of its network."""
    ledger, grid = Ledger(tolerance_pu), read_grid(net)
    injected, cost = check_generators(grid, solution.generator, ledger, reactive=True)
    angle, v = _angles(grid, solution.bus, ledger), _magnitudes(grid, solution.bus, ledger)
    _references(grid, angle, ledger)
    into_tail, into_head = _told(grid, solution, "tail"), _told(grid, solution, "head")
    _laws(grid, v, angle, into_tail, into_head, ledger)
    balance = injected - _taken(grid, v)
    for rows, power, there in ((grid.tail, into_tail, grid.at_tail), (grid.head, into_head, grid.at_head)):
        balance -= grid.by_group(rows[there], power[there])
    _balances(grid, balance, ledger, reactive=True)
    _branches(grid, angle, into_tail, into_head, ledger)
    ledger.same_cost("cost", ["all generators"], float(solution.cost), cost)
    return ledger.verdict(cost)


def _told(grid: Grid, solution: Any, end: str) -> ComplexArray:
    """What the answer says enters every branch at an end. [branch, MVA]"""
    parts = []
    for kind in ("line", "transformer"):
        given = getattr(solution, kind).reindex(grid.net.tables[kind].index)
        parts.append(column(given, f"p_{end}_mw") + 1j * column(given, f"q_{end}_mvar"))
    told = np.concatenate(parts)
    return np.asarray(np.where(grid.at_tail | grid.at_head, told, 0), dtype=complex)


def _laws(
    grid: Grid, v: FloatArray, angle: FloatArray, into_tail: ComplexArray, into_head: ComplexArray, ledger: Ledger
) -> None:
    """Voltage and angle across every branch, what is lost in it, and what an open one takes."""
    kv = grid.v_nom_kv
    whole = np.flatnonzero(grid.at_tail & grid.at_head & grid.fed[grid.tail])
    names = [grid.branch[k] for k in whole]
    tail, head, n = grid.tail[whole], grid.head[whole], grid.n[whole]
    w_tail, w_head = (v[tail] * kv[tail] / np.abs(n)) ** 2, (v[head] * kv[head]) ** 2
    shunt = np.conj(grid.s[whole] / 2)
    s, z = into_tail[whole] - shunt * w_tail, 1 / grid.y[whole]
    lost = s + into_head[whole] - shunt * w_head
    ledger.equal("active power that a branch loses", names, lost.real, 0.0, "MW")
    ledger.equal("reactive power that a branch loses", names, lost.imag, 0.0, "Mvar")
    base = kv[head] ** 2
    ledger.equal("voltage drop", names, (w_tail - w_head) / base, 2 * np.real(np.conj(z) * s) / base, "pu")
    across = angle[tail] - angle[head] - np.angle(n)
    ledger.equal("angle across", names, np.rad2deg(across), np.rad2deg(np.imag(z * np.conj(s)) / base), "deg")
    for own, other, power, node in (
        (grid.at_tail, grid.at_head, into_tail, grid.tail), (grid.at_head, grid.at_tail, into_head, grid.head),
    ):  # fmt: skip
        alone = np.flatnonzero(own & ~other & grid.fed[node])
        ledger.equal("power into an open branch", [grid.branch[k] for k in alone], *_open(grid, v, power, node, alone))


def _open(grid: Grid, v: FloatArray, power: ComplexArray, node: Any, alone: Any) -> tuple[FloatArray, FloatArray, str]:
    """Reactive power into a branch open at its other end, and what its shunt takes behind its series impedance."""
    half, y = grid.s[alone] / 2, grid.y[alone]
    with np.errstate(divide="ignore", invalid="ignore"):
        seen = half + np.where(half + y != 0, half * y / (half + y), 0)
    at_tail = grid.at_tail[alone]
    ratio = np.where(at_tail, np.abs(grid.n[alone]), 1.0)
    takes = np.conj(seen) * (v[node[alone]] * grid.v_nom_kv[node[alone]] / ratio) ** 2
    return power[alone].imag, takes.imag, "Mvar"
