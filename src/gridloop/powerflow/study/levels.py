"""Cases and levels: which scenarios belong to one customer-by-customer state of adoption, and how far that one goes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import BadInput
from gridloop.units import IntArray


@dataclass(frozen=True)
class Levels:
    """Scenario i belongs to case i // hours; case c has the level c mod (number of levels).

    hours  scenarios of a case
    cases  how many cases there are
    table  one row per level in rising order: what it stands for, such as `pv_share`
    """

    hours: int
    cases: int
    table: pd.DataFrame

    def __post_init__(self) -> None:
        if self.hours < 1 or self.cases < 1 or len(self.table) < 1:
            raise BadInput(
                f"Levels need at least one hour, case and level, not {self.hours}, {self.cases} and {len(self.table)}."
            )

    def level_of_case(self) -> IntArray:
        """Row of `table` of every case. [case]"""
        return np.arange(self.cases) % len(self.table)
