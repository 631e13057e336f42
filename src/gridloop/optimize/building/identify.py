"""From readings to a model: every structure that the data is long enough for is fitted, and one is chosen.

Each is first fitted to the first two thirds and judged by its errors a day ahead in the last third. Among those within
a tenth of the best the one with the lowest Bayesian criterion over all readings is taken: a state that does not pay for
its parameters stays out. Likelihood ratios of nested structures are told beside it. To the one that is chosen a habit
of the day is added, and stays where the same rule takes it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import chi2

from gridloop.errors import BadInput
from gridloop.optimize.building.ahead import Ahead
from gridloop.optimize.building.likelihood import Found, Search
from gridloop.optimize.building.model import BuildingModel, Fit
from gridloop.optimize.building.readings import Readings, readings_of, refuse_too_short, structure_of
from gridloop.optimize.building.residuals import whiteness
from gridloop.optimize.building.structure import Structure
from gridloop.units import FloatArray

CANDIDATES = (
    ("indoor",),
    ("indoor", "mass"),
    ("indoor", "envelope"),
    ("indoor", "heater"),
    ("indoor", "mass", "heater"),
    ("indoor", "envelope", "heater"),
)
HELD_BACK = 1 / 3
HABIT_HOURS = 336.0
"""Readings from which a habit of the day is looked for: two weeks have each hour of it fourteen times."""
NEAR_BEST = 1.1
# A filter needs a day to find the hidden states; errors before are those of its start.
SETTLING_H = 24.0
Z95 = 1.959964


@dataclass(frozen=True, eq=False)
class _Candidate:
    structure: Structure
    search: Search
    found: Found
    validation: Ahead

    @property
    def count(self) -> int:
        return len(self.search.names)

    def bic(self, readings: int) -> float:
        return 2 * self.found.loss + self.count * float(np.log(readings))


def identify(
    data: pd.DataFrame, *, states: tuple[str, ...] | None, always: bool, habit: bool | None, zone: str, starts: int,
    seed: int,
) -> BuildingModel:  # fmt: skip
    """Arguments and errors as of `BuildingModel.fit`."""
    if starts < 1:
        raise BadInput(f"starts is {starts}; at least one search is needed.")
    read = readings_of(data, zone)
    asked = CANDIDATES if states is None else (states,)
    structures = [structure_of(data, each, always=always, zone=zone) for each in asked]
    refuse_too_short(read, structures[0], len(Search(structures[0], read).names))
    known = int(np.isfinite(read.y).sum())
    candidates: list[_Candidate] = []
    for structure in (s for s in structures if _fits(s, read)):
        smaller = [c for c in candidates if set(c.structure.states) < set(structure.states)]
        candidates.append(_judged(structure, read, smaller, starts, seed))
    chosen = _chosen(candidates, known)
    daily = replace(chosen.structure, habit=True)
    long_enough = known * read.hours >= HABIT_HOURS and _fits(daily, read)
    if habit or (habit is None and long_enough and not chosen.structure.boiler):
        candidates.append(_judged(daily, read, [chosen], 0, seed))
        chosen = candidates[-1] if habit else _chosen(candidates, known)
    model = _model(chosen.search, chosen.found, None)
    error, variance, _ = model._filter(read)
    settled = int(SETTLING_H / read.hours)
    fit = Fit(
        parameters=_parameters(chosen.search, chosen.found),
        candidates=_table(candidates, chosen, known),
        whiteness=whiteness((error / np.sqrt(variance))[settled:]),
        validation=chosen.validation,
        readings=known,
        hours=read.hours,
    )
    return _model(chosen.search, chosen.found, fit)


def _judged(structure: Structure, read: Readings, smaller: list[_Candidate], starts: int, seed: int) -> _Candidate:
    """A structure fitted to the first readings, judged on the rest, then fitted to all.

    starts  searches of its own, beside those that begin at what the smaller structures found; 0: no others
    """
    split = int(read.y.size * (1 - HELD_BACK))
    early = Search(structure, read.part(slice(0, split)))
    own = early.starts(starts, seed) if starts else []
    first = early.run([*own, *(_start_from(c, early) for c in smaller)])
    judged = _model(early, first, None)._ahead(read, max(1, round(24 / read.hours)), split)
    whole = Search(structure, read)
    found = whole.run([first.theta, *(whole.starts(max(1, starts // 2), seed + 1) if starts else [])])
    return _Candidate(structure, whole, found, judged)


def _chosen(candidates: list[_Candidate], known: int) -> _Candidate:
    best = min(c.validation.rmse_k for c in candidates)
    near = [c for c in candidates if c.validation.rmse_k <= NEAR_BEST * best] or candidates
    return min(near, key=lambda c: c.bic(known))


def _fits(structure: Structure, read: Readings) -> bool:
    try:
        refuse_too_short(read, structure, len(Search(structure, read).names))
    except BadInput:
        return False
    return True


def _start_from(smaller: _Candidate, search: Search) -> FloatArray:
    """A start where what both structures have is as the smaller one found it."""
    had = dict(zip(smaller.search.names, smaller.found.theta, strict=True))
    return np.array([had.get(name, first) for name, first in zip(search.names, search.first, strict=True)])


def _model(search: Search, found: Found, fit: Fit | None) -> BuildingModel:
    parameters, noises = search.values(found.theta)
    return BuildingModel(search.structure, parameters, noises, fit)


def _parameters(search: Search, found: Found) -> pd.DataFrame:
    """Values with the interval that the curvature of the likelihood gives, symmetric in what was searched."""
    deviation = np.sqrt(np.diag(search.cover(found.theta)))
    value = search.plain(found.theta)
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = (search.plain(found.theta + end * Z95 * deviation) for end in (-1.0, 1.0))
    # Beyond a factor of a hundred the data does not tell it.
    known = np.isfinite(deviation) & (deviation * Z95 < np.where(search.signed, 1.0, np.log(100.0)))
    table = pd.DataFrame(
        {"value": value, "low": np.where(known, low, np.nan), "high": np.where(known, high, np.nan), "known": known},
        index=pd.Index(search.names, name="parameter"),
    )
    fixed = pd.DataFrame(
        {"value": list(search.fixed.values()), "low": np.nan, "high": np.nan, "known": False},
        index=pd.Index(list(search.fixed), name="parameter"),
    )
    return pd.concat([fixed, table]) if search.fixed else table


def _table(candidates: list[_Candidate], chosen: _Candidate, known: int) -> pd.DataFrame:
    rows = []
    for c in candidates:
        inside = [other for other in candidates if _nested(other.structure, c.structure)]
        nearest = max(inside, key=lambda other: other.count, default=None)
        p_value = float("nan")
        if nearest is not None:
            gained = max(0.0, 2 * (nearest.found.loss - c.found.loss))
            p_value = float(chi2.sf(gained, c.count - nearest.count))
        rows.append(
            {
                "structure": c.structure.name,
                "parameters": c.count,
                "loss": c.found.loss,
                "bic": c.bic(known),
                "validation_rmse_k": c.validation.rmse_k,
                "nested_in": "" if nearest is None else nearest.structure.name,
                "p_value": p_value,
                "chosen": c is chosen,
            }
        )
    return pd.DataFrame(rows).set_index("structure")


def _nested(small: Structure, large: Structure) -> bool:
    """A mass is an envelope without an outside."""

    def opened(states: tuple[str, ...]) -> set[str]:
        return {"envelope" if s == "mass" else s for s in states}

    if small.habit != large.habit:
        return large.habit and small.states == large.states
    if small.states == large.states:
        return False
    fewer = opened(small.states) < opened(large.states)
    same = opened(small.states) == opened(large.states) and "mass" in small.states and "envelope" in large.states
    return same or (fewer and not ("envelope" in small.states and "mass" in large.states))
