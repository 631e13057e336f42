"""Loads as branches: what each takes at which voltage, from the tables of loads and generators.

At a voltage of v per unit of its own rating, a branch takes the current (per unit of its current at rated voltage)

    g(v) = z v + i + p / v                 between v_low and v_high
    g(v) = g(v_high) v / v_high            above: a constant impedance
    g(v) on the line from (v_floor, v_floor) to (v_low, g(v_low))     below
    g(v) = v                               below v_floor: the rated impedance

with shares z, i, p of their own for active and reactive power. That is how OpenDSS treats voltages outside the range.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange, listed
from gridloop.network.feeder.model import Feeder, terminals
from gridloop.powerflow.feeder.nodes import Nodes, active, branches_of
from gridloop.units import SQRT3, ComplexArray, FloatArray, IntArray


@dataclass(frozen=True)
class LoadBranches:
    """Elements are the rows of the load table, then those of the generator table.

    tail, head   [branch]     nodes; head is −1 for ground
    element      [branch]     element it belongs to
    share        [branch]     its share of the element's power
    v_rated      [branch]     rated voltage across it, per unit of the tail's base
    zip_p, zip_q [branch, 3]  shares z, i, p of active and reactive power
    v_low, v_high, v_floor    [branch]  limits of the above, per unit of v_rated
    g_low, g_high  [branch, 2]  g(v_low) and g(v_high) of active and reactive power
    s0           [element]    consumption at rated voltage in MVA, which is per unit; zero out of service
    """

    tail: IntArray
    head: IntArray
    element: IntArray
    share: FloatArray
    v_rated: FloatArray
    zip_p: FloatArray
    zip_q: FloatArray
    v_low: FloatArray
    v_high: FloatArray
    v_floor: FloatArray
    g_low: FloatArray
    g_high: FloatArray
    s0: ComplexArray


def build_loads(feeder: Feeder, nodes: Nodes) -> LoadBranches:
    """The branches of all loads and generators in service. Raises `OutOfRange` for limits out of order."""
    load, generator = active(feeder.load), active(feeder.generator)
    both = pd.concat(
        [load, _as_load(generator, len(feeder.load))] if len(generator) else [load], ignore_index=False, sort=False
    )
    ids = [str(i) for i in both.index]
    pairs = [branches_of(c, terminals(p)) for c, p in zip(both["connection"], both["phases"], strict=True)]
    count = np.array([len(some) for some in pairs], dtype=np.int64)
    which = np.repeat(np.arange(len(both)), count)
    ends = nodes.find(
        "load", [ids[k] for k in which], list(both["bus"].to_numpy()[which]), [pair for some in pairs for pair in some]
    ).reshape(-1, 2)
    # A wye between two terminals names its phase first; where that one is ground, the branch points the other way.
    tail, head = np.where(ends[:, 0] >= 0, ends[:, 0], ends[:, 1]), np.where(ends[:, 0] >= 0, ends[:, 1], ends[:, 0])
    wye = (both["connection"] == "wye").to_numpy() & (count > 1)
    across = both["v_rated_kv"].to_numpy(dtype=float) / np.where(wye, SQRT3, 1.0)
    zip_p = both[["p_impedance", "p_current", "p_power"]].to_numpy(dtype=float)
    zip_q = both[["q_impedance", "q_current", "q_power"]].to_numpy(dtype=float)
    low, high, floor = (both[c].to_numpy(dtype=float) for c in ("v_low_pu", "v_high_pu", "v_floor_pu"))
    wrong = ~((low < high) & (floor < high) & (high > 0) & (across > 0))
    if wrong.any():
        bad = [ids[k] for k in np.flatnonzero(wrong)]
        raise OutOfRange(
            f"{len(bad)} loads have voltage limits out of order or no rated voltage: {listed(bad)}. They need "
            "v_low_pu < v_high_pu, v_floor_pu < v_high_pu and v_rated_kv > 0.",
            table="load",
            ids=bad,
        )
    constant = both["constant_power_outside"].to_numpy(dtype=bool)[:, None]
    power = np.array([0.0, 0.0, 1.0])
    outside = [np.where(constant, power, shares) for shares in (zip_p, zip_q)]
    s0 = np.zeros(len(feeder.load) + len(feeder.generator), dtype=complex)
    s0[both["row"].to_numpy()] = both["p_mw"].to_numpy(dtype=float) + 1j * both["q_mvar"].to_numpy(dtype=float)
    return LoadBranches(
        tail=tail,
        head=head,
        element=both["row"].to_numpy()[which],
        share=1.0 / count[which],
        v_rated=across[which] / nodes.v_base_kv[tail],
        zip_p=zip_p[which],
        zip_q=zip_q[which],
        v_low=low[which],
        v_high=high[which],
        v_floor=floor[which],
        g_low=np.stack([_current(s, low) for s in outside], axis=1)[which],
        g_high=np.stack([_current(s, high) for s in outside], axis=1)[which],
        s0=s0,
    )


def _current(shares: FloatArray, v: FloatArray) -> FloatArray:
    """z v + i + p / v; without the last where v is zero, as nothing lies below it."""
    safe = np.where(v > 0, v, 1.0)
    return np.asarray(shares[:, 0] * v + shares[:, 1] + np.where(v > 0, shares[:, 2] / safe, 0.0))


def _as_load(generator: pd.DataFrame, first: int) -> pd.DataFrame:
    """Generators as loads of negative power, their rows after those of the loads."""
    given = generator.assign(
        p_mw=-generator["p_mw"],
        q_mvar=-generator["q_mvar"],
        row=generator["row"] + first,
        p_impedance=0.0,
        p_current=0.0,
        p_power=1.0,
        q_impedance=0.0,
        q_current=0.0,
        q_power=1.0,
        v_floor_pu=0.0,
        constant_power_outside=False,
    )
    return given.drop(columns="kind")


def load_currents(loads: LoadBranches, v: ComplexArray, s: ComplexArray) -> ComplexArray:
    """Current that every branch draws from its tail. [branch], per unit

    v  [node]     voltages
    s  [element]  consumption at rated voltage
    """
    across = v[loads.tail] - np.where(loads.head >= 0, v[loads.head], 0.0)
    magnitude = np.abs(across) / loads.v_rated
    safe = np.maximum(magnitude, 1e-12)  # at no voltage there is no current; this only keeps the division defined
    power = loads.share * s[loads.element]
    g_p = current_factor(loads, loads.zip_p, 0, safe)
    g_q = current_factor(loads, loads.zip_q, 1, safe)
    rated = power.real * g_p + 1j * power.imag * g_q  # conj(I) along the voltage, at rated current
    return np.asarray(np.conj(rated / loads.v_rated) * across / (safe * loads.v_rated))


def current_factor(loads: LoadBranches, shares: FloatArray, part: int, v: FloatArray) -> FloatArray:
    """g(v) of every branch for active (part 0) or reactive power (1); v [branch] per unit of v_rated."""
    z, i, p = shares.T
    inside = z * v + i + p / v
    above = loads.g_high[:, part] * v / loads.v_high
    width = np.where(loads.v_low > loads.v_floor, loads.v_low - loads.v_floor, 1.0)
    below = loads.v_floor + (loads.g_low[:, part] - loads.v_floor) * (v - loads.v_floor) / width
    g = np.where(v > loads.v_high, above, inside)
    g = np.where((v < loads.v_low) & (loads.v_low > loads.v_floor), below, g)
    return np.asarray(np.where(v < np.minimum(loads.v_floor, loads.v_low), v, g))
