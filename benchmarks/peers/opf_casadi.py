"""CasADi with Ipopt: the AC optimal power flow written plainly in symbols, the way its documentation shows.

Built and solved once per job in a process of its own; both are timed, reading the matrices is not. No hand-written
derivatives, and Ipopt with its defaults but for the print level.
"""

from __future__ import annotations

import time
from typing import Any

import casadi as ca
import numpy as np
from job import serve

# Columns of MATPOWER's format.
BUS, KIND, PD, QD, GS, BS, VA, V_MAX, V_MIN = 0, 1, 2, 3, 4, 5, 8, 11, 12
GEN_BUS, Q_MAX, Q_MIN, GEN_ON, P_MAX, P_MIN = 0, 3, 4, 7, 8, 9
TAIL, HEAD, R, X, B, RATE, TAP, SHIFT, BRANCH_ON, ANGLE_MIN, ANGLE_MAX = 0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12
REFERENCE, OUT = 3, 4


def work(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Build and solve twice; the second time counts."""
    once(facts, arrays)
    return once(facts, arrays)


def once(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    base = facts["base_mva"]
    bus = arrays["bus"][arrays["bus"][:, KIND] != OUT]
    on = arrays["gen"][:, GEN_ON] > 0
    gen, cost = arrays["gen"][on], arrays["gencost"][on]
    branch = arrays["branch"][arrays["branch"][:, BRANCH_ON] > 0]
    began = time.perf_counter()
    row = {int(number): k for k, number in enumerate(bus[:, BUS])}
    at = [row[int(b)] for b in gen[:, GEN_BUS]]
    t, h = ([row[int(b)] for b in branch[:, c]] for c in (TAIL, HEAD))
    n, g, m = len(bus), len(gen), len(branch)
    y = 1 / (branch[:, R] + 1j * branch[:, X])
    ratio = np.where(branch[:, TAP] == 0, 1, branch[:, TAP]) * np.exp(1j * np.deg2rad(branch[:, SHIFT]))
    y_hh = y + 0.5j * branch[:, B]
    y_tt, y_th, y_ht = y_hh / np.abs(ratio) ** 2, -y / np.conj(ratio), -y / ratio

    va, vm, pg, qg = ca.SX.sym("va", n), ca.SX.sym("vm", n), ca.SX.sym("pg", g), ca.SX.sym("qg", g)
    d, vv = va[t] - va[h], vm[t] * vm[h]
    cos, sin = ca.cos(d), ca.sin(d)
    p_t = y_tt.real * vm[t] ** 2 + vv * (y_th.real * cos + y_th.imag * sin)
    q_t = -y_tt.imag * vm[t] ** 2 + vv * (y_th.real * sin - y_th.imag * cos)
    p_h = y_hh.real * vm[h] ** 2 + vv * (y_ht.real * cos - y_ht.imag * sin)
    q_h = -y_hh.imag * vm[h] ** 2 + vv * (-y_ht.real * sin - y_ht.imag * cos)

    def onto(places: list[int], count: int) -> ca.DM:
        return ca.DM.triplet(places, list(range(count)), ca.DM.ones(count), n, count)

    tails, heads, gens = onto(t, m), onto(h, m), onto(at, g)
    p = gens @ pg - bus[:, PD] / base - bus[:, GS] / base * vm**2 - tails @ p_t - heads @ p_h
    q = gens @ qg - bus[:, QD] / base + bus[:, BS] / base * vm**2 - tails @ q_t - heads @ q_h
    rated = [k for k in range(m) if branch[k, RATE] > 0]
    rate = branch[rated, RATE] / base
    flow = [p_t[rated] ** 2 + q_t[rated] ** 2, p_h[rated] ** 2 + q_h[rated] ** 2]
    rows = ca.vertcat(p, q, *flow, d)
    low, high = np.deg2rad(branch[:, ANGLE_MIN]), np.deg2rad(branch[:, ANGLE_MAX])
    none = -np.full(2 * len(rated), np.inf)
    row_low = np.concatenate([np.zeros(2 * n), none, low])
    row_high = np.concatenate([np.zeros(2 * n), rate**2, rate**2, high])
    degree = cost[:, 4:7]  # all of PGLib's costs have three coefficients, of money per MW
    mw = pg * base
    f = ca.dot(degree[:, 0], mw**2) + ca.dot(degree[:, 1], mw) + float(degree[:, 2].sum())
    x = ca.vertcat(va, vm, pg, qg)
    va_low = np.where(bus[:, KIND] == REFERENCE, np.deg2rad(bus[:, VA]), -np.inf)
    va_high = np.where(bus[:, KIND] == REFERENCE, np.deg2rad(bus[:, VA]), np.inf)
    x_low = np.concatenate([va_low, bus[:, V_MIN], gen[:, P_MIN] / base, gen[:, Q_MIN] / base])
    x_high = np.concatenate([va_high, bus[:, V_MAX], gen[:, P_MAX] / base, gen[:, Q_MAX] / base])
    solver = ca.nlpsol("opf", "ipopt", {"x": x, "f": f, "g": rows}, {"print_time": 0, "ipopt.print_level": 0})
    built = time.perf_counter()
    x0 = np.concatenate([np.zeros(n), np.ones(n), (x_low[2 * n :] + x_high[2 * n :]) / 2])
    found = solver(x0=x0, lbx=x_low, ubx=x_high, lbg=row_low, ubg=row_high)
    done = time.perf_counter()
    stats = solver.stats()
    said = {
        "per_s": 1 / (done - began),
        "build_s": built - began,
        "solve_s": done - built,
        "objective": float(found["f"]),
        "status": stats["return_status"],
        "iterations": stats["iter_count"],
    }
    return said, {}


if __name__ == "__main__":
    serve(work, "casadi", "numpy")
