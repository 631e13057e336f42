"""Whole decisions to begin a search with, proposed by the kinds of devices that have them.

A kind with a method `begin_with(rest) -> list[Fix]` proposes what goes well with everything else as it stands
(`rest.py`). The proposals are held, the linear model answers them, batteries and all, and with that answer they are
asked once more. A kind without the method leaves its whole decisions to the solver's own search.

By `beaten_by(outcome, prices)` a kind says how much cheaper its devices could be at the prices of an answer, each for
itself. The rest of the plan is linear and best at its own prices, so that the cost less all of that is a bound
(Lagrange): where it is near enough, nothing is searched.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from gridloop.optimize.devices.group import Group
from gridloop.optimize.devices.rest import Rest
from gridloop.optimize.physics.copper_plate import CopperPlate
from gridloop.optimize.problems.problem import Problem
from gridloop.optimize.solve import Fix, Outcome, Session
from gridloop.units import FloatArray

# How often the kinds are asked; a second time pays where something that stores or answers stands beside them.
ASKED = 3
# Of the time for the whole plan, what each asking may take.
SHARE = 0.05
# And of what is left a kind's own bound, where the relaxed model's lies below the best answer by more than a share.
BOUND_SHARE, WEAK = 0.25, 0.02
# An answer that is cheaper by less than this share is the same again.
SAME_COST = 1e-6


def give_start(session: Session, problem: Problem, time_limit_s: float, *, alone: bool) -> None:
    """Give the session's first search the best start that the kinds propose together; nothing where none proposes.

    alone  True where nothing but the power balance, limits and the connection joins the devices: then the kinds' own
           bounds at the prices of an answer are one of the whole problem
    """
    asked: list[Any] = [group for group in problem.groups if hasattr(group, "begin_with")]
    if not session.has_whole or not asked:
        return
    steps, cost = len(problem.horizon), np.inf
    taken = {group.kind: _given(group, steps) for group in problem.groups}
    seconds = {group.kind: getattr(group, "start_share", SHARE) * time_limit_s / len(asked) for group in asked}
    one = alone and len(asked) == 1 and hasattr(asked[0], "least_cost")
    decides = one and _nothing_else(session, problem, asked[0])
    for _ in range(ASKED):
        began = time.perf_counter()
        fixes = _proposed(asked, taken, problem, seconds)
        session.took(time.perf_counter() - began)
        outcome = session.start(fixes)
        if not outcome.solved:
            break
        if alone and session.holds_all_whole(fixes) and all(hasattr(group, "beaten_by") for group in asked):
            prices = problem.local_prices(outcome)
            session.know(outcome.objective - sum(group.beaten_by(outcome, prices) for group in asked))
        if outcome.objective >= cost - SAME_COST * abs(cost):
            break
        cost = outcome.objective
        taken = {group.kind: taken_mw(group, outcome, steps) for group in problem.groups}
        if decides or len(taken) == len(asked) == 1:  # nothing answers, and it would say the same again
            break
    session.relax_whole()
    if decides:
        _own_bound(session, problem, asked[0], time_limit_s)


def _nothing_else(session: Session, problem: Problem, group: Any) -> bool:
    """True where a group alone decides: no network lies between, and what the others may give never pays.

    A load that may be left unserved gives u at a price v. Served instead, energy costs more by its price and the peak
    by no more than its own: where v is above both together, no plan is cheaper for leaving it.
    """
    link = problem.connection
    if not isinstance(problem.physics, CopperPlate):
        return False
    worth = np.maximum(link.import_price, 0.0) * problem.horizon.hours + link.connection.peak_price_per_mw
    for other in problem.groups:
        if other is group:
            continue
        money: dict[int, float] = {}
        for part in other.cost().values():
            low, high = session.bounds(part.labels)
            if ((high > low) & ((part.coefficients < 0) | (low < 0))).any():
                return False
            for label, each in zip(part.labels.tolist(), part.coefficients.tolist(), strict=True):
                money[label] = money.get(label, 0.0) + each
        for term in other.terms():
            low, high = session.bounds(term.labels)
            price = np.vectorize(lambda label, known=money: known.get(label, 0.0), otypes=[float])(term.labels)
            gives = np.broadcast_to(np.asarray(term.p, dtype=float), term.labels.shape)
            pays = (gives < 0) | (price < gives * worth) | (low < 0)
            if ((high > low) & pays & (gives != 0)).any():
                return False
        if other.offers():
            return False
    return True


def _own_bound(session: Session, problem: Problem, group: Any, time_limit_s: float) -> None:
    """Let a kind prove how cheap a plan can be at best, where there is a plan and the relaxed model proves little."""
    if session.gap <= WEAK or not np.isfinite(session.best):
        return
    began = time.perf_counter()
    taken = {other.kind: _given(other, len(problem.horizon)) for other in problem.groups if other is not group}
    rest = _rest(problem, taken, group.kind, getattr(group, "bound_share", BOUND_SHARE) * time_limit_s)
    session.know(group.least_cost(rest, session.best, session.mip_gap))
    session.took(time.perf_counter() - began)


def _rest(problem: Problem, taken: dict[str, FloatArray], kind: str, seconds: float) -> Rest:
    """Everything but one kind, as it stands."""
    nothing, link = np.zeros(len(problem.horizon)), problem.connection
    others = np.asarray(sum((mw for name, mw in taken.items() if name != kind), nothing))
    return Rest(problem.horizon, others, link.import_price, link.export_price, link.connection, seconds)


def _proposed(
    asked: Sequence[Any], taken: dict[str, FloatArray], problem: Problem, seconds: dict[str, float]
) -> list[Fix]:
    return [fix for group in asked for fix in group.begin_with(_rest(problem, taken, group.kind, seconds[group.kind]))]


def taken_mw(group: Group, outcome: Outcome, steps: int) -> FloatArray:
    """What a group takes, less what it gives, in a solution. [step]"""
    moved = (np.sum(np.broadcast_to(term.p, term.labels.shape) * outcome.at(term.labels), axis=0)
             for term in group.terms())  # fmt: skip
    return np.asarray(_given(group, steps) - sum(moved, np.zeros(steps)))


def _given(group: Group, steps: int) -> FloatArray:
    """What a group takes whatever is decided. [step]"""
    return -np.asarray(sum((given.p_mw.sum(axis=0) for given in group.given()), np.zeros(steps)))
