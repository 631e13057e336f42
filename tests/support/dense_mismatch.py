"""How far voltages are from solving a network: recomputed from its tables, row by row, with none of our arrays.

Written out on purpose: buses fused by hand, open ends as buses of their own, one stamp per π element, a dense matrix.
Whatever a solver claims is held against this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gridloop.network.model import Network

MVA = 100.0


@dataclass(frozen=True)
class Claim:
    """What is left of the equations at given voltages, per unit on 100 MVA.

    power     largest mismatch of active (or reactive, where nobody holds the voltage) power
    rounding  what double precision leaves of it: sums of terms of size |y| |v|²
    held      largest distance of a held voltage from its set-point
    missing   supplied buses without a voltage; dark buses with one
    """

    power: float
    rounding: float
    held: float
    missing: int


def dense_claim(net: Network, v_bus: np.ndarray) -> Claim:
    """Hold voltages against a network. v_bus [bus], complex, per unit; NaN where a bus is not supplied."""
    bus = {name: k for k, name in enumerate(net.bus.index)}
    on = net.bus["in_service"].to_numpy()
    root = list(range(len(bus)))

    def find(k: int) -> int:
        while root[k] != k:
            k = root[k]
        return k

    for s in net.switch.itertuples():
        a = bus[s.bus]
        if s.element_kind == "bus" and s.closed and s.in_service and on[a] and on[bus[s.element]]:
            root[find(a)] = find(bus[s.element])
    n = len(bus)
    stamps: list[tuple[int, int, np.ndarray]] = []
    for kind, element in (("line", _line), ("transformer", _transformer)):
        opened = {
            (s.element, s.bus)
            for s in net.switch.itertuples()
            if s.element_kind == kind and not (s.closed and s.in_service)
        }
        for name, row in zip(net.tables[kind].index, net.tables[kind].to_dict("records"), strict=True):
            if not row["in_service"]:
                continue
            ends = []
            for end in ("tail_bus", "head_bus"):
                at = bus[row[end]]
                if not on[at] or (name, row[end]) in opened:
                    ends.append(n)  # an open end is a bus of its own, on which nothing hangs
                    n += 1
                else:
                    ends.append(find(at))
            stamps.append((ends[0], ends[1], element(net, row)))
    y = np.zeros((n, n), dtype=complex)
    size = np.zeros(n)
    linked: list[set[int]] = [set() for _ in range(n)]
    for t, h, block in stamps:
        np.add.at(y, np.ix_([t, h], [t, h]), block)  # both ends may be one bus: a switch shorts the branch
        np.add.at(size, [t, h], np.abs(block).sum(axis=1))
        linked[t].add(h)
        linked[h].add(t)
    for row in net.shunt.to_dict("records"):
        at = bus[row["bus"]]
        if row["in_service"] and on[at]:
            y[find(at), find(at)] += complex(row["g_mw"], row["b_mvar"]) / MVA
            size[find(at)] += abs(complex(row["g_mw"], row["b_mvar"])) / MVA
    s = np.zeros(n, dtype=complex)
    held: dict[int, complex] = {}
    regulated: dict[int, float] = {}
    for table, sign in (("load", -1), ("storage", -1), ("generator", 1)):
        for row in net.tables[table].to_dict("records"):
            if row["in_service"] and on[bus[row["bus"]]]:
                s[find(bus[row["bus"]])] += sign * complex(row["p_mw"], row["q_mvar"]) / MVA
    for row in net.source.to_dict("records"):
        if row["in_service"] and on[bus[row["bus"]]]:
            held.setdefault(find(bus[row["bus"]]), row["v_set_pu"] * np.exp(1j * np.deg2rad(row["angle_deg"])))
    for row in net.generator.to_dict("records"):
        at = find(bus[row["bus"]])
        if row["in_service"] and row["regulates_voltage"] and on[bus[row["bus"]]] and at not in held:
            regulated.setdefault(at, row["v_set_pu"])
    lit, frontier = set(held), list(held)
    while frontier:
        for other in linked[frontier.pop()] - lit:
            lit.add(other)
            frontier.append(other)
    v, missing = np.full(n, np.nan, dtype=complex), 0
    for k in range(len(bus)):
        at = find(k)
        missing += np.isfinite(v_bus[k]) != bool(on[k] and at in lit)
        if on[k]:
            v[at] = v_bus[k]
    # Buses that one switch joins must have one voltage; the last of them counted above.
    apart = max((abs(v_bus[k] - v[find(k)]) for k in range(len(bus)) if on[k] and find(k) in lit), default=0.0)
    ends = [k for k in range(len(bus), n) if k in lit]
    known = [k for k in sorted(lit) if k < len(bus)]
    if ends:
        v[ends] = np.linalg.solve(y[np.ix_(ends, ends)], -y[np.ix_(ends, known)] @ v[known])
    lit_list = sorted(lit)
    injected = v[lit_list] * np.conj(y[np.ix_(lit_list, lit_list)] @ v[lit_list])
    power = 0.0
    for k, sent in zip(lit_list, injected, strict=True):
        if k in held or k >= len(bus):
            continue
        gap = sent - s[k]
        power = max(power, abs(gap.real), 0.0 if k in regulated else abs(gap.imag))
    wanted = [abs(v[k] - value) for k, value in held.items()]
    wanted += [abs(abs(v[k]) - value) for k, value in regulated.items() if k in lit]
    highest = np.nanmax(np.abs(v[lit_list]), initial=0.0)
    rounding = 64 * np.finfo(float).eps * float(size[lit_list].max(initial=0.0) * max(1.0, highest) ** 2)
    return Claim(float(power), rounding, float(max([*wanted, apart], default=0.0)), int(missing))


def _pi(y: complex, shunt: complex, ratio: complex) -> np.ndarray:
    return np.array(
        [[(y + shunt / 2) / abs(ratio) ** 2, -y / np.conj(ratio)], [-y / ratio, y + shunt / 2]], dtype=complex
    )


def _line(net: Network, row: dict[str, Any]) -> np.ndarray:
    ohm = net.bus["v_nom_kv"][row["tail_bus"]] ** 2 / MVA
    z = complex(row["r_ohm_per_km"], row["x_ohm_per_km"]) * row["length_km"] / ohm
    shunt = complex(row["g_us_per_km"], row["b_us_per_km"]) * 1e-6 * row["length_km"] * ohm
    return _pi(row["parallel"] / z, row["parallel"] * shunt, 1.0)


def _transformer(net: Network, row: dict[str, Any]) -> np.ndarray:
    step = row["tap_pos"] - row["tap_neutral"]
    change, turn = 1 + step * row["tap_step_pu"], step * row["tap_step_deg"]
    at_tail = row["tap_side"] != "head"
    tail_kv, head_kv = row["v_tail_kv"] * (change if at_tail else 1), row["v_head_kv"] * (1 if at_tail else change)
    tail_pu, head_pu = tail_kv / net.bus["v_nom_kv"][row["tail_bus"]], head_kv / net.bus["v_nom_kv"][row["head_bus"]]
    angle = np.deg2rad(row["shift_deg"] + (turn if at_tail else -turn))
    units = row["parallel"] * row["s_rated_mva"] / MVA / head_pu**2
    y, shunt = units / complex(row["r_pu"], row["x_pu"]), units * complex(row["g_pu"], row["b_pu"])
    return _pi(y, shunt, tail_pu / head_pu * np.exp(1j * angle))
