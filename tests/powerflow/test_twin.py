"""The plain twin: the textbook's power flow on dense matrices, one loop per sum, straight from the tables."""

import cmath
import math

import numpy as np
from hypothesis import given, settings
from pytest import approx
from random_grids import random_grids

from gridloop.network.arrays import build_arrays
from gridloop.powerflow.flow import power_flow
from gridloop.powerflow.start import flat_start
from gridloop.units import BASE_MVA


def plain_admittance(net, node):
    """Nodal admittances [node, node], per unit, branch by branch."""
    n = max(node.values()) + 1
    y = np.zeros((n, n), dtype=complex)
    opened = {(s.bus, s.element) for s in net.switch.itertuples() if s.element_kind == "line" and not s.closed}
    for row in net.line.itertuples():
        kv = net.bus.at[row.tail_bus, "v_nom_kv"]
        base = kv**2 / BASE_MVA
        z = complex(row.r_ohm_per_km, row.x_ohm_per_km) * row.length_km / row.parallel / base
        shunt = complex(row.g_us_per_km, row.b_us_per_km) * 1e-6 * row.length_km * row.parallel * base
        add_branch(y, node, row, 1 / z, shunt, 1.0, opened)
    for row in net.transformer.itertuples():
        steps = row.tap_pos - row.tap_neutral
        change, turn = 1 + steps * row.tap_step_pu, steps * row.tap_step_deg
        v_tail = row.v_tail_kv * (change if row.tap_side == "tail" else 1)
        v_head = row.v_head_kv * (change if row.tap_side == "head" else 1)
        angle = row.shift_deg + (turn if row.tap_side == "tail" else -turn)
        tail_kv, head_kv = (net.bus.at[bus, "v_nom_kv"] for bus in (row.tail_bus, row.head_bus))
        ratio = cmath.rect(v_tail / tail_kv / (v_head / head_kv), math.radians(angle))
        to_base = BASE_MVA / (row.s_rated_mva * row.parallel) * (v_head / head_kv) ** 2
        z, shunt = complex(row.r_pu, row.x_pu) * to_base, complex(row.g_pu, row.b_pu) / to_base
        add_branch(y, node, row, 1 / z, shunt, ratio, set())
    for row in net.shunt[net.shunt["in_service"]].itertuples():
        y[node[row.bus], node[row.bus]] += complex(row.g_mw, row.b_mvar) / BASE_MVA
    return y


def add_branch(y, node, row, series, shunt, ratio, opened):
    tail, head = node[row.tail_bus], node[row.head_bus]
    own = series + shunt / 2
    if (row.tail_bus, row.Index) in opened:
        y[head, head] += own - series**2 / own
        return
    y[tail, tail] += own / abs(ratio) ** 2
    y[head, head] += own
    y[tail, head] -= series / np.conj(ratio)
    y[head, tail] -= series / ratio


def plain_flow(net):
    """Voltage of every bus, by Newton's method with the derivatives of the textbook."""
    node = {bus: k for k, bus in enumerate(net.bus.index)}
    for s in net.switch.itertuples():
        if s.element_kind == "bus" and s.closed:
            node[s.element] = node[s.bus]
    y = plain_admittance(net, node)
    n = len(y)
    g, b = y.real, y.imag
    p, q = np.zeros(n), np.zeros(n)
    for table, sign in ((net.generator, 1), (net.load, -1), (net.storage, -1)):
        for row in table.itertuples():
            p[node[row.bus]] += sign * row.p_mw / BASE_MVA
            q[node[row.bus]] += sign * row.q_mvar / BASE_MVA
    start = flat_start(build_arrays(net))
    v, theta = abs(start), np.angle(start)
    slack = {node[bus] for bus in net.source["bus"]}
    held = slack | {node[row.bus] for row in net.generator.itertuples() if row.regulates_voltage}
    angles, sizes = [i for i in range(n) if i not in slack], [i for i in range(n) if i not in held]
    for _ in range(30):
        power = []
        for i in range(n):
            turn = [theta[i] - theta[k] for k in range(n)]
            p_i = sum(v[i] * v[k] * (g[i, k] * math.cos(turn[k]) + b[i, k] * math.sin(turn[k])) for k in range(n))
            q_i = sum(v[i] * v[k] * (g[i, k] * math.sin(turn[k]) - b[i, k] * math.cos(turn[k])) for k in range(n))
            power.append((p_i, q_i))
        f = [power[i][0] - p[i] for i in angles] + [power[i][1] - q[i] for i in sizes]
        if max(map(abs, f), default=0.0) < 1e-11:
            break
        jacobian = np.zeros((len(f), len(f)))
        for r, (i, kind) in enumerate([(i, "P") for i in angles] + [(i, "Q") for i in sizes]):
            for c, (k, by) in enumerate([(k, "θ") for k in angles] + [(k, "v") for k in sizes]):
                d = theta[i] - theta[k]
                if i == k:
                    jacobian[r, c] = {
                        "Pθ": -power[i][1] - b[i, i] * v[i] ** 2,
                        "Pv": power[i][0] / v[i] + g[i, i] * v[i],
                        "Qθ": power[i][0] - g[i, i] * v[i] ** 2,
                        "Qv": power[i][1] / v[i] - b[i, i] * v[i],
                    }[kind + by]
                else:
                    jacobian[r, c] = {
                        "Pθ": v[i] * v[k] * (g[i, k] * math.sin(d) - b[i, k] * math.cos(d)),
                        "Pv": v[i] * (g[i, k] * math.cos(d) + b[i, k] * math.sin(d)),
                        "Qθ": -v[i] * v[k] * (g[i, k] * math.cos(d) + b[i, k] * math.sin(d)),
                        "Qv": v[i] * (g[i, k] * math.sin(d) - b[i, k] * math.cos(d)),
                    }[kind + by]
        step = np.linalg.solve(jacobian, f)
        theta[angles] -= step[: len(angles)]
        v[sizes] -= step[len(angles) :]
    return np.array([cmath.rect(v[node[bus]], theta[node[bus]]) for bus in net.bus.index])


@settings(max_examples=40, deadline=None)
@given(net=random_grids)
def test_the_flow_agrees_with_its_plain_twin(net):
    flow = power_flow(net, tolerance_pu=1e-11)
    v = flow.bus["v_pu"].to_numpy() * np.exp(1j * np.deg2rad(flow.bus["angle_deg"].to_numpy()))
    assert v == approx(plain_flow(net), abs=1e-9)
