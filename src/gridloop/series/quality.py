"""Quality codes: how far a value can be trusted."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from gridloop.units import FloatArray


class Quality(IntEnum):
    """Of one value; higher is worse. `MISSING` goes with NaN and with nothing else."""

    GOOD = 0
    ESTIMATED = 1
    SUSPECT = 2
    MISSING = 3


def quality_of(values: FloatArray) -> NDArray[np.int8]:
    """`GOOD` where there is a value and `MISSING` where it is NaN; same shape."""
    return np.where(np.isnan(values), Quality.MISSING, Quality.GOOD).astype(np.int8)
