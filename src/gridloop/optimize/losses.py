"""Losses that follow from outputs: by B-coefficients, or by the DC flows of a network; both convex, with a gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gridloop.errors import BadInput
from gridloop.optimize.case import Moment
from gridloop.powerflow.sensitivities import DcGrid
from gridloop.units import BASE_MVA, FloatArray


class Losses(Protocol):
    """Losses of a system as a function of the outputs p [unit, step], MW."""

    def at(self, p_mw: FloatArray, demand_mw: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Losses [step] in MW, and how they change per MW of every unit [unit, step]. demand_mw [step]"""


@dataclass(frozen=True)
class BCoefficients:
    """Kron's loss formula: pᵀ B p + b·p + constant, with p in MW in the order of the units.

    quadratic  [unit, unit] 1/MW;  linear [unit];  constant MW
    Source: Wood, Wollenberg and Sheblé (2013), Power Generation, Operation and Control, ch. 4.
    """

    quadratic: FloatArray
    linear: FloatArray | float = 0.0
    constant: float = 0.0

    def at(self, p_mw: FloatArray, demand_mw: FloatArray) -> tuple[FloatArray, FloatArray]:
        b = np.asarray(self.quadratic, dtype=float)
        if b.shape != (p_mw.shape[0],) * 2:
            raise BadInput(
                f"B-coefficients of {b.shape} do not fit {p_mw.shape[0]} units; give one row and column for each.",
                shape=b.shape,
            )
        given = np.asarray(self.linear, dtype=float)
        if given.shape not in ((), (1,), (p_mw.shape[0],)):
            raise BadInput(
                f"linear B-coefficients of {given.shape} do not fit {p_mw.shape[0]} units; give one for each."
            )
        if not (np.isfinite(b).all() and np.isfinite(given).all() and np.isfinite(self.constant)):
            raise BadInput("B-coefficients are missing or infinite in places; give numbers.")
        linear = np.broadcast_to(given, (p_mw.shape[0],))
        both = (b + b.T) @ p_mw
        lost = 0.5 * (p_mw * both).sum(axis=0) + linear @ p_mw + self.constant
        return np.asarray(lost), np.asarray(both + linear[:, None])


class NetworkLosses:
    """Σ r f² of a network's DC flows at nominal voltage; loads keep their shares of the demand."""

    def __init__(self, moment: Moment, grid: DcGrid, taken: FloatArray) -> None:
        """taken [node] consumption per unit, whose shape the demand keeps."""
        self.moment, self.grid = moment, grid
        total = float(taken.sum())
        self.share = taken / total if total else np.zeros(taken.size)

    def at(self, p_mw: FloatArray, demand_mw: FloatArray) -> tuple[FloatArray, FloatArray]:
        m = self.moment
        injection = -self.share[:, None] * (demand_mw / BASE_MVA)
        np.add.at(injection, m.gen_node, p_mw / BASE_MVA)
        flow = self.grid.flows(injection)
        lost = m.r @ flow**2 * BASE_MVA
        slope = np.stack([self.grid.weighted(2 * m.r * flow[:, t])[m.gen_node] for t in range(flow.shape[1])], axis=1)
        return np.asarray(lost), slope
