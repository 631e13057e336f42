"""Multiphase LinDistFlow of a feeder: squared voltages of every node, linear in the power of every phase.

Consumption s_k drawn from node k takes the current conj(s_k / V⁰_k), with V⁰ the voltages without it, and moves the
voltages by Z = Y⁻¹ times that. Without the square of the change

    w_i = |V⁰_i|² − 2 Re Σ_k conj(Z_ik) γ_ik s_k,        γ_ik = V⁰_i / V⁰_k

For a tree of lines Z_ik is the impedance that the ways to i and k share, phase by phase, and γ turns one phase into
another (1∠∓120°): the multiphase LinDistFlow of Gan and Low and of Arnold et al. Written with the nodal matrix it also
holds for transformers of any connection, open-delta regulators at fixed taps, loads between phases (with the voltage
between them for V⁰_k), capacitors, and meshes. The impedance share of a load is part of Y; of its current share half is
impedance and half power, which is its tangent at rated voltage.

Around other voltages than V⁰, such as those of an AC flow, the same holds with those in the place of V⁰ in s / V⁰ and
in w, and is then exact there.

Source power is V conj(I) at the held nodes, linear in the voltages. Source: Gan and Low (2014), Convex relaxations and
linear approximation for optimal power flow in multiphase radial networks; Arnold et al. (2016), Optimal dispatch of
reactive power for voltage regulation and balancing in unbalanced distribution systems.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_array, csc_array, csr_array
from scipy.sparse.linalg import splu

from gridloop.errors import SolveFailed
from gridloop.network.feeder.model import Feeder
from gridloop.network.validation import Finding, Findings
from gridloop.powerflow.feeder.arrays import BASE_PHASE_MVA, FeederArrays, build_feeder_arrays
from gridloop.powerflow.feeder.loads import load_currents
from gridloop.powerflow.feeder.nodes import GROUND
from gridloop.units import BASE_MVA, BoolArray, ComplexArray, FloatArray, IntArray

# Powers here are per unit on `BASE_MVA`, those of the feeder's arrays on its own base.
SCALE = BASE_MVA / BASE_PHASE_MVA
# Nodes below this voltage without load are neutrals: limits to ground do not concern them.
_NEUTRAL_PU = 0.1


@dataclass(frozen=True, eq=False)
class FeederMoment:
    """What of a feeder is decided: generators in service with supply, then sources; per unit on `BASE_MVA`.

    The names are those of `optimize.case.Moment`, so that the problem can be stated without knowing which it has.
    gen_row  [gen]  row of the table `generator`, −1 for a source; source_row row of the table `source`, −1 for others
    s_rated  [gen]  largest apparent power; inf where there is none
    taps     [control]
    around   [node]  voltages around which to linearise; None for those without load
    """

    feeder: Feeder
    arrays: FeederArrays
    taps: IntArray
    gen_id: pd.Index
    gen_row: IntArray
    source_row: IntArray
    p_min: FloatArray
    p_max: FloatArray
    q_min: FloatArray
    q_max: FloatArray
    s_rated: FloatArray
    cost_fixed: FloatArray
    cost_linear: FloatArray
    cost_quadratic: FloatArray
    around: ComplexArray | None = None
    curves: dict[int, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, feeder: Feeder, taps: IntArray | None = None) -> FeederMoment:
        """The present moment of a feeder; regulators stay at their taps, or at those given. Raises `BadInput`."""
        arrays = build_feeder_arrays(feeder)
        loads = arrays.loads
        fed = np.zeros(loads.s0.size, dtype=bool)
        fed[loads.element[loads.share > 0]] = True
        row = np.flatnonzero(fed[len(feeder.load) :])
        above = np.unique(arrays.source_row)
        machine, source = feeder.generator.iloc[row], feeder.source.iloc[above]

        def both(column: str, missing: str | float, none: float) -> FloatArray:
            own = machine[column].to_numpy(dtype=float)
            instead = machine[missing].to_numpy(dtype=float) if isinstance(missing, str) else missing
            given = source[column].to_numpy(dtype=float) if column in source else np.full(above.size, none)
            parts = np.where(np.isnan(own), instead, own), np.where(np.isnan(given), none, given)
            return np.concatenate(parts)

        return cls(
            feeder=feeder,
            arrays=arrays,
            taps=np.asarray(arrays.tap if taps is None else taps, dtype=np.int64),
            gen_id=pd.Index([*machine.index, *(f"source:{i}" for i in source.index)], name="id", dtype=object),
            gen_row=np.concatenate([row, np.full(above.size, -1)]),
            source_row=np.concatenate([np.full(row.size, -1), above]),
            p_min=both("p_min_mw", "p_mw", -np.inf) / BASE_MVA,
            p_max=both("p_max_mw", "p_mw", np.inf) / BASE_MVA,
            q_min=both("q_min_mvar", "q_mvar", -np.inf) / BASE_MVA,
            q_max=both("q_max_mvar", "q_mvar", np.inf) / BASE_MVA,
            s_rated=both("s_rated_mva", np.inf, np.inf) / BASE_MVA,
            cost_fixed=both("cost_fixed_per_h", 0.0, 0.0),
            cost_linear=both("cost_linear_per_mwh", 0.0, 0.0),
            cost_quadratic=both("cost_quadratic_per_mw2h", 0.0, 0.0),
        )

    def findings(self) -> Findings:
        """Limits in the wrong order, costs that are not convex, and costs that say nothing."""
        found: list[Finding] = []
        for bad, code, column, problem, remedy in (
            (self.p_min > self.p_max, "min_above_max", "p_min_mw", "have p_min_mw above p_max_mw", "Exchange them."),
            (self.q_min > self.q_max, "min_above_max", "q_min_mvar", "have q_min_mvar above q_max_mvar", "Exchange."),
            (self.cost_quadratic < 0, "not_convex", "cost_quadratic_per_mw2h", "cost less the more they give", "Give"
             " cost_quadratic_per_mw2h of zero or more."),
        ):  # fmt: skip
            if bad.any():
                ids = tuple(str(i) for i in self.gen_id[bad])
                found.append(Finding("error", code, "generator", column, ids, f"{len(ids)} {problem}. {remedy}"))
        if not (np.any(self.cost_fixed) or np.any(self.cost_linear) or np.any(self.cost_quadratic)):
            message = (
                "all costs are zero: any outputs within the limits are the cheapest, and prices say nothing. Give "
                "generators and sources a cost_linear_per_mwh; an OpenDSS file has none."
            )
            found.append(Finding("warning", "zero_costs", "source", "cost_linear_per_mwh", (), message))
        return Findings(tuple(found))

    @cached_property
    def linear(self) -> Linear:
        """Its voltages as linear functions of what generators give."""
        return Linear.of(self)


@dataclass(frozen=True, eq=False)
class Linear:
    """V = v_fixed + moved (p − j q): voltages of all nodes with loads as they are and generators giving p + jq.

    v0       [node]            voltages around which all is linear: with the impedance share of loads alone, or others
    v_fixed  [node]            with all loads and without generators
    drive    [node, machine]   current that a generator feeds into every node per p, per unit
    moved    [node, machine]   what it does to the voltages
    y        [node, node]      matrix with the impedance shares; free, held its nodes
    """

    v0: ComplexArray
    v_fixed: ComplexArray
    drive: ComplexArray
    moved: ComplexArray
    drawn: ComplexArray
    y: csr_array
    free: IntArray
    held: IntArray
    factors: Any

    @classmethod
    def of(cls, m: FeederMoment) -> Linear:
        """Raises `SolveFailed` where the matrix is singular."""
        a, n, first = m.arrays, m.arrays.n_nodes, len(m.feeder.load)
        loads = a.loads
        own = _impedance_share(a, first)
        y = csr_array(a.admittance(m.taps) + _between(a, own))
        held = np.unique(a.source)
        free = np.setdiff1d(np.arange(n), held)
        try:
            factors = splu(csc_array(y[free][:, free]))
        except RuntimeError as error:
            raise SolveFailed(f"the nodal matrix of {m.feeder.name!r} is singular: {error}.") from error
        v0 = np.zeros(n, dtype=complex)
        v0[a.source] = a.v_source
        v0[free] = -factors.solve(y[free][:, held] @ v0[held])
        base, v0 = v0, v0 if m.around is None else m.around
        across = v0[loads.tail] - np.where(loads.head == GROUND, 0.0, v0[loads.head])
        across = np.where(loads.share > 0, across, 1.0)
        power = loads.share * loads.s0[loads.element]
        consumes = loads.element < first
        constant = power.real * _of_power(loads.zip_p) + 1j * power.imag * _of_power(loads.zip_q)
        current = np.conj(constant / across)
        if m.around is not None:  # what loads take there, whatever their kind, less what the matrix has
            current = load_currents(loads, v0, loads.s0) - own * across
        drawn = _to_nodes(a, np.where(consumes & (loads.share > 0), current, 0.0))
        machine = m.gen_row[m.gen_row >= 0]
        drive = np.zeros((n, machine.size), dtype=complex)
        for g, row in enumerate(machine.tolist()):
            own = loads.element == first + row
            drive[:, g] = SCALE * _to_nodes(a, np.where(own, loads.share * np.conj(1.0 / across), 0.0))
        moved, shift = np.zeros((n, machine.size), dtype=complex), np.zeros(n, dtype=complex)
        shift[free] = -factors.solve(drawn[free])
        if machine.size:
            moved[free] = factors.solve(np.ascontiguousarray(drive[free]))
        return cls(v0, base + shift, drive, moved, drawn, y, free, held, factors)

    def voltage(self, p: FloatArray, q: FloatArray) -> ComplexArray:
        """Voltages where the machines give p + jq. [node]"""
        return np.asarray(self.v_fixed + self.moved @ (p - 1j * q))

    def squared(self, v: ComplexArray) -> FloatArray:
        """w at linear voltages: without the square of their change. [node]"""
        return np.asarray(np.abs(self.v0) ** 2 + 2 * np.real(np.conj(self.v0) * (v - self.v0)))

    def injected(self, p: FloatArray, q: FloatArray) -> ComplexArray:
        """What every held node gives, per unit on `BASE_MVA`. [held]"""
        h = self.held
        current = (self.y @ self.voltage(p, q))[h] + self.drawn[h] - self.drive[h] @ (p - 1j * q)
        return np.asarray(self.v0[h] * np.conj(current) / SCALE)

    def adjoint(self, functional: ComplexArray) -> ComplexArray:
        """Zᵀ f of a functional f [node] of the voltages: what a unit of current into every node adds to it. [node]"""
        found = np.zeros(functional.size, dtype=complex)
        found[self.free] = self.factors.solve(functional[self.free], trans="T")
        return found

    def neutral(self) -> BoolArray:
        """Nodes that hardly have a voltage to ground. [node]"""
        return np.asarray(np.abs(self.v0) < _NEUTRAL_PU)


def _of_power(shares: FloatArray) -> FloatArray:
    """Power share of a load, half of its current share with it. [branch]"""
    return np.asarray(shares[:, 2] + shares[:, 1] / 2)


def _impedance_share(a: FeederArrays, first: int) -> ComplexArray:
    """Admittance of the loads' impedance share, half of the current share with it. [branch]"""
    loads = a.loads
    power = np.where(loads.element < first, loads.share * loads.s0[loads.element], 0.0)
    real = power.real * (loads.zip_p[:, 0] + loads.zip_p[:, 1] / 2)
    part = real + 1j * power.imag * (loads.zip_q[:, 0] + loads.zip_q[:, 1] / 2)
    return np.asarray(np.conj(part) / loads.v_rated**2, dtype=complex)


def _between(a: FeederArrays, y: ComplexArray) -> csr_array:
    """Admittances of load branches in the nodal matrix. [node, node]"""
    loads = a.loads
    i = np.concatenate([loads.tail, loads.head, loads.tail, loads.head])
    j = np.concatenate([loads.tail, loads.head, loads.head, loads.tail])
    values = np.concatenate([y, y, -y, -y])
    there = (i != GROUND) & (j != GROUND)
    return csr_array(coo_array((values[there], (i[there], j[there])), shape=a.y.shape))


def _to_nodes(a: FeederArrays, current: ComplexArray) -> ComplexArray:
    """Currents drawn by load branches, at their nodes. [node]"""
    total = np.zeros(a.n_nodes, dtype=complex)
    np.add.at(total, a.loads.tail, current)
    inner = a.loads.head != GROUND
    np.add.at(total, a.loads.head[inner], -current[inner])
    return total
