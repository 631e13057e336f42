"""Asked: the intervals of one issue, refused where they are not ahead or too far."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.forecast.known.leads import LAST_H
from gridloop.forecast.known.moments import Moments
from gridloop.forecast.known.past import Past, slots_of


def asked(past: Past, issued_at: pd.Timestamp, valid_at: pd.DatetimeIndex) -> Moments:
    """The moments of one issue. Raises `OutOfRange` where an interval is not ahead, or too far."""
    valid = slots_of(valid_at, past.step_ns)
    moments = Moments(np.full(len(valid), past.end), valid)
    lead_h = past.hours(moments.lead)
    outside = np.asarray((lead_h < 0.0) | (lead_h >= LAST_H))
    if outside.any():
        raise OutOfRange(
            f"valid_at: {int(outside.sum())} of {len(valid)} intervals do not begin within {LAST_H:g} h from the "
            f"issue at {issued_at}; first {valid_at[outside][0]}. Ask for those only.",
            count=int(outside.sum()),
            issued_at=issued_at,
        )
    return moments
