"""Verdict: whether what was found in the inputs leads to the fallback, or is left out and gone on without."""

from __future__ import annotations

import numpy as np

from gridloop.forecast.known.past import Past
from gridloop.forecast.operation.finding import Finding
from gridloop.forecast.operation.gaps import Gaps

FEW = 0.002
"""Share of a history that may be unusual without being a fault: what is usual was learned with as much on its edges."""


def decided(gaps: Gaps, past: Past, believed: Past, found: list[Finding]) -> list[Finding]:
    """The findings, and whether they decide: where too little of the newest day or week is left.

    past      as it came; believed: without what the checks do not believe
    found     what they said, and stamps that came twice
    Missing and stale values are found here.
    """
    decided = []
    weak = gaps.too_many(believed)
    # a value that came twice did come
    came = past.values.copy()
    for f in found:
        if f.kind == "duplicate":
            came[f.rows, past.points.index(f.point)] = 0.0
    whole = Past(past.points, came, past.first, past.step_ns)
    stopped = gaps.stopped(whole)
    came[np.arange(past.first, past.end)[:, None] > np.where(stopped > 0.0, whole.last(), past.end)] = 0.0
    holes = gaps.too_many(whole)
    week = np.arange(len(past.values)) >= len(past.values) - 7 * past.per_day
    for p, point in enumerate(past.points):
        own = [f for f in found if f.point == point]
        recent = [f for f in own if (f.rows & week).any()]
        # two values for one time mean a clock or a feed gone wrong, however few they are
        doubt = any(f.kind == "duplicate" for f in recent)
        decides = bool(weak[p] or stopped[p] or doubt)
        decided += [Finding(f.kind, f.point, f.rows, f.text, not (decides and f in recent)) for f in own]
        if stopped[p]:
            gone = np.arange(len(past.values)) > past.last()[p] - past.first
            text = f"{point}: nothing came for the last {stopped[p]:g} h."
            decided.append(Finding("stale", point, gone, text, mended=False))
        if holes[p] or (weak[p] and not (recent or stopped[p])):
            missing = np.isnan(came[:, p]) & week
            text = f"{point}: {int(missing.sum())} of the {7 * past.per_day} values of the last week are missing."
            decided.append(Finding("missing", point, missing, text, mended=False))
    return decided


def but_few(past: Past, believed: Past, newest: int) -> Past:
    """The believed past of a training, with the few odd values of points that have no more than them: `past` itself
    where none has more.

    newest  rows at the end of which nothing was learned: there every value counts
    """
    lost = np.isfinite(past.values) & ~np.isfinite(believed.values)
    old = len(lost) - newest
    odd = (lost[:old].sum(axis=0) <= FEW * old) & ~lost[old:].any(axis=0)
    return (
        past if odd.all() else Past(past.points, np.where(odd, past.values, believed.values), past.first, past.step_ns)
    )
