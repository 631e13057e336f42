"""Leads: the buckets of hours ahead; what is learned about errors is learned per bucket."""

from __future__ import annotations

import numpy as np

from gridloop.units import FloatArray, IntArray

EDGES_H = (1.0, 3.0, 6.0, 12.0, 24.0)
"""Leads [h] at which a new bucket begins."""

BUCKETS = len(EDGES_H) + 1

LONGEST_H = 48.0
"""Leads that are learned are less than this."""

LAST_H = LONGEST_H + 1.0
"""Forecasts begin less than this ahead: from the midnight before it, a local day of 25 hours goes on so long."""


def bucket(lead_h: FloatArray) -> IntArray:
    """Bucket of each lead; 0 … BUCKETS − 1."""
    return np.searchsorted(EDGES_H, lead_h, side="right")
