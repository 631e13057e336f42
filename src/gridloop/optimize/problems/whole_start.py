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
from gridloop.optimize.problems.problem import Problem
from gridloop.optimize.solve import Fix, Outcome, Session
from gridloop.units import FloatArray

# How often the kinds are asked; a second time pays where something that stores or answers stands beside them.
ASKED = 3
# Of the time for the whole plan, what each asking may take.
SHARE = 0.05
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
    for _ in range(ASKED):
        began = time.perf_counter()
        fixes = _proposed(asked, taken, problem, SHARE * time_limit_s / len(asked))
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
        if len(taken) == len(asked) == 1:
            break
    session.relax_whole()


def _proposed(asked: Sequence[Any], taken: dict[str, FloatArray], problem: Problem, seconds: float) -> list[Fix]:
    nothing, link = np.zeros(len(problem.horizon)), problem.connection
    return [
        fix
        for group in asked
        for fix in group.begin_with(
            Rest(
                problem.horizon,
                np.asarray(sum((mw for kind, mw in taken.items() if kind != group.kind), nothing)),
                link.import_price,
                link.export_price,
                link.connection,
                seconds,
            )
        )
    ]


def taken_mw(group: Group, outcome: Outcome, steps: int) -> FloatArray:
    """What a group takes, less what it gives, in a solution. [step]"""
    moved = (np.sum(np.broadcast_to(term.p, term.labels.shape) * outcome.at(term.labels), axis=0)
             for term in group.terms())  # fmt: skip
    return np.asarray(_given(group, steps) - sum(moved, np.zeros(steps)))


def _given(group: Group, steps: int) -> FloatArray:
    """What a group takes whatever is decided. [step]"""
    return -np.asarray(sum((given.p_mw.sum(axis=0) for given in group.given()), np.zeros(steps)))
