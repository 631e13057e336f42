"""Whether answers are right: the mismatch from matrices of our own in float64, and differences between two tools."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.cases import Bools, Case, Complexes, Floats, Scenarios, injections


def mismatch(case: Case, scenarios: Scenarios, v: Complexes, *, without: int | None = None) -> Floats:
    """Largest thing wrong with each answer v [bus, scenario], per unit; infinite where a voltage is not a number.

    Active power everywhere but at the slack, reactive power where no machine holds the voltage, the magnitude where one
    does. `without`: row of a branch that is out.
    """
    held, v_set = case.held
    with np.errstate(invalid="ignore"):
        difference = v * np.conj(case.admittance(without) @ v) - injections(case, scenarios)
        active, reactive = np.abs(difference.real), np.abs(difference.imag)
        active[case.slack] = reactive[case.slack] = 0
        reactive[held] = np.abs(np.abs(v[held]) - v_set[:, None])
        worst = np.maximum(active, reactive).max(axis=0)
    return np.where(np.isfinite(worst), worst, np.inf)


@dataclass(frozen=True)
class Difference:
    """Of two answers: the largest |ΔV| where both converged, how many those are, and how many only one solved."""

    max_dv_pu: float
    compared: int
    only_one: int

    def joined(self, other: Difference) -> Difference:
        """Of both batches together."""
        return Difference(
            max(self.max_dv_pu, other.max_dv_pu), self.compared + other.compared, self.only_one + other.only_one
        )


def compare(ours: Complexes, converged: Bools, theirs: Complexes, their_converged: Bools) -> Difference:
    """Voltages [bus, scenario] of two tools, as far as both have solved the scenarios.

    A lane that claims to have converged and holds something that is no number differs by infinity.
    """
    n = min(converged.size, their_converged.size)
    both = converged[:n] & their_converged[:n]
    apart = np.abs(ours[:, :n][:, both] - theirs[:, :n][:, both])
    worst = float(apart.max(initial=0.0)) if np.isfinite(apart).all() else float("inf")
    return Difference(worst, int(both.sum()), int((converged[:n] != their_converged[:n]).sum()))
