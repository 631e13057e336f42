"""Which outages a secure DC flow has to survive: ids to branches, without those that cut nodes off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, OutOfRange, listed
from gridloop.optimize.case import Moment
from gridloop.optimize.physics.dc_limits import Outages
from gridloop.powerflow.sensitivities import DcGrid

if TYPE_CHECKING:
    from gridloop.optimize.physics.dc import Security

# Outages looked at together: a block of factors [branch, these] at a time.
_BLOCK = 512


def outages_of(moment: Moment, grid: DcGrid, security: Security) -> tuple[Outages, tuple[str, ...]]:
    """Outages to survive, and the ids of those that are left out because they split the grid.

    Raises `BadInput` for ids that are no branch in service, `OutOfRange` for a factor that is not positive.
    """
    if not security.factor > 0:
        raise OutOfRange(
            f"a short-term rating of {security.factor:g} times the rating is none; give a factor above 0, such as 1.2.",
            factor=security.factor,
        )
    if security.outages is None:
        branch = np.arange(moment.tail.size)
    else:
        known = moment.branch_id.get_indexer(pd.Index(security.outages, dtype=object))
        unknown = [name for name, at in zip(security.outages, known, strict=True) if at < 0]
        if unknown:
            raise BadInput(
                f"{len(unknown)} outages are no line or transformer in service between two nodes: {listed(unknown)}.",
                outages=unknown,
            )
        branch = np.unique(known)
    whole = np.ones(branch.size, dtype=bool)
    for first in range(0, branch.size, _BLOCK):
        block = branch[first : first + _BLOCK]
        whole[first : first + _BLOCK] = ~grid.splits(block)
    limit = security.factor * moment.rate
    left_out = tuple(str(name) for name in moment.branch_id[branch[~whole]])
    return Outages(branch[whole], -limit, limit), left_out
