"""What every forecaster refuses in the same words: not fitted, other inputs than at the fit, points without a value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gridloop.errors import GapInSeries, OutOfRange, listed
from gridloop.units import FloatArray


def must_be_fitted(learned: object) -> None:
    """Raises `OutOfRange` where a forecaster has learned nothing: no points, no step, not fitted."""
    if not learned:
        raise OutOfRange("forecaster: not fitted yet. Call fit(history, until=...) first.")


def same_inputs(fitted: object, given: object, what: str, name: str = "") -> None:
    """Raises `OutOfRange` where an input is there and was not at the fit, or the other way round.

    fitted, given  whether it was and is there; what: the input; name: what is in it, where that says more
    """
    if bool(fitted) != bool(given):
        has, lacks = ("with", "none is given") if fitted else ("without", "some is given")
        before = f"{has} {name}" if name else has
        raise OutOfRange(f"{what}: fitted {before}, and {lacks}. Fit and predict with the same inputs.")


def nobody_lost(points: Sequence[str], values: FloatArray, lack: str) -> None:
    """Raises `GapInSeries` where an answer [quantile, moment, point] has no number; lack: why, and what to do."""
    gone = np.asarray(~np.isfinite(values).all(axis=(0, 1)))
    lost = [p for p, gap in zip(points, gone, strict=True) if gap]
    if lost:
        raise GapInSeries(f"history: {len(lost)} of {len(points)} points have {lack.format(listed(lost))}", points=lost)
