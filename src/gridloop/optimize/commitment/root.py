"""Where a search begins: the relaxation of the whole model, or, for large ones, first prices and what pays at them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gridloop.optimize.commitment.bounding import bound_node
from gridloop.optimize.commitment.lagrangian import UnitBound, above_best, applies, solve_alone
from gridloop.optimize.commitment.model import CommitmentModel
from gridloop.optimize.commitment.node import Node
from gridloop.optimize.commitment.relaxation import INTERIOR_FROM, Relaxation, fit_basis, read
from gridloop.optimize.commitment.shrink import shrink
from gridloop.optimize.commitment.walk import walk_prices
from gridloop.units import FloatArray

# Models with more decisions than this begin from first prices instead of their whole relaxation; the share of decisions
# that is open at first, and how often others may come in.
_LARGE = 10_000
_FIRST_SHARE = 0.1
_ROUNDS = 12
# Share of the time that is left that one relaxation may take: after it there has to be time for a plan.
_LP_SHARE = 0.6
# How far a relaxation with choices left out may be above its bound before more of them come in, in gaps asked for.
_LOST_SHARE = 0.2
# A balance that gives way by less than this in all is rounding of the solver.
_MISSING_MW = 1e-6


def find_root(
    relaxation: Relaxation,
    *,
    gap: float,
    keep: float,
    left_s: Callable[[], float],
    time_limit_s: float,
    told: Callable[[float], None],
) -> Node | str:
    """The node in which nothing is decided, or why there is none. The relaxation has its open choices afterwards.

    gap     asked for; keep: choices that cost more than this share of the objective beyond the best are left out
    left_s  time that is left, of time_limit_s in all; told is called with the bound as it rises
    """
    model = relaxation.model
    if model.on_off.u.size > _LARGE and applies(model) and model.grid is None:
        found = _by_prices(relaxation, gap, left_s, time_limit_s, told)
        # where not even the relaxed units can cover it at any price below the penalty, the whole model says why
        if found is not None and (not found.x.size or float(found.x[model.elastic].sum()) <= _MISSING_MW):
            return found
    return _whole(relaxation, gap, keep, left_s)


def _whole(relaxation: Relaxation, gap: float, keep: float, left_s: Callable[[], float]) -> Node | str:
    basis = None
    while True:
        model = relaxation.model
        part = shrink(model.program, relaxation.keep_rows)
        if part.infeasible:
            return "infeasible"
        session = part.session(integer=False)
        interior = basis is None and part.columns.size > INTERIOR_FROM
        start = basis and fit_basis(*basis, part)
        relaxed = session.relax(basis=start, interior=interior, time_limit_s=left_s())
        if not relaxed.solved:
            return relaxed.status
        x, choice = read(model, part, relaxed, model.arrays.may_on, model.arrays.may_off)
        if not relaxation.add_rows(x):
            break
        basis = session.basis, part
    prices = relaxed.row_dual[part.rows_at(np.concatenate([*model.balance, *model.reserve]))]
    relaxation.charge(prices)
    relaxation.set_open(choice, keep * abs(choice.bound))
    node = Node.root(choice.bound, x, choice)
    # in the small relaxation, for its basis; without it where time is up
    return bound_node(relaxation, node, gap=gap, best=np.inf, left_s=left_s) or node


def _by_prices(
    relaxation: Relaxation, gap: float, left_s: Callable[[], float], time_limit_s: float, told: Callable[[float], None]
) -> Node | None:
    """The root of a large model without its whole relaxation: from first prices, choices come in as they pay.

    None where it has no solution with the choices that are open.
    """
    model = relaxation.model
    walked = walk_prices(model, time_limit_s=0.1 * time_limit_s)
    choice = _choices_at(model, walked.price)
    otherwise = np.maximum(choice.on, choice.off).ravel()
    first = int(_FIRST_SHARE * otherwise.size)
    relaxation.charge(walked.price)
    relaxation.set_open(choice, float(np.partition(otherwise, first)[first]))
    node = Node.root(walked.bound, np.zeros(0), choice)
    for _ in range(_ROUNDS):
        node.basis = None  # from nothing: the solver's own reductions are worth more than a basis far away
        solved = relaxation.solve(node, _LP_SHARE * left_s())
        relaxed, basis, part = solved
        if relaxed.status == "infeasible":
            return None
        if not relaxed.solved:  # without x: there is no branching from it, but a bound, and plans near first prices
            return node
        node.x, node.choice = relaxation.read(solved, model.arrays.may_on, model.arrays.may_off)
        node.bound = max(node.bound, node.choice.bound)
        node.basis = (basis, part)
        told(node.bound)
        objective = relaxed.objective + part.constant
        if relaxation.add_rows(node.x):
            continue
        if objective - node.bound <= _LOST_SHARE * gap * abs(objective) or not relaxation.take_back(node.choice):
            break
    return node


def _choices_at(model: CommitmentModel, price: FloatArray) -> UnitBound:
    """What every choice costs at prices [hour, scenario] alone; without a bound."""
    none = np.zeros((model.arrays.n, model.arrays.hours))
    may = model.arrays.may_on, model.arrays.may_off
    return above_best(-np.inf, *solve_alone(model, price, np.zeros_like(price), none, none, none, *may))
