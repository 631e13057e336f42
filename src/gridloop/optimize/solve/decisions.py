"""What a session knows of its whole decisions: starts that others propose, what is proven, and time that is left."""

from __future__ import annotations

from collections.abc import Sequence

import highspy
import numpy as np

from gridloop.optimize.solve.outcome import Outcome, relative_gap
from gridloop.optimize.solve.rows import Fix
from gridloop.optimize.solve.whole import WholeSearch
from gridloop.units import IntArray

# A start that leaves whole decisions open may search them for this share of the time.
START_SHARE = 0.1


class Decisions:
    """The whole decisions of a `Session`, where it has some."""

    _search: WholeSearch | None
    _highs: highspy.Highs
    _column_of: IntArray

    def run(self, share: float = 1.0) -> Outcome:
        """Solve, in this share of the time that is left."""
        raise NotImplementedError

    @property
    def has_whole(self) -> bool:
        """True where some decisions are whole numbers."""
        return self._search is not None

    def start(self, fixes: Sequence[Fix]) -> Outcome:
        """Try whole decisions that somebody proposes; the cheapest solution known is what the next search begins with.

        fixes  bounds of these variables while it is tried; whole decisions that they leave open are searched for
        """
        assert self._search is not None, "nothing here is a whole decision"
        search, lp = self._search, self._highs.getLp()
        columns = [self._column_of[fix.labels] for fix in fixes]
        before = [(np.asarray(lp.col_lower_)[at].copy(), np.asarray(lp.col_upper_)[at].copy()) for at in columns]
        best, cost, bound = search.start, search.cost, search.bound
        self._set(fixes)
        search.start = None
        outcome = self.run(share=START_SHARE)
        self._set([Fix(fix.labels, *bounds) for fix, bounds in zip(fixes, before, strict=True)])
        search.start, search.cost, search.bound, search.spent = best, cost, bound, False
        if outcome.solved and outcome.objective < cost:
            search.start, search.cost = outcome._x, outcome.objective
        return outcome

    def holds_all_whole(self, fixes: Sequence[Fix]) -> bool:
        """True where these bounds leave no whole decision open."""
        assert self._search is not None, "nothing here is a whole decision"
        held = [self._column_of[fix.labels[fix.lower == fix.upper]] for fix in fixes]
        return bool(np.isin(self._search.columns, np.concatenate([np.zeros(0, dtype=np.int64), *held])).all())

    def relax_whole(self) -> None:
        """Learn a bound from the model without whole numbers, where none is known that is near the best solution."""
        search = self._search
        if search is not None and not relative_gap(search.cost, search.bound) <= search.mip_gap:
            search.relax(self._highs)

    def know(self, bound: float) -> None:
        """Somebody has proven that no solution costs less: a search stops where that is near enough."""
        if self._search is not None:
            self._search.know(bound)

    @property
    def best(self) -> float:
        """Cost of the cheapest solution known, infinite where none is."""
        return np.inf if self._search is None else self._search.cost

    @property
    def gap(self) -> float:
        """How far from the best that solution may be, relative to its cost; infinite where nothing is proven."""
        return 0.0 if self._search is None else relative_gap(self._search.cost, self._search.bound)

    @property
    def mip_gap(self) -> float:
        """How far it may be and still count as the best."""
        return 0.0 if self._search is None else self._search.mip_gap

    def took(self, seconds: float) -> None:
        """Somebody else used time that was meant for the search of whole decisions."""
        if self._search is not None:
            self._search.took(seconds)

    def _set(self, fixes: Sequence[Fix]) -> None:
        for part in fixes:
            columns = self._column_of[part.labels].astype(np.int32)
            self._highs.changeColsBounds(columns.size, columns, part.lower, part.upper)
