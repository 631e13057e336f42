"""From an infeasible linear system to a diagnosis: the minimal set, the least relaxation, and both in words."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gridloop.diagnosis import Diagnosis
from gridloop.errors import listed
from gridloop.optimize.conflict.iis import MinimalSet, minimal_set
from gridloop.optimize.conflict.relax import LAWS, least_relaxation
from gridloop.optimize.conflict.system import LinearSystem
from gridloop.optimize.conflict.words import LEFT_OUT_FIRST, in_words, relaxation_in_words

# Longer sets say nothing to anybody; the least relaxation still does.
MOST = 5_000


def conflicting_rules(
    system: LinearSystem,
    *,
    time_limit_s: float = 10.0,
    left_out_first: Sequence[str] = LEFT_OUT_FIRST,
    plain: Sequence[str] = (),
    laws: Collection[str] | None = None,
) -> Diagnosis:
    """Why a linear system (or one with whole numbers) has no solution.

    left_out_first  kinds of rules in the order in which to try to explain the conflict without them
    plain           sentences of causes found without a solver; they come first
    laws            kinds that do not give in the least relaxation; None: nature's laws

    Facts: `conflict` (empty beyond `MOST` members; `conflict_size` counts them) and `relaxation`, lists of kind,
    element, hour, side, bound and excess; `minimal` (True where every member was seen to be needed), `whole_numbers`
    (True where fractions would do), `plain`, `seconds`.
    """
    started = time.perf_counter()
    excess = least_relaxation(system, laws=LAWS if laws is None else laws, time_limit_s=time_limit_s / 3)
    stretched = sorted(excess, key=lambda side: -excess[side])
    left = time_limit_s - (time.perf_counter() - started)
    found = minimal_set(system, left_out_first=left_out_first, near=stretched, time_limit_s=left)
    return diagnosis_of(system, found, system, excess, plain, time.perf_counter() - started)


def diagnosis_of(
    system: LinearSystem,
    found: MinimalSet,
    relaxed: LinearSystem,
    excess: Mapping[int, float],
    plain: Sequence[str],
    seconds: float,
) -> Diagnosis:
    """A set of one system and the least relaxation of another (or the same) in words, with facts as above."""
    causes = [*plain, *_causes(system, found)]
    advice = "Change one of these numbers; without any one of these rules the others can be met."
    if excess:
        told = relaxation_in_words(relaxed, excess)
        causes.append(f"The least that limits would have to give: {listed(told, 3)}.")
    if found.feasible:
        advice = ""
    elif not found.minimal:
        advice = "Allow the search more time (`time_limit_s`) for a smaller set."
    facts = {
        "conflict": [_fact(system, int(side)) for side in found.sides] if found.sides.size <= MOST else [],
        "conflict_size": int(found.sides.size),
        "relaxation": [{**_fact(relaxed, side), "excess": much} for side, much in excess.items()],
        "minimal": found.minimal,
        "whole_numbers": found.whole,
        "plain": list(plain),
        "solves": found.solves,
        "seconds": seconds,
    }
    return Diagnosis("feasible" if found.feasible else "infeasible", causes, advice, facts)


def _causes(system: LinearSystem, found: MinimalSet) -> list[str]:
    if not found.sides.size:
        if found.feasible:
            return ["The rules can hold together: nothing here is infeasible."]
        if found.whole:
            return ["In fractions the problem can be solved; whether it can in whole numbers was not decided in time."]
        return ["Whether the rules can hold together was not decided in time."]
    if found.sides.size > MOST:
        return [f"Among {found.sides.size} bounds and rows there is a contradiction; no smaller set was found in time."]
    told = in_words(system, found.sides)
    together = "These rules cannot hold together" if found.minimal else "Among these rules there is a contradiction"
    causes = [f"{together}: {'; '.join(told[:8])}{f'; and {len(told) - 8} more' if len(told) > 8 else ''}."]
    if found.whole:
        causes.append("In fractions they could: only that units are on or off and not in between makes them conflict.")
    return causes


def _fact(system: LinearSystem, side: int) -> dict[str, Any]:
    rule, which, bound = system.rule(side)
    return {"kind": rule.kind, "element": rule.element, "hour": rule.hour, "side": which, "bound": bound}
