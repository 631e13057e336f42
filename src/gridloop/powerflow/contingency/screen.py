"""DC screening: which cases need an AC flow, because the DC flow sees a branch near its rating or the grid split.

A branch that carried P + jQ in the base case's AC flow is expected to carry (P + Δp) + jQ, with Δp from the factors of
`gridloop.powerflow.sensitivities`. A case is solved where some branch is expected above 1 − margin of its rating and
has risen by more than a trace, where it cuts nodes off, and where it lets a voltage go. What the DC flow cannot see
is not screened: voltages, and what reactive power adds beyond the margin.

Source: Stott, Alsaç and Monticelli (1987), Security analysis and optimization, section on contingency selection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.powerflow.contingency.cases import Cases
from gridloop.powerflow.contingency.state import State
from gridloop.powerflow.sensitivities import DcGrid
from gridloop.powerflow.solve import branch_powers
from gridloop.units import BASE_MVA, BoolArray, FloatArray

# Share of the rating that the DC flow may be wrong by; tests/powerflow/test_contingency_screen.py measures it.
MARGIN = 0.15
# A branch that rises by less than this share of its rating does not call for a flow.
_TRACE = 0.01
# Numbers of one array at a time.
_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Screened:
    """What a screening did.

    margin   share of the rating below which a branch counts as far from it
    looked   cases it looked at
    skipped  cases it left unsolved
    """

    margin: float
    looked: int
    skipped: int

    def __str__(self) -> str:
        return (
            f"DC screening looked at {self.looked:,} cases and skipped {self.skipped:,}, where no branch was expected "
            f"above {100 * (1 - self.margin):.0f} % of its rating; it does not look at voltages."
        )


def has_ratings(state: State) -> bool:
    """Whether there is anything to screen by."""
    return bool(state.limits.branch.size)


def worth_solving(state: State, dc: DcGrid, cases: Cases, margin: float) -> tuple[BoolArray, FloatArray]:
    """Which cases to solve [case], and the highest loading expected in each; NaN where it cuts nodes off."""
    arrays, rows = state.arrays, state.limits.branch
    p_tail, p_head = (s[rows, 0] for s in branch_powers(arrays.branches, state.v[:, None]))
    loading = np.sqrt(np.fmax(*_squares(state, p_tail, p_head, np.zeros((rows.size, 1)))))
    base_flow = branch_powers(arrays.branches, state.v[:, None])[0].real
    keep, highest = np.zeros(cases.count, dtype=bool), np.full(cases.count, np.nan)
    step = max(1, _AT_ONCE // max(1, arrays.branches.tail.size * max(cases.branch.shape[1], 1)))
    for first in range(0, cases.count, step):
        here = slice(first, min(first + step, cases.count))
        change = _change(state, dc, cases.some(np.arange(here.start, here.stop)), base_flow)
        split = np.isnan(change).any(axis=0)
        expected = np.sqrt(np.fmax(*_squares(state, p_tail, p_head, change[rows])))
        out = cases.branch[here]
        for k in range(out.shape[1]):  # what is out carries nothing
            at = np.searchsorted(rows, np.maximum(out[:, k], 0))
            hit = np.flatnonzero((out[:, k] >= 0) & (at < rows.size))
            hit = hit[rows[at[hit]] == out[hit, k]]
            expected[at[hit], hit] = 0.0
        near = (expected >= 1.0 - margin) & (expected >= loading + _TRACE)
        keep[here] = near.any(axis=0) | split
        highest[here] = np.where(split, np.nan, expected.max(axis=0, initial=0.0))
    return keep | _lets_go(state, cases), highest


def _squares(state: State, tail: FloatArray, head: FloatArray, change: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Squares of the loading at both ends with Δp [rated, case] more at the tail."""
    found = []
    for k, (s, end) in enumerate(((tail, state.limits.tail), (head, state.limits.head))):
        v = np.where(end >= 0, np.abs(state.start.v[end]), np.inf)
        p = s.real[:, None] + (change if k == 0 else -change)
        found.append((p**2 + s.imag[:, None] ** 2) * (state.limits.scale[:, k] / v**2)[:, None])
    return found[0], found[1]


def _change(state: State, dc: DcGrid, cases: Cases, base_flow: FloatArray) -> FloatArray:
    """Change of every branch's active power in every case. [branch, case], per unit"""
    moved = np.zeros((base_flow.shape[0], cases.count))
    machine = cases.generator >= 0
    if machine.any():
        used = np.unique(cases.generator[machine])
        node = state.arrays.element_node["generator"][used]
        p = state.net.generator["p_mw"].to_numpy(dtype=float)[used] / BASE_MVA
        effect = -p * dc.answers(node)
        if state.engine.share.size:
            by_node = np.zeros(state.arrays.n_nodes)
            by_node[state.engine.node] = state.engine.share
            some = np.flatnonzero(by_node)
            effect += p * (dc.answers(some) @ by_node[some])[:, None]
        for k in range(cases.generator.shape[1]):
            there = np.flatnonzero(machine[:, k])
            moved[:, there] += effect[:, np.searchsorted(used, cases.generator[there, k])]
    if (cases.branch >= 0).any():
        moved = moved + dc.changes_by_case(cases.branch, base_flow + moved)
    return moved


def _lets_go(state: State, cases: Cases) -> BoolArray:
    """Cases that lose a machine that holds a voltage. [case]"""
    holds = np.append(state.arrays.holds, False)  # for the −1 beyond the last
    return np.asarray(holds[cases.generator].any(axis=1))
