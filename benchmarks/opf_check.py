"""Cost and violations of an optimal power flow, recomputed from the matrices of the case's file alone.

Neither gridloop's readers nor its models have a part in it: only the set-points, magnitudes and angles of the answer
are taken, and tied to the file's rows by their ids ("gen-7" is row 7 of `mpc.gen`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.cases import Floats, Ints

# Columns of MATPOWER's format.
BUS, KIND, PD, QD, GS, BS, V_MAX, V_MIN = 0, 1, 2, 3, 4, 5, 11, 12
GEN_BUS, Q_MAX, Q_MIN, GEN_ON, P_MAX, P_MIN = 0, 3, 4, 7, 8, 9
TAIL, HEAD, R, X, B, RATE, TAP, SHIFT, BRANCH_ON, ANGLE_MIN, ANGLE_MAX = 0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12
COST_MODEL, COST_COUNT, COST_FIRST = 0, 3, 4
OUT, POLYNOMIAL = 4, 2


def cost_and_violation(case: dict[str, Any], physics: str, bus: pd.DataFrame, gen: pd.DataFrame) -> tuple[float, float]:
    """Money per hour, and the largest violation of any balance or limit, per unit (angles: radians).

    case      base_mva and matrices, as of `opf_cases.matrices`
    bus, gen  v_pu, angle_deg by bus number; p_mw, q_mvar by "gen-ROW"
    """
    base, buses = case["base_mva"], case["bus"][case["bus"][:, KIND] != OUT]
    order = np.argsort(buses[:, BUS])

    def rows(numbers: Floats) -> Ints:
        """Rows of bus numbers; -1 for a bus that is out."""
        places = np.minimum(np.searchsorted(buses[order, BUS], numbers), len(order) - 1)
        return np.where(buses[order[places], BUS] == numbers, order[places], -1)

    at, tail, head = rows(case["gen"][:, GEN_BUS]), rows(case["branch"][:, TAIL]), rows(case["branch"][:, HEAD])
    giving = (case["gen"][:, GEN_ON] > 0) & (at >= 0)
    carrying = (case["branch"][:, BRANCH_ON] > 0) & (tail >= 0) & (head >= 0)
    branch, tail, head = case["branch"][carrying], tail[carrying], head[carrying]
    said = gen.loc[[f"gen-{row + 1}" for row in np.flatnonzero(giving)]]
    made, limits, at = said["p_mw"].to_numpy(dtype=float), case["gen"][giving], at[giving]
    state = bus.loc[[f"{number:.0f}" for number in buses[:, BUS]]]
    theta = np.deg2rad(state["angle_deg"].to_numpy(dtype=float))
    turned = theta[tail] - theta[head]
    free = (branch[:, ANGLE_MIN] == 0) & (branch[:, ANGLE_MAX] == 0)
    low, high = (
        np.where(free, ends, np.deg2rad(branch[:, k])) for k, ends in ((ANGLE_MIN, -np.inf), (ANGLE_MAX, np.inf))
    )
    over = [low - turned, turned - high, (limits[:, P_MIN] - made) / base, (made - limits[:, P_MAX]) / base]
    rate = np.where(branch[:, RATE] > 0, branch[:, RATE], np.inf) / base
    if physics == "dc":
        flow = _stiffness(branch) * turned
        s_tail, s_head, v, q = flow + 0j, -flow + 0j, np.ones(len(buses)), np.zeros(made.size)
        taken = buses[:, PD] + buses[:, GS] + 0j
    else:
        v, q = state["v_pu"].to_numpy(dtype=float), said["q_mvar"].to_numpy(dtype=float)
        s_tail, s_head = _flows(branch, v[tail] * np.exp(1j * theta[tail]), v[head] * np.exp(1j * theta[head]))
        taken = buses[:, PD] + 1j * buses[:, QD] + (buses[:, GS] - 1j * buses[:, BS]) * v**2
        over += [(limits[:, Q_MIN] - q) / base, (q - limits[:, Q_MAX]) / base, buses[:, V_MIN] - v, v - buses[:, V_MAX]]
    left = -taken / base
    for places, power in ((at, (made + 1j * q) / base), (tail, -s_tail), (head, -s_head)):
        np.add.at(left, places, power)
    over += [np.abs(left.real), np.abs(left.imag), np.abs(s_tail) - rate, np.abs(s_head) - rate]
    # np.maximum, not max(): what is missing stays missing, and nothing that is missing keeps a limit.
    worst = 0.0
    for found in over:
        worst = float(np.maximum(worst, found.max())) if found.size else worst
    return _cost(case["gencost"][: len(giving)][giving], made), worst


def _stiffness(branch: Floats) -> Floats:
    """Power per radian of the DC model: x / (r² + x²), and 1 / |z| where there is no reactance to speak of."""
    size = np.hypot(branch[:, R], branch[:, X])
    return np.where(np.abs(branch[:, X]) > 1e-6 * size, branch[:, X] / size**2, 1 / size)


def _flows(branch: Floats, u_tail: Any, u_head: Any) -> tuple[Any, Any]:
    """Power that enters every branch at its two ends, per unit (MATPOWER manual, equations 3.1 to 3.3)."""
    y = 1 / (branch[:, R] + 1j * branch[:, X])
    ratio = np.where(branch[:, TAP] == 0, 1.0, branch[:, TAP]) * np.exp(1j * np.deg2rad(branch[:, SHIFT]))
    y_own = y + 0.5j * branch[:, B]
    i_tail = y_own / np.abs(ratio) ** 2 * u_tail - y / np.conj(ratio) * u_head
    i_head = y_own * u_head - y / ratio * u_tail
    return u_tail * np.conj(i_tail), u_head * np.conj(i_head)


def _cost(gencost: Floats, p_mw: Floats) -> float:
    """All of PGLib's costs are polynomials, the highest power first."""
    assert (gencost[:, COST_MODEL] == POLYNOMIAL).all(), "a cost is no polynomial"
    total = 0.0
    for row, p in zip(gencost, p_mw, strict=True):
        total += float(np.polyval(row[COST_FIRST : COST_FIRST + int(row[COST_COUNT])], p))
    return total
