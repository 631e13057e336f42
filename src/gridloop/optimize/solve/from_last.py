"""A session that begins with the basis another one ended its first solve with: models of the same shape."""

from __future__ import annotations

import highspy

from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.solve.linear import Session
from gridloop.optimize.solve.outcome import Outcome

Basis = highspy.HighsBasis


class FromLast(Session):
    """A linear model that is solved from a basis where that fits, and keeps its own for the next.

    first_basis  of the first solve, before anything was settled: what comes after is another question
    """

    def __init__(self, model: LabelledModel, basis: Basis | None, time_limit_s: float) -> None:
        super().__init__(model, time_limit_s=time_limit_s, coupled=True)
        self.first_basis: Basis | None = None
        size = self._highs.getNumCol(), self._highs.getNumRow()
        if basis is not None and (len(basis.col_status), len(basis.row_status)) == size:
            self._interior_first = self._highs.setBasis(basis) != highspy.HighsStatus.kOk

    def run(self, share: float = 1.0) -> Outcome:
        """As of `Session`."""
        outcome = super().run(share)
        if self.first_basis is None and outcome.solved:
            self.first_basis = self._highs.getBasis()
        return outcome
