"""Rounds of a plan: solve, let the physics look, take whole decisions, and again until both agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gridloop.optimize.devices.group import Group
from gridloop.optimize.physics.base import Physics
from gridloop.optimize.solve import Outcome, Session

MAX_ROUNDS = 16
RELAXED_ROUNDS = 3
# Where a physics looks at every solution, a search of whole decisions takes this share of the time that is left: later
# rounds have new limits to answer.
SEARCH_SHARE = 0.5
# Every round of settling fixes at least one decision, and there are few left to take after the first.
SETTLING_ROUNDS = 6


@dataclass(frozen=True)
class End:
    """How the rounds ended: the last outcome, how many there were, the solver's seconds, and whether all agreed."""

    outcome: Outcome
    rounds: int
    seconds: float
    settled: bool


def solve_in_rounds(session: Session, groups: Sequence[Group], physics: Physics) -> End:
    """Solve, settle what a linear plan leaves open, and refine until the physics agrees.

    The first rounds stay relaxed, so that whole decisions are taken with the limits already in view. The last thing
    that happens to a plan is that the physics looks at it.
    """
    share = SEARCH_SHARE if session.grows else 1.0
    outcome = session.run(share)
    seconds = outcome.seconds
    for round_ in range(1, MAX_ROUNDS + SETTLING_ROUNDS + 1):
        if not outcome.solved:
            break
        agreed = physics.refine(session, outcome)
        whole = agreed or round_ > RELAXED_ROUNDS
        fixes = [fix for group in groups for fix in group.settle(outcome)] if whole else []
        if not fixes and (agreed or round_ >= MAX_ROUNDS):
            return End(outcome, round_, seconds, agreed)
        if round_ < MAX_ROUNDS + SETTLING_ROUNDS:
            session.settle(fixes)
            outcome = session.run(share)
            seconds += outcome.seconds
    return End(outcome, round_, seconds, False)
