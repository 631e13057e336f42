"""What the fields of a device must be: finite, of the right sign, without gaps, told all at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.units import FloatArray


def not_negative(device: Any, names: Sequence[str]) -> list[str]:
    """A problem for every field that is negative, infinite or missing."""
    return [
        f"{name} is {getattr(device, name)}; it must not be negative"
        for name in names
        if not 0 <= getattr(device, name) < np.inf
    ]


def positive(device: Any, names: Sequence[str]) -> list[str]:
    """A problem for every field that is not a positive, finite number."""
    return [
        f"{name} is {getattr(device, name)}; it must be positive"
        for name in names
        if not 0 < getattr(device, name) < np.inf
    ]


def finite(device: Any, names: Sequence[str]) -> list[str]:
    """A problem for every field that is missing or infinite; one that is None is left to its default."""
    given = {name: getattr(device, name) for name in names}
    return [
        f"{name} is {value}; it must be a number"
        for name, value in given.items()
        if value is not None and not np.isfinite(value)
    ]


def with_zone(device: Any, names: Sequence[str]) -> list[str]:
    """A problem for every time that has no zone."""
    given = {name: getattr(device, name) for name in names}
    return [f"{name} has no time zone; give UTC" for name, at in given.items() if at is not None and at.tzinfo is None]


def refuse(kind: str, device: Any, problems: Sequence[str]) -> None:
    """Raise `OutOfRange` where there are any."""
    if problems:
        raise OutOfRange(f"{kind} {device.id}: {'; '.join(problems)}.", device=device.id, problems=list(problems))


def without_gaps(kind: str, device: Any, names: Sequence[str]) -> None:
    """Raise `GapInSeries` where a value of a series is missing."""
    for name in names:
        values = np.asarray(getattr(device, name), dtype=float)
        missing = int(np.isnan(values).sum())
        if missing:
            raise GapInSeries(
                f"{kind} {device.id}: {missing} of {values.size} values of {name} are missing. "
                "Missing is not zero: fill them by name with a forecast or persistence.",
                device=device.id,
            )


def wrong_lengths(device: Any, names: Sequence[str], steps: int) -> list[str]:
    """A problem for every series that has neither one value nor one per interval."""
    sizes = {name: np.size(getattr(device, name)) for name in names}
    return [
        f"{name} has {size} values for {steps} intervals"
        for name, size in sizes.items()
        if size not in (1, steps)
    ]  # fmt: skip


def over_steps(value: FloatArray | float, steps: int) -> FloatArray:
    """A number or a series as one value per interval. [step]"""
    return np.array(np.broadcast_to(np.asarray(value, dtype=float), (steps,)))


def clock(time: pd.Timestamp) -> str:
    """`2026-06-15 07:00 UTC`, for messages."""
    return f"{time.tz_convert('UTC'):%Y-%m-%d %H:%M} UTC"
