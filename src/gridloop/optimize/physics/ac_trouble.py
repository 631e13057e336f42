"""Why an AC optimal power flow has no answer: the least by which its balances and ratings would have to give way.

The elastic model lets every balance of P and Q miss, and every rating be exceeded, at a price of 1 per unit; what the
cheapest answer still buys is what resists. It always has a solution, so that this works where Ipopt only said that
there is none.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.errors import listed
from gridloop.optimize.nonlinear import NonlinearModel
from gridloop.optimize.optimal_flow import OptimalFlow, without_answer
from gridloop.optimize.physics.ac_block import AcBlock
from gridloop.optimize.physics.ac_model import AcModel
from gridloop.optimize.solve.ipopt import NonlinearOutcome
from gridloop.units import BASE_MVA, FloatArray, IntArray

# What gives way by less than this is the solver's rounding; MW, Mvar, MVA.
GAVE_WAY_MW = 1e-3
# An elastic re-solve gets this long, or what is left of the limit; without it there is still a status.
ELASTIC_S = 60.0

_ADVICE = {
    "infeasible": "Widen what is named, shed load there, or commit more generation nearby.",
    "time_limit": "Raise `time_limit_s`, or begin from an earlier answer with `start`.",
    "interrupted": "It was stopped from outside: call again to go on.",
    "unbounded": "Some generator earns without end: look for costs of the wrong sign where no limit holds.",
    "not_converged": "Begin from an answer for less load with `start`, or look at the balances named.",
    "solver_failed": "Look for numbers of very different size; report the case if there are none.",
}


class Elastic:
    """Rows of a block with slack: + up − down at the balances, − 2 rating · excess at the squared ratings."""

    def __init__(self, block: AcBlock, up: IntArray, down: IntArray, excess: IntArray) -> None:
        self._block, self._up, self._down, self._excess = block, up, down, excess
        self.lower, self.upper = block.lower, block.upper
        rate = block.moment.rate[block.limited]
        self._scale = -2.0 * np.maximum(np.concatenate([rate, rate]), 1e-3)
        balances, limits = np.arange(up.size), up.size + np.arange(excess.size)
        self._extra = np.concatenate([np.ones(up.size), -np.ones(up.size), self._scale])
        self._extra_row = np.concatenate([balances, balances, limits])
        self._extra_col = np.concatenate([up, down, excess])

    def jacobian_places(self) -> tuple[IntArray, IntArray]:
        row, col = self._block.jacobian_places()
        return np.concatenate([row, self._extra_row]), np.concatenate([col, self._extra_col])

    def hessian_places(self) -> tuple[IntArray, IntArray]:
        return self._block.hessian_places()

    def rows(self, x: FloatArray, out: FloatArray) -> None:
        self._block.rows(x, out)
        out += np.bincount(self._extra_row, weights=self._extra * x[self._extra_col], minlength=out.size)

    def jacobian(self, x: FloatArray, out: FloatArray) -> None:
        own = out.size - self._extra.size
        self._block.jacobian(x, out[:own])
        out[own:] = self._extra

    def hessian(self, x: FloatArray, weight: FloatArray, out: FloatArray) -> None:
        self._block.hessian(x, weight, out)


def explain_failure(model: AcModel, outcome: NonlinearOutcome, build_s: float) -> OptimalFlow:
    """A status that says what happened, and for what cannot be solved: what resists, by how much."""
    status = outcome.status
    causes = [f"The solver ended with {outcome.said} after {outcome.iterations} iterations."]
    facts: dict[str, Any] = {"solver": outcome.said}
    left = ELASTIC_S if model.deadline is None else min(ELASTIC_S, model.deadline - time.perf_counter())
    if status in ("infeasible", "not_converged") and left > 0:
        resists = what_resists(model, time_limit_s=left)
        if resists is not None and len(resists):
            causes = [_in_words(resists), *causes]
            facts["resists"] = resists.to_dict("records")
        elif resists is not None:  # the solver said "infeasible" of where it ended, which is not everywhere
            status = "not_converged"
            causes = ["No optimum was found, but a state that keeps all balances and limits exists.", *causes]
    diagnosis = Diagnosis(status, causes, _ADVICE.get(status, ""), facts)
    return without_answer(
        model.moment.net, "ac", status, diagnosis,
        build_s=build_s, solve_s=outcome.seconds, iterations=outcome.iterations,
    )  # fmt: skip


def what_resists(model: AcModel, *, time_limit_s: float = ELASTIC_S) -> pd.DataFrame | None:
    """What gives way in the elastic model: kind, element, amount, unit, the most first; empty where nothing has to;
    None where that model is not solved either."""
    m, block = model.moment, model.flow
    elastic = NonlinearModel()
    low, high = model.bounds()
    x0 = model.start()
    elastic.add_variables("state", low, high, x0)
    many, limits = 2 * m.n, 2 * block.limited.size
    for name, count in (("up", many), ("down", many), ("excess", limits)):
        elastic.add_variables(name, np.zeros(count), np.full(count, np.inf), np.full(count, 0.1))
    up, down, excess = (elastic.columns(name) for name in ("up", "down", "excess"))
    elastic.add_block(Elastic(block, up, down, excess))
    angle = np.flatnonzero(model.angle_limited)
    k = np.arange(angle.size)
    elastic.add_rows(
        "angle", np.concatenate([k, k]), np.concatenate([model.theta[m.tail[angle]], model.theta[m.head[angle]]]),
        np.concatenate([np.ones(k.size), -np.ones(k.size)]), m.angle_min[angle], m.angle_max[angle],
    )  # fmt: skip
    slack = np.concatenate([up, down, excess])
    elastic.minimize(slack, np.ones(slack.size), np.zeros(slack.size), 0.0)
    found = elastic.solve(options={"tol": 1e-6, "bound_relax_factor": 1e-8}, time_limit_s=time_limit_s)
    if not (found.solved or found.said == "Solved_To_Acceptable_Level"):
        return None
    gap = (found.x[up] - found.x[down]) * BASE_MVA
    over = np.zeros(block.limited.size)
    if over.size:
        s_tail, s_head = block.flows(found.x)
        size = np.maximum(np.abs(s_tail), np.abs(s_head))[block.limited]
        over = (size - m.rate[block.limited]) * BASE_MVA
    parts = [
        ("active_balance", m.bus, gap[: m.n], "MW"),
        ("reactive_balance", m.bus, gap[m.n :], "Mvar"),
        ("rating", m.branch_id[block.limited], np.maximum(over, 0.0), "MVA"),
    ]
    rows = [
        {"kind": kind, "element": str(names[int(i)]), "amount": float(amount[i]), "unit": unit}
        for kind, names, amount, unit in parts
        for i in np.flatnonzero(np.abs(amount) > GAVE_WAY_MW)
    ]
    table = pd.DataFrame(rows, columns=["kind", "element", "amount", "unit"])
    return table.sort_values("amount", key=np.abs, ascending=False, kind="stable", ignore_index=True)


def _in_words(resists: pd.DataFrame) -> str:
    """Sums by kind, and the elements that resist most."""
    said = []
    for kind, noun in _KINDS.items():
        rows = resists[resists["kind"] == kind]
        if len(rows):
            worst = [
                f"{e} ({a:+.4g} {u})" for e, a, u in zip(rows["element"], rows["amount"], rows["unit"], strict=True)
            ]
            total, unit = rows["amount"].abs().sum(), rows["unit"].iloc[0]
            said.append(f"{noun} by {total:.4g} {unit} in all, most at {listed(worst, 3)}")
    return f"No state that keeps all balances and limits was found; the nearest one misses {'; '.join(said)}."


_KINDS = {
    "active_balance": "active power",
    "reactive_balance": "reactive power",
    "rating": "ratings",
}
